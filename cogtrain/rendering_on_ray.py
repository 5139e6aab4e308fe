"""Rendering on a Ray cluster: each task writes some shards, to the same bytes as without."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cogtrain import _core
from cogtrain.cluster import Cluster, LostClusterError
from cogtrain.rendering import Progress, assist

_SHARDS_AT_ONCE = 4  # 2,000 stimuli: a second or two, against milliseconds to hand a task over


def shards_on_ray(
    cluster: Cluster,
    out: Path,
    recipe: Mapping[str, Any],
    *,
    cpus: int = 1,
    progress: Progress | None = None,
) -> Callable[[_core.SetWriter], None]:
    """What `render_set` is to let others do: all shards that are missing, by tasks of Ray.

    All machines see the folder that ``out`` lies in, at the same path. A task whose worker dies is
    repeated by Ray.

    Args:
        cluster: That this process is connected to.
        out: As given to `render_set`.
        recipe: As given to `render_set`.
        cpus: CPU cores, and threads, of a task.
        progress: Called after each task.
    """

    def ahead(writer: _core.SetWriter) -> None:
        import ray
        from ray.exceptions import RayError, RayTaskError

        work: Any = assist
        task = ray.remote(num_cpus=cpus)(work)
        missing, total = writer.missing(), int(recipe["count"])
        starts = range(0, len(missing), _SHARDS_AT_ONCE)
        parts = [missing[start : start + _SHARDS_AT_ONCE] for start in starts]
        tasks = [task.remote(out.absolute(), recipe, part, threads=cpus) for part in parts]
        left = len(missing)
        for done in cluster.results(tasks):
            try:
                left -= len(ray.get(done))
            except RayTaskError as error:
                raise error.cause from None
            except RayError as error:
                raise LostClusterError(" ".join(str(error).split())) from None
            if progress is not None:
                progress(round(total * (1 - left / max(1, len(missing)))), total)

    return ahead

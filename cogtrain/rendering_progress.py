"""Renders a set with a progress bar on a terminal, and says at the end how much it was."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from cogtrain.cluster import connect
from cogtrain.environment import usable_threads
from cogtrain.rendering import Extras, Progress, render_recipe, render_set
from cogtrain.rendering_on_ray import shards_on_ray


def render_and_tell(
    out: Path,
    recipe: Mapping[str, Any],
    extras: Extras,
    *,
    recipe_only: bool = False,
    ray: Mapping[str, Any] | None = None,
) -> None:
    """Writes the set of ``recipe`` into ``out`` and prints count, shards, bytes and seconds.

    The bar is drawn on stderr if that is a terminal; otherwise there is only the line at the end.

    Args:
        out: As for `render_set`.
        recipe: As for `render_set`.
        extras: As for `render_set`.
        recipe_only: Write no images.
        ray: Render on a Ray cluster: its `address`, and `cpus` of a task.

    Raises:
        ValueError: If the recipe is refused.
        OSError: If ``out`` holds something, or the disk refuses.
    """
    from cogtrain.stimuli import StimulusSet

    start = perf_counter()
    stimuli = StimulusSet.recipe(**recipe)
    with _bar("counting" if recipe_only else "rendering") as progress:
        if recipe_only:
            written = render_recipe(out, recipe=recipe, extras=extras, progress=progress)
        elif ray is not None:
            with connect(ray["address"], cpus=usable_threads()) as cluster:
                ahead = shards_on_ray(cluster, out, recipe, cpus=ray["cpus"], progress=progress)
                written = render_set(stimuli, out, recipe=recipe, extras=extras, ahead=ahead)
        else:
            written = render_set(stimuli, out, recipe=recipe, extras=extras, progress=progress)
    shards = f"{written.shards} shards" if written.shards else "recipe only"
    print(
        f"{written.stimuli} stimuli in {out} ({shards}, {written.bytes / 1e6:.1f} MB, "
        f"{perf_counter() - start:.1f} s)"
    )


@contextmanager
def _bar(words: str) -> Iterator[Progress | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

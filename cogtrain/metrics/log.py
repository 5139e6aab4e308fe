"""`metrics.jsonl`: one line per estimate, appended as training goes.

A line holds `stage, set, metric, step` and the fields of `Estimate`, `null` for what is undefined.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cogtrain.metrics.estimate import Estimate


class Logged(NamedTuple):
    """One line of `metrics.jsonl`.

    Attributes:
        stage: `val` or `test`.
        set: Name of the stimulus set.
        metric: Name of the metric.
        step: Optimizer steps taken.
        estimate: The number.
    """

    stage: str
    set: str
    metric: str
    step: int
    estimate: Estimate


def append_estimates(
    path: str | os.PathLike[str],
    estimates: Mapping[str, Estimate],
    *,
    stage: str,
    set: str,
    step: int,
) -> None:
    """Appends the `estimates` of one set, metric by metric.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "metrics.jsonl"
        >>> append_estimates(path, {"accuracy": Estimate(0.8)}, stage="val", set="tower", step=100)
        >>> read_estimates(path)[0].estimate.value
        0.8
    """
    place: dict[str, Any] = {"stage": stage, "set": set}
    lines = [
        json.dumps(place | {"metric": metric, "step": step} | estimate.record(), allow_nan=False)
        for metric, estimate in estimates.items()
    ]
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def read_estimates(path: str | os.PathLike[str]) -> list[Logged]:
    """Reads every estimate in the order written; other lines are passed over.

    A last line that a killed run left unfinished is passed over too.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line before the last one is not JSON; names file and line.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    logged = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(
                f"expected JSON in every line of `{path}`, got {line[:40]!r} in line {number}; "
                "remove that line"
            ) from error
        if isinstance(record, dict) and {"stage", "set", "metric", "value"} <= record.keys():
            place = (record["stage"], record["set"], record["metric"], record.get("step", 0))
            logged.append(Logged(*place, Estimate.from_record(record)))
    return logged

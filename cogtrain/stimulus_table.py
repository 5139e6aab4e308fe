"""The table of a stimulus set, ``stimuli.csv``: for spreadsheets, statistics and people.

Columns: ``stimulus_id, image`` (the member's name), ``shard``; for each question its answer, and
``<question>_simulated`` where a simulation gave a second opinion; ``disagreement``; ``margin_m``
(signed, positive: stands); the factors; then whatever else the record knows, as ``part.name``.
Scenes and lists stay in the records.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_TOLD = ("id", "answers", "simulated", "disagreement", "margin_m", "factors")
_LEFT_OUT = ("scene", "judged")


def row(record: Mapping[str, Any], shard: str) -> Row:
    """The line of the table that describes one stimulus.

    Args:
        record: What lies beside the image.
        shard: Name of the file that holds both.

    Example:
        >>> row({"id": "a1", "answers": {"will_fall": "yes"}, "factors": {"n_blocks": 3}}, "s.tar")
        ... # doctest: +NORMALIZE_WHITESPACE
        {'stimulus_id': 'a1', 'image': 'a1.png', 'shard': 's.tar', 'will_fall': 'yes',
         'margin_m': '', 'n_blocks': 3}
    """
    told: Row = {"stimulus_id": record["id"], "image": f"{record['id']}.png", "shard": shard}
    told |= record["answers"]
    differs = disagreement(record)
    if differs is not None:
        told |= {f"{question}_simulated": said for question, said in record["simulated"].items()}
        told["disagreement"] = differs
    told["margin_m"] = record.get("margin_m")
    rest = {k: v for k, v in record.items() if k not in (*_TOLD, *_LEFT_OUT)}
    # A factor never hides a column of ours: a task may well have a factor called `image`.
    for name, value in (*record["factors"].items(), *_scalars(rest)):
        told.setdefault(name, value)
    return {name: _cell(value) for name, value in told.items()}


def disagreement(record: Mapping[str, Any]) -> bool | None:
    """Whether simulation and statics differ in any answer; ``None`` without a simulation."""
    simulated = record.get("simulated")
    if not isinstance(simulated, dict):
        return None
    answers = record["answers"]
    return any(answers.get(question, said) != said for question, said in simulated.items())


def write_table(columns: Iterable[str], rows: Iterable[Row], path: Path) -> None:
    """Writes ``rows`` as CSV; a row that lacks a column has an empty cell there."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _scalars(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _scalars(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield prefix + name, value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value

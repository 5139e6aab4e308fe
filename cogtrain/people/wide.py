"""Wide matrices: stimuli × observers, or observers × stimuli.

An empty cell was not asked and is no judgment; `NA` was asked and not answered.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from cogtrain.people.columns import Columns
from cogtrain.people.reading import Reading
from cogtrain.people.trial import Trial
from cogtrain.photograph_table import read_rows

Rows = Literal["stimuli", "observers"]


def wide_trials(path: Path, reading: Reading, rows: Rows | None = None) -> Iterator[Trial]:
    """Trials of a matrix: ids in its first row and first column, answers elsewhere.

    Args:
        path: `.csv`, `.tsv` or `.parquet`.
        reading: What the answers mean; its `columns` and `where` do not apply.
        rows: What a row is. `None` finds the known stimuli, and asks if that does not decide.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, an id is empty or occurs twice, it cannot be told what a
            row is, or `reading` names columns.
    """
    source = f"`{path}`"
    if reading.columns or reading.where or reading.keep:
        raise ValueError(
            f"expected no `columns`, `where` or `keep` with the matrix {source}, got some; "
            "its columns are stimuli or observers"
        )
    header, table = read_rows(path)
    across = [name.strip() for name in header[1:]]
    down = [row.cells[header[0]].strip() for row in table]
    _check_ids(across, f"first row of {source}")
    _check_ids(down, f"first column of {source}")
    by_stimulus = (rows or _rows(across, down, reading, source)) == "stimuli"
    for number, (name, row) in enumerate(zip(down, table, strict=True), start=1):
        for column, other in zip(header[1:], across, strict=True):
            text = row.cells[column].strip()
            if not text:
                continue
            observer, stimulus = (other, name) if by_stimulus else (name, other)
            cells = {"observer_id": observer, "stimulus_id": stimulus, "response": text}
            place = f"column `{other}` of {source}"
            yield Columns(place, {key: key for key in cells}, reading).trial(cells, number)


def _check_ids(ids: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for name in ids:
        if not name or name in seen:
            raise ValueError(
                f"expected ids that differ in the {where}, got {name!r}"
                f"{' twice' if name else ''}; give each its own"
            )
        seen.add(name)
    if not ids:
        raise ValueError(f"expected ids in the {where}, got none; separate the columns by commas")


def _rows(across: Sequence[str], down: Sequence[str], reading: Reading, source: str) -> Rows:
    """What a row is: the axis all of whose ids are known stimuli, if only one is."""
    known = reading.shown.ids
    if known is None:
        raise ValueError(
            f"expected to be told what a row of {source} is, got neither `rows` nor known stimuli; "
            "say rows: stimuli or rows: observers"
        )
    is_down, is_across = known.issuperset(down), known.issuperset(across)
    if is_down == is_across:
        counts = [f"{sum(name in known for name in ids)} of {len(ids)}" for ids in (across, down)]
        raise ValueError(
            f"expected known stimuli in the first row or the first column of {source}, got "
            f"{counts[0]} and {counts[1]}; say rows: stimuli or rows: observers"
        )
    return "stimuli" if is_down else "observers"

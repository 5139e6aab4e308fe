"""Tidy tables: one row per answer, columns under any name."""

from collections.abc import Iterator
from pathlib import Path

from cogtrain.people.columns import Columns
from cogtrain.people.reading import FILE, Reading
from cogtrain.people.trial import Trial
from cogtrain.photograph_table import read_rows

SUFFIXES = (".csv", ".tsv", ".parquet")


def tidy_trials(path: Path, reading: Reading) -> Iterator[Trial]:
    """Trials of a table with one row per answer.

    The stimulus stands in `stimulus_id`, or is the one that `image` shows.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, lacks a column, or a row lacks a person or stimulus.
    """
    present, rows = read_rows(path)
    columns = Columns.of(reading, present, f"`{path}`")
    columns.require("observer_id", "response")
    if "image" not in columns.names:
        columns.require("stimulus_id")
    for number, row in enumerate(rows, start=1):
        cells = {FILE: path.stem} | row.cells
        is_judgment = reading.selects(cells)
        shown = reading.shown.stimulus(columns.get(cells, "image"), is_judgment=is_judgment)
        stimulus = columns.get(cells, "stimulus_id") or shown
        trial = columns.trial(cells, number, stimulus_id=stimulus, is_judgment=is_judgment)
        if trial.is_judgment and not trial.stimulus_id:
            raise ValueError(
                f"expected a stimulus in {trial.place}, got none; fill it in, remove the row, or "
                "say by `where` which rows are judgments"
            )
        yield trial

"""Columns: which column of one export stands for what."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cogtrain.complaint import unknown
from cogtrain.people.cell import Cells, number
from cogtrain.people.reading import COLUMNS, FILE, Reading
from cogtrain.people.trial import Device, Trial
from cogtrain.responses import is_missing


@dataclass(frozen=True)
class Columns:
    """Which column of one export stands for what, looked up once.

    Attributes:
        source: The file, for errors.
        names: Our name → the export's column, where there is one.
        reading: The rest of what is known.
    """

    source: str
    names: Mapping[str, str]
    reading: Reading

    @classmethod
    def of(cls, reading: Reading, present: Sequence[str], source: str) -> "Columns":
        """Looks every column up among those `present`.

        Raises:
            ValueError: If one that `reading` names is not there, or times have two units.
        """
        found = {name: reading.column(name, present, source) for name in COLUMNS}
        names = {name: column for name, column in found.items() if column is not None}
        if {"response_time_s", "response_time_ms"} <= set(names):
            raise ValueError(
                f"expected response times in one unit in {source}, got columns "
                f"`{names['response_time_s']}` (s) and `{names['response_time_ms']}` (ms); "
                "rename one"
            )
        for name in (*reading.where, *reading.keep):
            if name not in present and name != FILE:
                raise ValueError(f"{unknown('column', name, present)}; {source} has no such column")
        return cls(source, names, reading)

    def require(self, *wanted: str) -> None:
        """Raises a `ValueError` that names the first of `wanted` that no column stands for."""
        for name in wanted:
            if name not in self.names:
                raise ValueError(
                    f"expected a column `{name}` in {self.source}, got none; say which one stands "
                    f"for it: `columns` {{{name}: ...}}"
                )

    def get(self, cells: Cells, name: str) -> str:
        """Cell of our column `name`, trimmed; empty if there is no such column."""
        return cells.get(self.names.get(name, ""), "").strip()

    def trial(
        self,
        cells: Cells,
        row: int,
        *,
        stimulus_id: str = "",
        response: str = "",
        device: Device = "",
        is_judgment: bool = True,
    ) -> Trial:
        """The trial that a row is; id and response are given as far as a format knows better.

        Raises:
            ValueError: For a judgment without person, or a time that is no number of at least 0.
        """
        trial = Trial(
            source=self.source,
            row=row,
            observer_id=self.get(cells, "observer_id"),
            stimulus_id=stimulus_id or self.get(cells, "stimulus_id"),
            set=self.get(cells, "set") or self.reading.set or "",
            question=self.get(cells, "question") or self.reading.question,
            response=response or self.get(cells, "response"),
            truth=self.get(cells, "truth"),
            response_time_s=self._seconds(cells, row) if is_judgment else math.nan,
            device=device,
            is_judgment=is_judgment,
            cells=cells,
        )
        if is_judgment and not trial.observer_id:
            raise ValueError(
                f"expected a person's id in {trial.place}, got none; fill it in or remove the row"
            )
        return trial

    def _seconds(self, cells: Cells, row: int) -> float:
        for name, units in (("response_time_s", 1), ("response_time_ms", 1000)):
            text = self.get(cells, name)
            if is_missing(text):
                continue
            seconds = number(text) / units
            if not seconds >= 0:
                raise ValueError(
                    f"expected `{name}` to be a number of at least 0 in row {row} of "
                    f"{self.source}, got {text!r}; correct it or leave it empty"
                )
            return seconds
        return math.nan

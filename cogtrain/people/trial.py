"""Trial: one answer of one person, as an export has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Device = Literal["", "button", "key", "slider"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of an export.

    Attributes:
        source: The file, for errors; of a matrix, file and column.
        row: Where it stands there, from 1, without the header.
        observer_id: Who answered, as the export calls them.
        stimulus_id: What was judged; empty if nothing that has an id was shown.
        set: Stimulus set, or empty.
        question: What was asked.
        response: As exported; empty without an answer.
        truth: The true answer, by the words of the answers; empty if the export does not say.
        response_time_s: Seconds, `nan` where it was not measured.
        device: With what was answered, as far as the export knows.
        is_judgment: Whether it judges a stimulus; others may still be attention checks.
        cells: The whole row of the export by its own column names.
    """

    source: str
    row: int
    observer_id: str
    stimulus_id: str
    set: str
    question: str
    response: str
    truth: str
    response_time_s: float
    device: Device
    is_judgment: bool
    cells: Mapping[str, str]

    @property
    def place(self) -> str:
        """Where it stands, for errors."""
        return f"row {self.row} of {self.source}"

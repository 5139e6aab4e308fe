"""Prolific's export of a study: who took part, with what status, and how long it took.

The website writes `Participant id, Status, Time taken`, its interface `participant_id,
submission_status, time_taken_seconds`. Nothing else of it is read: it is personal data.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cogtrain.people.cell import number
from cogtrain.photograph_table import read_rows
from cogtrain.responses import is_missing

APPROVED = "APPROVED"
STATUSES = (
    "RESERVED",
    "ACTIVE",
    "TIMED-OUT",
    "AWAITING REVIEW",
    APPROVED,
    "PARTIALLY APPROVED",
    "RETURNED",
    "REJECTED",
    "SCREENED OUT",
)
"""Every status of a submission, after Prolific's documentation."""

_COLUMNS = {
    "participant": ("participant_id",),
    "status": ("status", "submission_status"),
    "time": ("time_taken", "time_taken_seconds"),
}


class Submission(NamedTuple):
    """One person's part in a study.

    Attributes:
        status: Such as `APPROVED`.
        time_taken_s: From start to completion in seconds; `nan` if it was not completed.
    """

    status: str
    time_taken_s: float


def read_submissions(path: Path) -> Mapping[str, Sequence[Submission]]:
    """Participant id → their submissions, mostly one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, lacks a column, or a time is not a number.
    """
    columns, rows = read_rows(path)
    plain = {name.strip().lower().replace(" ", "_"): name for name in columns}
    found: dict[str, str] = {}
    for name, spellings in _COLUMNS.items():
        column = next((plain[each] for each in spellings if each in plain), None)
        if column is None:
            raise ValueError(
                f"expected Prolific's column `{spellings[0]}` in `{path}`, got "
                f"{', '.join(columns)}; export the study's demographic data again"
            )
        found[name] = column
    submissions: dict[str, list[Submission]] = {}
    for place, row in enumerate(rows, start=1):
        text = row.cells[found["time"]].strip()
        seconds = float("nan") if is_missing(text) else number(text)
        if seconds != seconds and not is_missing(text):
            raise ValueError(
                f"expected seconds in column `{found['time']}` of `{path}`, got {text!r} in row "
                f"{place}; export it again"
            )
        status = row.cells[found["status"]].strip().upper().replace("_", " ")
        person = row.cells[found["participant"]].strip()
        submissions.setdefault(person, []).append(Submission(status, seconds))
    return submissions

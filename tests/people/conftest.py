"""An experiment as jsPsych would have saved it, and Prolific's list of who took part."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Session = list[dict[str, Any]]

# Ids as Prolific gives them: 24 hexadecimal digits.
PEOPLE = [f"{60 + n:02x}9088a8a4b6ed018b45ba{n:02x}" for n in range(6)]
STIMULI = [f"tower_{n:02d}" for n in range(8)]


BEFORE: Session = [
    {"success": True, "timeout": False, "failed_images": [], "trial_type": "preload"},
    {"success": True, "trial_type": "fullscreen"},
    {
        "view_history": [{"page_index": 0, "viewing_time": 3210}],
        "rt": 3211,
        "trial_type": "instructions",
    },
]
CROSS = {
    "rt": None,
    "stimulus": "<p>+</p>",
    "response": None,
    "trial_type": "html-keyboard-response",
}
AFTER = {"rt": 9000, "response": {"Q0": 'it was, "fine"\nmostly'}, "trial_type": "survey-text"}


def check(right: bool) -> dict[str, Any]:
    """An attention check, passed or not."""
    return {
        "rt": 700,
        "stimulus": '<p>Press "No"</p>',
        "response": 1 if right else 0,
        "trial_type": "html-button-response",
        "task": "attention",
        "correct": right,
    }


def session(
    person: str,
    responses: Mapping[str, Any] | None = None,
    *,
    rt: float = 900.5,
    passed: tuple[bool, ...] = (True, True),
    **fields: Any,
) -> Session:
    """Everything that one person's browser saves: version 7, buttons, checks, a questionnaire."""
    trials = list(BEFORE)
    for stimulus, response in (responses or dict.fromkeys(STIMULI, 0)).items():
        judgment = {
            "rt": None if response is None else rt,
            "stimulus": f"img/towers/{stimulus}.png",
            "response": response,
            "trial_type": "image-button-response",
            "task": "judgment",
        }
        trials += [CROSS, judgment | fields]
    trials += [*map(check, passed), AFTER]
    shared = {"subject_id": person, "study_id": "671b8ae84509b9a624b95e13"}
    return [
        trial
        | {"trial_index": n, "time_elapsed": 1000 * n, "internal_node_id": f"0.0-{n}.0"}
        | shared
        for n, trial in enumerate(trials)
    ]


def as_csv(trials: Session) -> str:
    """What `jsPsych.data.get().csv()` gives: all quoted, null a word, absent nothing."""
    columns = list(dict.fromkeys(name for trial in trials for name in trial))

    def cell(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return '"' + text.replace('"', '""') + '"'

    rows = [",".join(map(cell, columns))]
    rows += [",".join(cell(trial.get(name, "")) for name in columns) for trial in trials]
    return "\r\n".join(rows) + "\r\n"


@pytest.fixture
def people() -> list[str]:
    """Ids of the participants."""
    return PEOPLE


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Saves one session per person into a folder, as JSON or CSV, and gives the folder."""

    def write(
        sessions: Mapping[str, Session] | None = None, kind: str = "json", folder: str = "data"
    ) -> Path:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        everybody = {p: session(p) for p in PEOPLE} if sessions is None else sessions
        for number, trials in enumerate(everybody.values()):
            text = json.dumps(trials) if kind == "json" else as_csv(trials)
            (place / f"session-{number}.{kind}").write_text(text, encoding="utf-8", newline="")
        return place

    return write


@pytest.fixture
def make_session() -> Callable[..., Session]:
    """One person's trials; see `session`."""
    return session


@pytest.fixture
def prolific(tmp_path: Path) -> Callable[..., Path]:
    """Writes Prolific's export as its website does."""

    def write(status: Mapping[str, str], taken: Mapping[str, object] | None = None) -> Path:
        header = (
            "Submission id,Participant id,Status,Custom study tncs accepted at,Started at,"
            "Completed at,Reviewed at,Archived at,Time taken,Completion code,Total approvals,"
            "Age,Sex"
        )
        times = taken or {}
        lines = [
            f"671b{n:020x},{person},{each},Not Applicable,2024-10-25T12:27:09.179000Z,"
            f"2024-10-25T12:46:18.540000Z,,,{times.get(person, 1150)},C0DE,389,25,Female"
            for n, (person, each) in enumerate(status.items())
        ]
        path = tmp_path / "prolific_export_671b8ae84509b9a624b95e13.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return write

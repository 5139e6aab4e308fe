"""Data that jsPsych saved, as `jsPsych.data.get().json()` or `.csv()`, versions 6 to 8.

Every trial is a record: `trial_type` (the plugin), `stimulus`, `rt` in milliseconds, and the
answer as `response`, in version 6 partly as `key_press` or `button_pressed`: a key, the value of a
slider, or the number of a button from 0. What a button said is only known if the experiment saved
it (`save_trial_parameters: {choices: true}`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cogtrain.people.cell import Cells
from cogtrain.people.columns import Columns
from cogtrain.people.reading import FILE, Reading
from cogtrain.people.shown import shows_image, words
from cogtrain.people.trial import Device, Trial
from cogtrain.photograph_table import read_rows

SUFFIXES = (".json", ".jsonl", ".csv")
"""Of the files that are read from a folder; a file named by itself may also end in `.txt`."""

_PEOPLE = (
    "observer_id",
    "subject_id",
    "subject",
    "participant_id",
    "participant",
    "prolific_pid",
    "PROLIFIC_PID",
    "prolific_id",
)
"""Under what experiments add the person to every trial; the documentation has `subject_id`."""

_ANSWERS = ("response", "key_press", "button_pressed")
_DEVICES: dict[str, Device] = {
    "button-response": "button",
    "slider-response": "slider",
    "keyboard-response": "key",
    "categorize-": "key",
}


def jspsych_trials(paths: Sequence[Path], reading: Reading) -> Iterator[Trial]:
    """Trials of all files of an experiment; one may hold several people.

    A judgment is what `where` takes; without it, an answer by button, key or slider to an image, or
    to what has a `stimulus_id`. A column need not be in every file: some people stop early.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If one holds no such data, it is not told who answered, or a judgment shows
            nothing that has an id.
    """
    files = {path: _trials_of(path) for path in paths}
    everywhere = (name for records in files.values() for record in records for name in record)
    present = [name for name in dict.fromkeys(everywhere) if name != FILE]
    for path, records in files.items():
        columns = _columns(reading, present, f"`{path}`")
        for number, record in enumerate(records, start=1):
            yield _trial(record, number, columns)


def device(trial_type: str) -> Device:
    """With what a plugin is answered; empty if it takes no single answer."""
    known: list[Device] = [kind for part, kind in _DEVICES.items() if part in trial_type]
    return known[0] if known else ""


def _columns(reading: Reading, present: Sequence[str], source: str) -> Columns:
    own = dict(reading.columns)
    if "response_time_s" in own:
        raise ValueError(
            f"expected times of jsPsych in milliseconds, got `response_time_s: "
            f"{own['response_time_s']}`; leave it out"
        )
    if "observer_id" not in own:
        own["observer_id"] = _person(present, source)
    for name, column in (("response_time_ms", "rt"), ("image", "stimulus")):
        if name not in own and column in present:
            own[name] = column
    return Columns.of(replace(reading, columns=own), present, source)


def _person(present: Sequence[str], source: str) -> str:
    found = [name for name in _PEOPLE if name in present]
    if len(found) != 1:
        got = " and ".join(f"`{name}`" for name in found) or "none of " + ", ".join(_PEOPLE)
        raise ValueError(
            f"expected one column that says who answered in {source}, got {got}; name it by "
            "`columns` {observer_id: ...}, or `file` if each person has a file"
        )
    return found[0]


def _trial(record: Cells, number: int, columns: Columns) -> Trial:
    kind = device(record.get("trial_type", ""))
    image = columns.get(record, "image")
    stimulus = columns.get(record, "stimulus_id")
    if columns.reading.where:
        is_judgment = columns.reading.selects(record)
    else:
        is_judgment = bool(kind) and (bool(stimulus) or shows_image(image))
    place = f"row {number} of {columns.source}"
    if not stimulus and shows_image(image):
        stimulus = columns.reading.shown.stimulus(image, is_judgment=is_judgment)
    if is_judgment and not stimulus:
        raise ValueError(
            f"expected a trial that shows an image in {place}, got stimulus {image[:60]!r}; say "
            "which column holds the id by `columns` {stimulus_id: ...}"
        )
    response = _response(record, columns)
    if kind == "button" and is_judgment and response and record.get("choices"):
        response, kind = _label(response, record["choices"], place), ""
    return columns.trial(
        record,
        number,
        stimulus_id=stimulus,
        response=response,
        device=kind,
        is_judgment=is_judgment,
    )


def _response(record: Cells, columns: Columns) -> str:
    given = columns.reading.columns.get("response")
    names = (given,) if given else _ANSWERS
    return next((record[name] for name in names if record.get(name)), "").strip()


def _label(response: str, choices: str, place: str) -> str:
    """What the button said whose number was saved."""
    try:
        labels = json.loads(choices)
    except ValueError:
        labels = []
    labels = labels if isinstance(labels, list) else []
    if not response.isdecimal() or int(response) >= len(labels):
        raise ValueError(
            f"expected the number of one of the buttons {choices} in {place}, got {response!r}; "
            "correct it"
        )
    return words(str(labels[int(response)]))


def _trials_of(path: Path) -> list[dict[str, str]]:
    records = [{FILE: path.stem} | record for record in _records(path)]
    if not any("trial_type" in record for record in records):
        names = dict.fromkeys(name for record in records for name in record if name != FILE)
        raise ValueError(
            f"expected trials of jsPsych with `trial_type` in `{path}`, got columns "
            f"{', '.join(names) or 'none'}; read another table as tidy"
        )
    return records


def _records(path: Path) -> list[dict[str, str]]:
    """Every trial of a file, each value as text; what is null is empty."""
    if path.suffix.lower() == ".csv":
        return [
            {name: "" if text == "null" else text for name, text in row.cells.items()}
            for row in read_rows(path)[1]
        ]
    if path.suffix.lower() not in (".json", ".jsonl", ".txt"):
        raise ValueError(
            f"expected a file of jsPsych ending in .json or .csv, got `{path}`; rename it"
        )
    if not path.is_file():
        raise FileNotFoundError(f"expected a file at `{path}`, got nothing there; check the path")
    return [{name: _text(value) for name, value in each.items()} for each in _parsed(path)]


def _parsed(path: Path) -> list[Mapping[str, Any]]:
    """The trials of one list, of a list per person, or of one list a line, as JATOS exports."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"expected text in UTF-8 in `{path}`, got: {error}; export it again"
        ) from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        content = _lines(text, path, error)
    trials = [trial for part in _listed(content) for trial in _listed(part)]
    if not trials or not all(isinstance(trial, dict) for trial in trials):
        raise ValueError(
            f"expected a list of trials in `{path}`, got {text[:40]!r}; save "
            "jsPsych.data.get().json()"
        )
    return trials


def _lines(text: str, path: Path, whole: Exception) -> list[Any]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise ValueError(
            f"expected JSON in `{path}`, got: {whole}; export it again, whole"
        ) from whole


def _listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

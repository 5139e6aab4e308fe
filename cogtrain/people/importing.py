"""Import: exports of an experiment → judgments without names, and a report of what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cogtrain.judgment_table import require_known
from cogtrain.judgments import Judgments
from cogtrain.people import jspsych, tidy
from cogtrain.people.answers import Reader
from cogtrain.people.attention import Parted, part
from cogtrain.people.exclusions import Exclusions
from cogtrain.people.person import Judged
from cogtrain.people.prolific import read_submissions
from cogtrain.people.pseudonyms import Pseudonyms, require_hidden
from cogtrain.people.reading import Reading
from cogtrain.people.report import Counts, Report
from cogtrain.people.screening import screen
from cogtrain.people.trial import Trial
from cogtrain.people.wide import Rows, wide_trials

Format = Literal["tidy", "wide", "jspsych"]


@dataclass(frozen=True)
class Imported:
    """What people answered, and how it came to be this.

    Attributes:
        judgments: Of the people who remain; `observer_kind` is `human`.
        report: What was read, and who was left out by which rule.
    """

    judgments: Judgments
    report: Report


def import_people(
    exports: Path | str | Iterable[Path | str],
    *,
    format: Format,
    pseudonyms: Pseudonyms | None,
    reading: Reading | None = None,
    exclusions: Exclusions | None = None,
    rows: Rows | None = None,
    prolific: Path | str | None = None,
) -> Imported:
    """Imports exports of an experiment with people.

    Args:
        exports: Files, or folders of them.
        format: `tidy`: one row per answer; `wide`: a matrix; `jspsych`: what jsPsych saved.
        pseudonyms: Names that replace the ids; `None` keeps ids that already tell nothing.
        reading: What columns and answers mean.
        exclusions: Who and what is left out; by default nothing.
        rows: What a row of a matrix is, `stimuli` or `observers`.
        prolific: Prolific's export of the study, for its exclusions; joined by the person's id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If anything cannot be read as told; names file, row and value.
    """
    reading, exclusions = reading or Reading(), exclusions or Exclusions()
    paths = [Path(exports)] if isinstance(exports, Path | str) else [Path(e) for e in exports]
    files, others = _files(paths, format, None if prolific is None else Path(prolific))
    trials = list(_trials(files, format, reading, rows))
    reader = Reader(reading)
    parted = part(trials, exclusions, reader)
    asked = parted.judgments
    if not asked:
        raise ValueError(_nothing(trials, reading, files))
    reading.require_asked(trial.question for trial in asked)
    source = ", ".join(f"`{path}`" for path in paths)
    require_known([trial.stimulus_id for trial in asked], reading.shown.ids, source)
    judged = [(trial, reader.answer(trial)) for trial in asked]
    submissions = None if prolific is None else read_submissions(Path(prolific))
    screening = screen(judged, parted.checks, exclusions, submissions)
    rename = _names(trials, pseudonyms)
    truth = [reader.word(trial, trial.truth) for trial, _ in screening.kept]
    judgments = _judgments(screening.kept, truth, rename, reading)
    if pseudonyms is not None:
        _require_hidden(judgments, trials, reading)
    notes = [_read(files, others), *_counted(trials, parted, format)]
    counts = _counts(judged), _counts(screening.kept)
    return Imported(judgments, Report.of(screening, counts, rename, notes))


def _files(
    paths: Sequence[Path], format: Format, prolific: Path | None
) -> tuple[list[Path], list[Path]]:
    """Files to read, those of a folder by name, and the files of folders that are not."""
    suffixes = jspsych.SUFFIXES if format == "jspsych" else tidy.SUFFIXES
    files: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = [each for each in sorted(path.iterdir()) if each.is_file()]
        inside = [each for each in inside if not each.name.startswith(".")]
        apart = None if prolific is None else prolific.resolve()
        own = [p for p in inside if p.suffix.lower() in suffixes and p.resolve() != apart]
        if not own:
            raise ValueError(
                f"expected {format} exports ({', '.join(suffixes)}) in `{path}`, got "
                f"{len(inside)} other files; check folder and format"
            )
        files += own
        others += [each for each in inside if each not in own]
    return files, others


def _trials(
    files: Sequence[Path], format: Format, reading: Reading, rows: Rows | None
) -> Iterator[Trial]:
    if format == "jspsych":
        yield from jspsych.jspsych_trials(files, reading)
        return
    for path in files:
        yield from (
            wide_trials(path, reading, rows)
            if format == "wide"
            else tidy.tidy_trials(path, reading)
        )


def _nothing(trials: Sequence[Trial], reading: Reading, files: Sequence[Path]) -> str:
    got = f"none in {len(trials)} rows of {len(files)} files"
    advice = "check files and format"
    if reading.where:
        name = next(iter(reading.where))
        there = Counter(trial.cells.get(name, "") for trial in trials)
        shown = ", ".join(repr(value) for value, _ in there.most_common(5))
        got, advice = f"{got}, whose `{name}` is {shown}", "correct `where`"
    elif kinds := {trial.cells.get("trial_type", "") for trial in trials} - {""}:
        got = f"{got}, whose `trial_type` is {', '.join(sorted(kinds))}"
        advice = "say by `columns` {stimulus_id: ...} which column holds the stimulus"
    return f"expected judgments of stimuli, got {got}; {advice}"


def _names(trials: Sequence[Trial], pseudonyms: Pseudonyms | None) -> Callable[[str], str]:
    if pseudonyms is None:
        return lambda observer_id: observer_id
    names = {t.observer_id: pseudonyms.of(t.observer_id) for t in trials}
    if len(set(names.values())) != len(names):
        raise ValueError(
            f"expected {len(names)} different names for as many people, got two that are the same; "
            "use another secret"
        )
    return names.__getitem__


def _judgments(
    kept: Sequence[Judged],
    truth: Sequence[str | None],
    rename: Callable[[str], str],
    reading: Reading,
) -> Judgments:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    session = reading.columns.get("session", "")  # an export's own may be a platform's
    for (trial, answer), true in zip(kept, truth, strict=True):
        extra = {name: trial.cells.get(name) or None for name in reading.keep}
        rows.append(
            extra
            | {
                "observer_id": rename(trial.observer_id),
                "observer_kind": "human",
                "stimulus_id": trial.stimulus_id,
                "set": trial.set or None,
                "question": trial.question,
                "response": answer.text,
                "probability": answer.probability,
                "scale": answer.scale,
                "truth": true,
                "response_time_s": trial.response_time_s,
                "session": trial.cells.get(session) or None,
            }
        )
    return Judgments(pd.DataFrame(rows), source="the import")


def _require_hidden(judgments: Judgments, trials: Sequence[Trial], reading: Reading) -> None:
    ids = {trial.observer_id for trial in trials} - {""}
    for name in (*reading.keep, "session", "set", "stimulus_id", "response"):
        texts = judgments.table[name].dropna().astype(str)
        require_hidden(texts, ids, name)


def _read(files: Sequence[Path], others: Sequence[Path]) -> str:
    text = f"read {len(files)} file{'' if len(files) == 1 else 's'}"
    if others:  # by their kinds: names of files may tell who people are
        kinds = Counter(each.suffix or "without suffix" for each in others)
        text += f", not {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}"
    return text


def _counted(trials: Sequence[Trial], parted: Parted, format: Format) -> Iterator[str]:
    """What the rows were: judgments, attention checks, anything else."""
    asked, rest = parted.judgments, parted.rest
    text = f"{len(trials):,} rows: {len(asked):,} judgments"
    if parted.checks:
        text += f", {len(parted.checks):,} attention checks"
    if rest:
        kinds = Counter(trial.cells.get("trial_type") or "not selected" for trial in rest)
        named = ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common())
        text += f", {len(rest):,} others ({named})"
    yield text
    people = {trial.observer_id for trial in asked}
    cells = len(people) * len({trial.stimulus_id for trial in asked})
    if format == "wide" and cells != len(asked):
        yield f"{cells - len(asked):,} of {cells:,} cells are empty: not asked, so no judgments"
    idle = {trial.observer_id for trial in trials} - people - {""}
    if idle:
        yield f"people without a judgment: {len(idle):,}"


def _counts(judged: Sequence[Judged]) -> Counts:
    people = len({trial.observer_id for trial, _ in judged})
    return Counts(people, len(judged), _unanswered(judged))


def _unanswered(judged: Sequence[Judged]) -> int:
    return sum(answer.text is None for _, answer in judged)

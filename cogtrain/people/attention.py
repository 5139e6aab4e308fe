"""Attention checks: which trials are some, and who failed how many."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from cogtrain.complaint import unknown
from cogtrain.people.answers import Reader
from cogtrain.people.cell import matches, number, spelled, truth
from cogtrain.people.exclusions import Exclusions
from cogtrain.people.trial import Trial


class Check(NamedTuple):
    """One attention check that one person took.

    Attributes:
        observer_id: Who.
        passed: Whether the answer was right.
    """

    observer_id: str
    passed: bool


class Parted(NamedTuple):
    """The rows of an export by what they are.

    Attributes:
        judgments: Of stimuli.
        checks: Attention checks, which are no judgments.
        rest: Anything else: instructions, questionnaires, rows that are not selected.
    """

    judgments: list[Trial]
    checks: list[Check]
    rest: list[Trial]


def part(trials: Sequence[Trial], exclusions: Exclusions, reader: Reader) -> Parted:
    """Tells judgments, attention checks and the rest apart.

    Raises:
        ValueError: If no trial is an attention check though some are declared, a declared stimulus
            or column does not occur, or a check says neither true nor false.
    """
    judgments: list[Trial] = []
    checks: list[Trial] = []
    rest: list[Trial] = []
    for trial in trials:
        kind = checks if _is_check(trial, exclusions) else judgments if trial.is_judgment else rest
        kind.append(trial)
    if exclusions.has_checks:
        _require_checks(trials, checks, exclusions)
    return Parted(judgments, list(_checks(checks, exclusions, reader)), rest)


def _is_check(trial: Trial, exclusions: Exclusions) -> bool:
    if not trial.observer_id:
        return False
    if trial.stimulus_id and trial.stimulus_id in exclusions.attention_answers:
        return True
    column = exclusions.attention_passed
    if column is None:
        return False
    if exclusions.attention_where:
        return matches(trial.cells, exclusions.attention_where)
    return bool(trial.cells.get(column, "").strip())


def _checks(trials: Sequence[Trial], exclusions: Exclusions, reader: Reader) -> Iterator[Check]:
    right = exclusions.attention_answers
    for trial in trials:
        if trial.stimulus_id in right:
            passed = _is_right(trial, spelled(right[trial.stimulus_id]), reader)
        else:
            passed = _says(trial, exclusions.attention_passed or "")
        yield Check(trial.observer_id, passed)


def _is_right(trial: Trial, wanted: str, reader: Reader) -> bool:
    given = reader.answer(trial)
    if given.text is None:
        return False
    if given.scale == "rating":
        return number(given.text) == number(wanted)
    # What is right is written by the word of the answer, never by key or button.
    return given.text == reader.word(replace(trial, source="`attention_answers`", row=1), wanted)


def _says(trial: Trial, column: str) -> bool:
    text = trial.cells.get(column, "")
    said = truth(text)
    if said is None:
        raise ValueError(
            f"expected true or false in column `{column}` of an attention check, got {text!r} in "
            f"{trial.place}; correct it, or say by `attention_where` which rows are checks"
        )
    return said


def _require_checks(
    trials: Sequence[Trial], checks: Sequence[Trial], exclusions: Exclusions
) -> None:
    names = {name: None for trial in trials for name in trial.cells}
    asked = [*exclusions.attention_where, *filter(None, [exclusions.attention_passed])]
    for column in asked:
        if column not in names:
            raise ValueError(unknown("column", column, names))
    seen = {trial.stimulus_id for trial in checks}
    absent = [name for name in exclusions.attention_answers if name not in seen]
    if absent:
        raise ValueError(
            f"expected a trial that shows the attention check `{absent[0]}`, got none in "
            f"{len(trials)} trials; correct `attention_answers`"
        )
    if not checks:
        raise ValueError(
            f"expected attention checks with {exclusions.attention_where or 'a verdict'}, got none "
            f"in {len(trials)} trials; correct `attention_where`"
        )

"""Screening: the exclusions applied to what was read, and who and what they left out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cogtrain.complaint import unknown
from cogtrain.people.attention import Check
from cogtrain.people.exclusions import Exclusions
from cogtrain.people.person import Judged, Person, gather, in_time
from cogtrain.people.prolific import STATUSES, Submission
from cogtrain.people.rules import Rule, rules, span

_TIMES = ("response_time_s", "median_response_time_s")


class Step(NamedTuple):
    """One rule and what it left out.

    Attributes:
        rule: In words.
        broken_by: People who broke it, whatever else they broke; `None` for a rule about single
            judgments.
        people: People left out by it and no earlier rule.
        judgments: Judgments left out by it and no earlier rule.
    """

    rule: str
    broken_by: int | None
    people: int
    judgments: int


class Excluded(NamedTuple):
    """One reason why one person was left out; who broke several rules has several.

    Attributes:
        observer_id: Who.
        rule: Which rule, in words.
        detail: How they broke it.
    """

    observer_id: str
    rule: str
    detail: str


class Screening(NamedTuple):
    """What remains, and why the rest does not.

    Attributes:
        kept: Judgments that remain, in the order in which they were read.
        steps: Every rule that is set, in order.
        excluded: Every person who was left out, by rule.
        notes: Whom the rules could not judge.
    """

    kept: list[Judged]
    steps: list[Step]
    excluded: list[Excluded]
    notes: list[str]


def screen(
    judgments: Sequence[Judged],
    checks: Sequence[Check],
    exclusions: Exclusions,
    submissions: Mapping[str, Sequence[Submission]] | None = None,
) -> Screening:
    """Applies `exclusions`: duplicates first, then people, then single judgments.

    Raises:
        ValueError: If a rule asks for what was not measured, the same judgment occurs twice and
            `duplicates` is `error`, or nobody remains.
    """
    _require_measured(judgments, exclusions, submissions)
    single = _without_duplicates(judgments, exclusions)
    people = gather(single, checks)
    for person in people.values():
        person.submissions = (submissions or {}).get(person.observer_id, ())
    steps, excluded = _exclude(people, rules(exclusions))
    out = {each.observer_id for each in excluded}
    staying = [(trial, answer) for trial, answer in single if trial.observer_id not in out]
    kept, last = _in_time(staying, exclusions)
    if exclusions.duplicates == "first":
        again = len(judgments) - len(single)
        steps.insert(0, Step("a judgment that was given before", None, 0, again))
    steps += last
    if not kept:
        reasons = "; ".join(f"{step.rule}: {step.people}" for step in steps if step.people)
        raise ValueError(
            f"expected people to remain, got none of {len(people)} ({reasons}); loosen the "
            "exclusions"
        )
    return Screening(kept, steps, excluded, list(_unseen(people, exclusions, submissions)))


def _in_time(staying: list[Judged], exclusions: Exclusions) -> tuple[list[Judged], list[Step]]:
    """Judgments within the bounds on response times, and what was left out for them."""
    bounds = exclusions.bounds("response_time_s")
    if bounds is None:
        return staying, []
    kept = [(trial, answer) for trial, answer in staying if in_time(trial, bounds)]
    lost = len({t.observer_id for t, _ in staying} - {t.observer_id for t, _ in kept})
    return kept, [Step(f"response time not {span(bounds)}", None, lost, len(staying) - len(kept))]


def _unseen(
    people: Mapping[str, Person],
    exclusions: Exclusions,
    submissions: Mapping[str, Sequence[Submission]] | None,
) -> Iterator[str]:
    """What rules that are set could not look at."""
    judged = [trial for person in people.values() for trial, _ in person.judgments]
    untimed = sum(trial.response_time_s != trial.response_time_s for trial in judged)
    if untimed and any(exclusions.bounds(name) for name in _TIMES):
        yield f"{untimed:,} judgments without a response time: bounds on it left none of them out"
    unchecked = sum(not person.checks for person in people.values())
    if unchecked and exclusions.has_checks:
        yield f"people without an attention check: {unchecked:,}, who failed none"
    if submissions is not None:
        idle = len(submissions.keys() - people.keys())
        yield f"Prolific: {len(submissions):,} people, {idle:,} of them without a judgment here"


def _exclude(
    people: Mapping[str, Person], asked: Sequence[Rule]
) -> tuple[list[Step], list[Excluded]]:
    steps: list[Step] = []
    excluded: list[Excluded] = []
    gone: set[str] = set()
    for rule in asked:
        broken = {name: rule.broken_by(person) for name, person in people.items()}
        own = [
            Excluded(name, rule.words, detail)
            for name, detail in broken.items()
            if detail is not None
        ]
        new = {each.observer_id for each in own} - gone
        judgments = sum(len(people[name].judgments) for name in new)
        steps.append(Step(rule.words, len(own), len(new), judgments))
        excluded += own
        gone |= new
    return steps, excluded


def _without_duplicates(judgments: Sequence[Judged], exclusions: Exclusions) -> list[Judged]:
    first: dict[tuple[str, str, str, str], Judged] = {}
    for trial, answer in judgments:
        key = (trial.observer_id, trial.set, trial.stimulus_id, trial.question)
        other, _ = first.setdefault(key, (trial, answer))
        if other is not trial and exclusions.duplicates == "error":
            raise ValueError(
                f"expected one judgment per person, stimulus and question, got "
                f"{len(judgments) - _different(judgments)} more, first: `{trial.stimulus_id}` in "
                f"{other.place} and again in {trial.place}; say by `where` which rows are "
                "judgments, or set `duplicates: first`"
            )
    return list(first.values())


def _different(judgments: Sequence[Judged]) -> int:
    return len({(t.observer_id, t.set, t.stimulus_id, t.question) for t, _ in judgments})


def _require_measured(
    judgments: Sequence[Judged],
    exclusions: Exclusions,
    submissions: Mapping[str, Sequence[Submission]] | None,
) -> None:
    for name in _TIMES:
        if exclusions.bounds(name) and not any(t.response_time_s >= 0 for t, _ in judgments):
            raise ValueError(
                f"expected response times for the bounds on `{name}`, got none in "
                f"{len(judgments)} judgments; say which column holds them by `columns` "
                "{response_time_ms: ...}"
            )
    asks_for_prolific = exclusions.prolific_status or exclusions.bounds("time_taken_s")
    if asks_for_prolific and submissions is None:
        raise ValueError(
            "expected Prolific's export for `prolific_status` and bounds on `time_taken_s`, got "
            "none; give it by `prolific`"
        )
    for status in exclusions.prolific_status:
        if status.upper().replace("_", " ") not in STATUSES:
            raise ValueError(unknown("Prolific status", status, STATUSES))
    asked = {trial.question: None for trial, _ in judgments}
    for question in exclusions.constant_answers_to:
        if question not in asked:
            raise ValueError(unknown("question", question, asked))

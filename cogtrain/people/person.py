"""Person: all that one participant did, as the rules of exclusion look at it."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cogtrain.people.answers import Answer
from cogtrain.people.attention import Check
from cogtrain.people.prolific import Submission
from cogtrain.people.trial import Trial

Judged = tuple[Trial, Answer]
"""A judgment as it was read: where it stands, and what it says."""

Bounds = tuple[float, float]


@dataclass
class Person:
    """One participant.

    Attributes:
        observer_id: As the export calls them.
        judgments: Their judgments, duplicates left out.
        checks: Whether they passed each attention check.
        submissions: Their parts in the study, after Prolific.
    """

    observer_id: str
    judgments: list[Judged] = field(default_factory=list)
    checks: list[bool] = field(default_factory=list)
    submissions: Sequence[Submission] = ()

    @property
    def median_response_time_s(self) -> float | None:
        """Median over the judgments whose time was measured."""
        times = [t.response_time_s for t, _ in self.judgments if t.response_time_s >= 0]
        return statistics.median(times) if times else None

    def answered(self, bounds: Bounds | None) -> int:
        """Judgments with an answer whose time, if measured, lies within `bounds`."""
        return sum(a.text is not None and in_time(t, bounds) for t, a in self.judgments)

    def always(self, question: str, bounds: Bounds | None) -> str | None:
        """The one answer that they gave to `question`, at least twice; `None` if there is none."""
        texts = [
            answer.text
            for trial, answer in self.judgments
            if trial.question == question and answer.text is not None and in_time(trial, bounds)
        ]
        return texts[0] if len(texts) > 1 and len(set(texts)) == 1 else None


def in_time(trial: Trial, bounds: Bounds | None) -> bool:
    """Whether the response time lies within `bounds`; one that was not measured does."""
    if bounds is None or trial.response_time_s != trial.response_time_s:
        return True
    return bounds[0] <= trial.response_time_s <= bounds[1]


def gather(judgments: Iterable[Judged], checks: Iterable[Check]) -> dict[str, Person]:
    """Every participant by id, in the order in which they occur."""
    people: dict[str, Person] = {}
    for trial, answer in judgments:
        person = people.setdefault(trial.observer_id, Person(trial.observer_id))
        person.judgments.append((trial, answer))
    for check in checks:
        if check.observer_id in people:
            people[check.observer_id].checks.append(check.passed)
    return people

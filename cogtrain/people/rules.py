"""Rules: each exclusion of people as words for the report and a test of a person."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from cogtrain.people.exclusions import Exclusions
from cogtrain.people.person import Person


class Rule(NamedTuple):
    """One reason to leave people out.

    Attributes:
        words: What is left out, e.g. `more than 1 failed attention check`.
        broken_by: How a person broke it, in words; `None` if they did not.
    """

    words: str
    broken_by: Callable[[Person], str | None]


def rules(exclusions: Exclusions) -> list[Rule]:
    """The rules about people that `exclusions` sets, in the order in which they are counted."""
    return [
        *_of_prolific(exclusions),
        *_of_attention(exclusions),
        *_of_times(exclusions),
        *_of_answers(exclusions),
    ]


def span(bounds: tuple[float, float]) -> str:
    """A range of seconds in words, e.g. `0.2–20 s`."""
    low, high = bounds
    if high == float("inf"):
        return f"at least {low:g} s"
    return f"at most {high:g} s" if low == 0 else f"{low:g}–{high:g} s"


def _of_prolific(exclusions: Exclusions) -> Iterator[Rule]:
    allowed = [status.upper().replace("_", " ") for status in exclusions.prolific_status]
    if allowed:

        def status(person: Person) -> str | None:
            own = [submission.status for submission in person.submissions]
            if set(own) & set(allowed):
                return None
            return ", ".join(own) or "not in Prolific's export"

        yield Rule(f"Prolific status other than {' or '.join(allowed)}", status)

    limits = exclusions.bounds("time_taken_s")
    if limits:

        def taken(person: Person) -> str | None:
            valid = [s for s in person.submissions if s.status in allowed] or person.submissions
            times = [submission.time_taken_s for submission in valid]
            if any(limits[0] <= time <= limits[1] for time in times):
                return None
            return ", ".join(_seconds(time) for time in times) or "not in Prolific's export"

        yield Rule(f"whole session not {span(limits)}", taken)


def _of_attention(exclusions: Exclusions) -> Iterator[Rule]:
    limit = exclusions.max_failed_checks
    if limit is not None:

        def failed(person: Person) -> str | None:
            n_failed = person.checks.count(False)
            return f"{n_failed} of {len(person.checks)}" if n_failed > limit else None

        yield Rule(f"more than {limit} failed attention check{'' if limit == 1 else 's'}", failed)


def _of_times(exclusions: Exclusions) -> Iterator[Rule]:
    limits = exclusions.bounds("median_response_time_s")
    if limits:

        def median(person: Person) -> str | None:
            own = person.median_response_time_s
            if own is None or limits[0] <= own <= limits[1]:
                return None
            return _seconds(own)

        yield Rule(f"median response time not {span(limits)}", median)


def _of_answers(exclusions: Exclusions) -> Iterator[Rule]:
    in_time = exclusions.bounds("response_time_s")
    timely = " in time" if in_time else ""
    least, share = exclusions.min_answers, exclusions.max_missing_share
    if least is not None:

        def few(person: Person) -> str | None:
            n_answers = person.answered(in_time)
            return f"{n_answers}" if n_answers < least else None

        yield Rule(f"fewer than {least} answers{timely}", few)
    if share is not None:

        def missing(person: Person) -> str | None:
            asked = len(person.judgments)
            n_missing = asked - person.answered(in_time)
            # A quotient equals the decimal that was written; a product may not: 0.29 * 100 < 29.
            return f"{n_missing} of {asked}" if n_missing / asked > share else None

        late = " or out of time" if in_time else ""
        yield Rule(f"more than {share:.4g} of the answers missing{late}", missing)
    for question in exclusions.constant_answers_to:

        def constant(person: Person, question: str = question) -> str | None:
            same = person.always(question, in_time)
            return None if same is None else f"always {same}"

        yield Rule(f"the same answer to every `{question}`", constant)


def _seconds(time: float) -> str:
    return "time not known" if time != time else f"{time:.4g} s"

"""Exclusions: whose judgments, and which, an analysis leaves out. By default none."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal

_RANGES = ("response_time_s", "median_response_time_s", "time_taken_s")


@dataclass(frozen=True, kw_only=True)
class Exclusions:
    """Rules, each off until it is set. YAML with these keys is read by `--exclude`.

    A person is judged by all that they did, whatever other rule they break; single judgments are
    left out after that. Bounds are inclusive: what lies on them stays.

    Args:
        duplicates: Two answers of one person to one question about one stimulus: `error`, or
            `first` to keep the one that was read first, files in the order of their names.
        prolific_status: Keep only people with one of these statuses, e.g. [APPROVED]; who is not
            in Prolific's export is left out, too.
        min_time_taken_s: Shortest whole session in seconds, after Prolific.
        max_time_taken_s: Longest whole session in seconds, after Prolific.
        attention_answers: Attention checks by stimulus and right answer, e.g. {catch-1: yes};
            no answer is a wrong one, and none of them is a judgment.
        attention_where: Attention checks by column and value, e.g. {task: attention}.
        attention_passed: Column that says true or false of each attention check; without
            `attention_where`, every row that says either is one. None of them is a judgment.
        max_failed_checks: Keep people who failed at most so many attention checks.
        min_median_response_time_s: Keep people whose median time is at least this.
        max_median_response_time_s: Keep people whose median time is at most this.
        min_answers: Keep people with at least so many judgments that have an answer in time.
        max_missing_share: Keep people of whose judgments at most this share lacks an answer in
            time, from 0 to 1.
        constant_answers_to: Questions to which nobody may always have given the same answer.
        min_response_time_s: Leave out faster judgments.
        max_response_time_s: Leave out slower judgments.

    Raises:
        ValueError: If a rule cannot be meant: a bound below 0, a share above 1, a lower bound above
            the upper, a limit without attention checks, attention checks without a limit.
    """

    duplicates: Literal["error", "first"] = "error"
    prolific_status: list[str] = field(default_factory=list)
    min_time_taken_s: float | None = None
    max_time_taken_s: float | None = None
    attention_answers: dict[str, Any] = field(default_factory=dict)
    attention_where: dict[str, Any] = field(default_factory=dict)
    attention_passed: str | None = None
    max_failed_checks: int | None = None
    min_median_response_time_s: float | None = None
    max_median_response_time_s: float | None = None
    min_answers: int | None = None
    max_missing_share: float | None = None
    constant_answers_to: list[str] = field(default_factory=list)
    min_response_time_s: float | None = None
    max_response_time_s: float | None = None

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    @property
    def has_checks(self) -> bool:
        """Whether it says which trials are attention checks."""
        return bool(self.attention_answers or self.attention_passed)

    def bounds(self, name: str) -> tuple[float, float] | None:
        """Lower and upper bound of `name`, e.g. `response_time_s`; `None` if there is neither."""
        low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
        if low is None and high is None:
            return None
        return (0.0 if low is None else low), (float("inf") if high is None else high)

    def _problems(self) -> Iterator[str]:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name.startswith(("min_", "max_")) and value is not None and not value >= 0:
                yield f"expected `{each.name}` to be at least 0, got {value:g}; raise it"
        for name in _RANGES:
            low, high = self.bounds(name) or (0.0, float("inf"))
            if low > high:
                yield (
                    f"expected `min_{name}` to be at most `max_{name}`, got {low:g} and {high:g}; "
                    "swap them"
                )
        if self.max_missing_share is not None and self.max_missing_share > 1:
            yield (
                f"expected `max_missing_share` from 0 to 1, got {self.max_missing_share:g}; "
                "20 per cent is 0.2"
            )
        yield from self._problems_of_checks()

    def _problems_of_checks(self) -> Iterator[str]:
        if self.attention_where and not self.attention_passed:
            yield (
                f"expected `attention_passed` beside `attention_where` {self.attention_where}, got "
                "none; name the column that says who passed"
            )
        if self.has_checks != (self.max_failed_checks is not None):
            there, absent = "`max_failed_checks`", "attention checks"
            if self.has_checks:
                there, absent = absent, there
            yield (f"expected {absent} beside {there}, got none; set both or neither")

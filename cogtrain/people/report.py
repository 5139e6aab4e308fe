"""Report: what was read and who was left out by which rule, in words and as tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cogtrain.people.screening import Excluded, Screening, Step

if TYPE_CHECKING:
    import pandas as pd


class Counts(NamedTuple):
    """How much there is.

    Attributes:
        people: Different observers.
        judgments: Their judgments.
        unanswered: Of these, without an answer.
    """

    people: int
    judgments: int
    unanswered: int


@dataclass(frozen=True)
class Report:
    """What an import did. Printed, it is Markdown.

    Attributes:
        before: All that was read.
        after: What remains.
        steps: Every rule that was set, with what it left out; nothing else was.
        excluded: Every person who was left out, once per rule, under their new name.
        notes: What was read and from where, and what the rules could not see.
    """

    before: Counts
    after: Counts
    steps: Sequence[Step]
    excluded: Sequence[Excluded]
    notes: Sequence[str]

    @classmethod
    def of(
        cls,
        screening: Screening,
        counts: tuple[Counts, Counts],
        rename: Callable[[str], str],
        notes: Sequence[str],
    ) -> "Report":
        """The report of a screening, with people under the names that `rename` gives them."""
        excluded = [each._replace(observer_id=rename(each[0])) for each in screening.excluded]
        return cls(*counts, screening.steps, excluded, [*notes, *screening.notes])

    def words(self) -> str:
        """The exclusions as sentences for a methods section."""
        before, after = self.before, self.after
        first = f"{_people(before.people)} gave {before.judgments:,} judgments."
        last = f"{_people(after.people)} and {after.judgments:,} judgments remain"
        last += f", {after.unanswered:,} of them without an answer." if after.unanswered else "."
        if not self.steps:
            return f"{first} No rule of exclusion was set. {last}"
        return " ".join([first, *map(_sentence, self.steps), last])

    def table(self) -> "pd.DataFrame":
        """One row per rule: `rule, broken_by, people, judgments`; see `Step`."""
        import pandas as pd

        return pd.DataFrame(self.steps, columns=list(Step._fields))

    def people(self) -> "pd.DataFrame":
        """One row per excluded person and rule: `observer_id, rule, detail`."""
        import pandas as pd

        return pd.DataFrame(self.excluded, columns=list(Excluded._fields))

    def __str__(self) -> str:
        flow = [
            ("before", "", str(self.before.people), str(self.before.judgments)),
            *(_cells(step) for step in self.steps),
            ("after", "", str(self.after.people), str(self.after.judgments)),
        ]
        parts = [self.words(), _table(("rule", "broken by", "people", "judgments"), flow)]
        if self.excluded:
            parts.append(_table(("left out", "rule", "how"), list(self.excluded)))
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join(parts)


def _sentence(step: Step) -> str:
    judgments = f"{step.judgments:,} judgment{'' if step.judgments == 1 else 's'}"
    whose = f"{_people(step.people)} with {judgments}" if step.people else judgments
    return f"Left out for {step.rule}: {whose}."


def _cells(step: Step) -> tuple[str, str, str, str]:
    broken = "" if step.broken_by is None else str(step.broken_by)
    return step.rule, broken, _less(step.people), _less(step.judgments)


def _people(n: int) -> str:
    return f"{n:,} {'person' if n == 1 else 'people'}"


def _less(n: int) -> str:
    return f"-{n}" if n else "0"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))} |"
        for line in lines
    )

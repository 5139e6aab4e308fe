"""Reading: what the columns and the answers of an export mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cogtrain.complaint import unknown
from cogtrain.people.cell import Cells, matches
from cogtrain.people.shown import Shown

COLUMNS = (
    "observer_id",
    "stimulus_id",
    "image",
    "response",
    "response_time_s",
    "response_time_ms",
    "question",
    "set",
    "session",
    "truth",
)
"""What a column of an export can stand for. `image` is a path, an address or HTML."""

FILE = "file"
"""Column that every export has: its file's name, for exports with one file per person."""


@dataclass(frozen=True)
class Reading:
    """How an export is to be read. What is said of a question is said by its name.

    Attributes:
        columns: Our name → the export's column, e.g. `{"observer_id": "participant"}`; a column
            that has our name needs none. A time is `response_time_s` or `response_time_ms`.
        where: Column → value of the rows that are judgments; of other rows there is no judgment.
        question: What was asked, where no column says it.
        set: Stimulus set, where no column says it.
        answers: Question → what the export writes → the answer, e.g.
            `{"will_fall": {"f": "yes", "j": "no"}}`.
        options: Question → its answers, for a question that no task asks.
        scale: Question → `binary`, `choice` or `count`, for a question that no task asks.
        scale_max: Question → top of its rating scale, e.g. `{"will_fall": 100}`.
        scale_min: Question → bottom of its rating scale; 0 by default.
        keep: Columns of the export that the judgments keep; by default none, since exports hold
            what identifies people.
        shown: What the images of the export are called.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Any] = field(default_factory=dict)
    question: str = "will_fall"
    set: str | None = None
    answers: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scale: Mapping[str, str] = field(default_factory=dict)
    scale_max: Mapping[str, float] = field(default_factory=dict)
    scale_min: Mapping[str, float] = field(default_factory=dict)
    keep: Sequence[str] = ()
    shown: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        for name, theirs in self.columns.items():
            if name not in COLUMNS and theirs in COLUMNS:
                raise ValueError(
                    f"expected `columns` to map our name to the export's, got `{name}: {theirs}`; "
                    f"write `{theirs}: {name}`"
                )
            if name not in COLUMNS:
                raise ValueError(unknown("column", name, COLUMNS))
        _check_scales(self)

    def column(self, name: str, present: Iterable[str], source: str) -> str | None:
        """The export's column for our `name`; `None` if there is none.

        Raises:
            ValueError: If `columns` names one that is not among those `present`.
        """
        wanted = self.columns.get(name)
        if wanted is not None and wanted not in present and wanted != FILE:
            got = ", ".join(f"`{each}`" for each in present) or "none"
            raise ValueError(
                f"expected column `{wanted}` (for `{name}`) in {source}, got columns {got}; "
                "correct `columns`"
            )
        return wanted if wanted is not None else name if name in present else None

    def selects(self, cells: Cells) -> bool:
        """Whether `where` takes this row for a judgment."""
        return matches(cells, self.where)

    def require_asked(self, questions: Iterable[str]) -> None:
        """Raises a `ValueError` if something is said of a question that nobody was asked."""
        asked = dict.fromkeys(questions)
        for said in (self.answers, self.options, self.scale, self.scale_max, self.scale_min):
            for name in said:
                if name not in asked:
                    raise ValueError(unknown("question", name, asked))

    def rating(self, question: str) -> tuple[float, float] | None:
        """Bottom and top of the rating scale of `question`; `None` if it is not rated."""
        if question not in self.scale_max:
            return None
        return self.scale_min.get(question, 0.0), self.scale_max[question]


def _check_scales(reading: Reading) -> None:
    for question, bottom in _bottoms(reading):
        top = reading.scale_max.get(question)
        if top is None or not bottom < top:
            raise ValueError(
                f"expected `scale_max` of `{question}` to be above its bottom {bottom:g}, "
                f"got {top}; say where the scale ends"
            )
    for question, scale in reading.scale.items():
        if scale not in ("binary", "choice", "count"):
            raise ValueError(
                f"expected `scale` of `{question}` to be binary, choice or count, got {scale!r}; "
                "a rating has a `scale_max`"
            )


def _bottoms(reading: Reading) -> Iterator[tuple[str, float]]:
    yield from reading.scale_min.items()
    yield from ((q, 0.0) for q in reading.scale_max if q not in reading.scale_min)

"""Cell: one set and question, and every row that a table of scores has of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cogtrain._core import Question
from cogtrain.evaluation.comparison import compare, pairs_of
from cogtrain.evaluation.observer import (
    Known,
    Observed,
    estimates_of,
    estimates_of_choices,
    p_values_of,
)
from cogtrain.evaluation.people import estimates_of_people
from cogtrain.judgments import Judgments
from cogtrain.metrics import Panel, Resampling
from cogtrain.metrics.panel import in_key_order
from cogtrain.metrics.resample import REPLICATES

PEOPLE = "people"
"""Observer name under which the figures of all people together are listed."""


@dataclass(frozen=True)
class Scoring:
    """How to score.

    Attributes:
        options: The two answers of a question that we do not know; probabilities are of the first.
        against: Observer with whom all others are compared; by default every pair, if they are few.
        margin: Signed margin by stimulus id, for psychometric slopes.
        resampling: Replicates, seed and method of every interval and test.

    Raises:
        ValueError: If there are no replicates.
    """

    options: Sequence[str] = ("yes", "no")
    against: str | None = None
    margin: Mapping[str, float] = field(default_factory=dict)
    resampling: Resampling = field(default_factory=Resampling)

    def __post_init__(self) -> None:
        replicates = self.resampling.get("replicates", REPLICATES)
        if replicates < 1:
            raise ValueError(
                f"expected `replicates` to be at least 1, got {replicates}; {REPLICATES} is usual"
            )


def rows_of(
    everyone: Judgments, place: tuple[str, str], scoring: Scoring
) -> Iterator[dict[str, Any]]:
    """All rows of one set and question."""
    at: dict[str, Any] = dict(zip(("set", "question"), place, strict=True))
    cell, known = _opened(everyone, place, scoring)
    menu, others = known.options, cell.split_people()[1]
    observers: dict[str, Observed] = {}
    if len(menu) == 2:
        yield from (at | row for row in _people_rows(known, others, scoring))
    for observer in others.names("observer_id"):
        own = others.select(observer_id=observer)
        if _is_binary(own, known):
            observers[observer] = known.observed(own)
            rows = _observer_rows(observers[observer], scoring)
        else:
            options = len(menu) if len(menu) != 2 else None
            rows = _choice_rows(own, known.truth, options, scoring)
        yield from (at | {"observer_id": observer} | row for row in rows)
    pairs = pairs_of(list(observers), scoring.against)
    yield from (at | row for row in compare(observers, pairs, **scoring.resampling))


def observed_in(
    everyone: Judgments, place: tuple[str, str], scoring: Scoring
) -> dict[str, Observed]:
    """Observers, by name, who answered a question of one set with one of its two options."""
    cell, known = _opened(everyone, place, scoring)
    others = cell.split_people()[1]
    each = {name: others.select(observer_id=name) for name in others.names("observer_id")}
    return {name: known.observed(own) for name, own in each.items() if _is_binary(own, known)}


def _opened(
    everyone: Judgments, place: tuple[str, str], scoring: Scoring
) -> tuple[Judgments, Known]:
    """The judgments of one set and question, and what is known of its stimuli."""
    name, question = place
    wanted = ({"set": name} if name else {}) | ({"question": question} if question else {})
    cell = everyone.select(**wanted)
    menu = menu_of(question, scoring.options)[0]
    people = _panel(cell.split_people()[0], menu) if len(menu) == 2 else None
    return cell, Known(_truth(cell), scoring.margin, people, menu)


def _is_binary(own: Judgments, known: Known) -> bool:
    return len(known.options) == 2 and _panel(own, known.options) is not None


def _people_rows(known: Known, others: Judgments, scoring: Scoring) -> Iterator[dict[str, Any]]:
    if known.people is None:
        return
    seen = others.names("stimulus_id") if len(others) else known.people.stimuli
    stimuli = in_key_order(seen)
    answers, truth = known.people.at(stimuli), known.truth_at(stimuli)
    margin = known.margin_at(stimuli)
    found = estimates_of_people(answers, truth, margin, **scoring.resampling)
    for metric, estimate in found.items():
        yield {"observer_id": PEOPLE, "metric": metric} | estimate._asdict()


def _observer_rows(one: Observed, scoring: Scoring) -> Iterator[dict[str, Any]]:
    permutations = scoring.resampling.get("replicates", REPLICATES)
    tests = p_values_of(one, permutations=permutations, seed=scoring.resampling.get("seed", 0))
    for metric, estimate in estimates_of(one, **scoring.resampling).items():
        yield {"metric": metric, "p": tests.get(metric)} | estimate._asdict()


def _choice_rows(
    own: Judgments, truth: Mapping[str, str], options: int | None, scoring: Scoring
) -> Iterator[dict[str, Any]]:
    found = estimates_of_choices(own, truth, options, **scoring.resampling)
    for metric, estimate in found.items():
        yield {"metric": metric} | estimate._asdict()


def cells_of(everyone: Judgments) -> list[tuple[str, str]]:
    """Different (set, question) of the models, or of the people if there are only people."""
    people, others = everyone.split_people()
    table = (others if len(others) else people).table[["set", "question"]].fillna("")
    return list(dict.fromkeys(table.itertuples(index=False, name=None)))


def _truth(cell: Judgments) -> dict[str, str]:
    known = cell.table.dropna(subset=["truth"])
    return dict(zip(known["stimulus_id"], known["truth"], strict=True))


def menu_of(
    question: str, options: Sequence[str] = ("yes", "no")
) -> tuple[Sequence[str], str | None]:
    """Options and scale of a question; those given for one that we do not know."""
    if question not in Question.names():
        return options, None
    return Question(question).options, Question(question).scale


def _panel(judgments: Judgments, options: Sequence[str]) -> Panel | None:
    if not len(judgments):
        return None
    responses = set(judgments.names("response"))
    rated = judgments.table["probability"].notna().to_numpy()
    if not rated.any() and responses - set(options):
        return None
    return Panel.from_judgments(judgments, options=options)

"""Score: saved judgments of any observers → accuracy, and alignment with people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cogtrain._core import Question
from cogtrain.evaluation.table import format_scores
from cogtrain.judgment_table import read_table, require_columns
from cogtrain.judgments import Judgments
from cogtrain.metrics import (
    Estimate,
    Panel,
    accuracy,
    choice_accuracy,
    error_consistency,
    error_consistency_ceiling,
    human_accuracy,
    human_majority_accuracy,
    observer_accuracies,
    pearson,
    spearman,
    spearman_to_individuals,
    spearman_to_individuals_ceiling,
)
from cogtrain.metrics.accuracy import decide
from cogtrain.metrics.panel import in_key_order
from cogtrain.responses import parse_responses

if TYPE_CHECKING:
    import pandas as pd

PEOPLE = "people"
"""Observer name under which the figures of all people together are listed."""

_PLACE = ("set", "question", "observer_id")


def score(
    judgments: Judgments,
    humans: Judgments | None = None,
    truth: Mapping[str, str] | None = None,
    *,
    options: Sequence[str] = ("yes", "no"),
) -> "pd.DataFrame":
    """Estimates per observer, set and question.

    Accuracy needs a truth, alignment needs people. Questions with more than two options get their
    accuracy only.

    Args:
        judgments: Of models, and of people if they are in the same table.
        humans: People's judgments of the same stimuli; they replace those of `judgments`.
        truth: True answer by stimulus id, where the table has none.
        options: The two answers of a question that we do not know; probabilities are of the first.

    Returns:
        Columns `set, question, observer_id, metric, value, low, high, n, chance, reason`; figures
        of people together have the observer `people`.
    """
    import pandas as pd

    everyone = judgments
    if humans is not None:
        everyone = Judgments.concat([judgments.split_people()[1], humans])
    if truth is not None:
        everyone = everyone.with_truth(truth)
    rows = [
        dict(zip(_PLACE, place, strict=True)) | {"metric": metric} | estimate._asdict()
        for place, estimates in _scores(everyone, options)
        for metric, estimate in estimates.items()
    ]
    return pd.DataFrame(rows, columns=[*_PLACE, "metric", *Estimate._fields])


def score_files(
    judgments: Path,
    humans: Path | None = None,
    truth: Path | None = None,
    *,
    question: str = "will_fall",
) -> str:
    """Scores tables on disk and returns the printed table: what the verb `score` shows.

    Args:
        judgments: A judgments table, or a tidy one of models: `observer_id, stimulus_id, response`.
        humans: People's answers, the same columns.
        truth: Table of stimuli with `stimulus_id` and a column named as the question.
        question: What tidy tables answer, and which column of `truth` holds the answers.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a table lacks a column or holds what cannot be read; names the file.
    """
    answers = _open(judgments, "model", question)
    known = answers.names("stimulus_id")
    people = Judgments.humans(humans, stimuli=known, question=question) if humans else None
    table = score(answers, people, read_truth(truth, question) if truth else None)
    return format_scores(by_observer(table))


def read_truth(path: Path, question: str) -> dict[str, str]:
    """True answers by stimulus id from a table with the columns `stimulus_id` and `question`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing or an answer cannot be read.
    """
    table = read_table(path)
    require_columns(table, f"`{path}`", ("stimulus_id", question))
    options, scale = _menu(question)
    answers = parse_responses(
        table[question].tolist(), options=options, scale=scale, where=f"`{path}`"
    )
    ids = table["stimulus_id"].astype(str)
    return {name: text for name, text in zip(ids, answers.text, strict=True) if text is not None}


def by_observer(scores: "pd.DataFrame") -> dict[tuple[str, str], dict[str, Estimate]]:
    """The rows of `score` as (observer, set) → metric → estimate, people's figures with each."""
    results: dict[tuple[str, str], dict[str, Estimate]] = {}
    people: dict[str, dict[str, Estimate]] = {}
    several = len(set(scores["question"])) > 1
    for place, metric, estimate in _rows(scores):
        name = " ".join(place[:2]).strip() if several else place[0]
        mine = people.setdefault(name, {})
        if place[2] != PEOPLE:
            mine = results.setdefault((place[2], name), {})
        mine[metric] = estimate
    if not results:
        return {(PEOPLE, name): estimates for name, estimates in people.items()}
    return {place: own | people.get(place[1], {}) for place, own in results.items()}


def _rows(scores: Any) -> Iterator[tuple[tuple[str, str, str], str, Estimate]]:
    for row in scores.to_dict("records"):
        estimate = Estimate(**{field: row[field] for field in Estimate._fields})
        yield (row["set"], row["question"], row["observer_id"]), row["metric"], estimate


def _open(path: Path, observer_kind: str, question: str) -> Judgments:
    """A judgments table as it is; a tidy one, which does not say who judges, by import."""
    if "observer_kind" in read_table(path):
        return Judgments.read(path)
    return Judgments.tidy(path, observer_kind=observer_kind, question=question)


def _scores(
    everyone: Judgments, options: Sequence[str]
) -> Iterator[tuple[tuple[str, str, str], dict[str, Estimate]]]:
    for name, question in _cells(everyone):
        wanted = {"set": name} if name else {}
        wanted |= {"question": question} if question else {}
        cell = everyone.select(**wanted)
        people, others = cell.split_people()
        stimuli = in_key_order((others if len(others) else people).names("stimulus_id"))
        truth = _truth(cell)
        menu = _menu(question, options)[0]
        if len(menu) != 2:
            for observer in others.names("observer_id"):
                own = others.select(observer_id=observer)
                yield (name, question, observer), _of_choices(own, truth, len(menu))
            continue
        panel = _panel(people, menu)
        if panel is not None:
            answers, right = panel.at(stimuli), _binary(truth, stimuli, menu)
            yield (name, question, PEOPLE), _of_people(answers, right)
        for observer in others.names("observer_id"):
            own = others.select(observer_id=observer)
            yield (name, question, observer), _of_one(own, panel, truth, menu)


def _cells(everyone: Judgments) -> list[tuple[str, str]]:
    """Different (set, question) of the models, or of the people if there are only people."""
    people, others = everyone.split_people()
    table = (others if len(others) else people).table[["set", "question"]].fillna("")
    return list(dict.fromkeys(table.itertuples(index=False, name=None)))


def _truth(cell: Judgments) -> dict[str, str]:
    known = cell.table.dropna(subset=["truth"])
    return dict(zip(known["stimulus_id"], known["truth"], strict=True))


def _binary(truth: Mapping[str, str], stimuli: Sequence[str], options: Sequence[str]) -> np.ndarray:
    code = {options[0]: 1.0, options[1]: 0.0}
    return np.array([code.get(truth.get(name, ""), np.nan) for name in stimuli], dtype=float)


def _menu(
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


def _of_choices(
    own: Judgments, truth: Mapping[str, str], options: int | None = None
) -> dict[str, Estimate]:
    """Accuracy where there are not two options but several, or who knows how many."""
    table = own.table
    said = [None if answer != answer else answer for answer in table["response"]]
    true = [truth.get(name) for name in table["stimulus_id"]]
    return {"accuracy": choice_accuracy(said, true, options=options)}


def _of_one(
    own: Judgments, people: Panel | None, truth: Mapping[str, str], options: Sequence[str]
) -> dict[str, Estimate]:
    panel = _panel(own, options)
    if panel is None:
        return _of_choices(own, truth)
    stimuli = tuple(in_key_order(panel.stimuli))
    answers = panel.at(stimuli)[0]
    chosen = Panel.from_judgments(own, options=options, graded=False).at(stimuli)[0]
    right = _binary(truth, stimuli, options)
    estimates = {"accuracy": accuracy(chosen, right)}
    if people is None:
        return estimates
    responses = people.at(stimuli)
    proportion = Panel(people.observers, stimuli, responses).proportion
    return estimates | {
        "spearman": spearman(answers, proportion),
        "pearson": pearson(answers, proportion),
        "spearman_to_individuals": spearman_to_individuals(decide(chosen), responses),
        "error_consistency": error_consistency(chosen, responses, right),
    }


def _of_people(answers: np.ndarray, truth: np.ndarray) -> dict[str, Estimate]:
    asked = (~np.isnan(answers)).any(axis=0)
    answers, truth = answers[:, asked], truth[asked]
    accuracies = observer_accuracies(answers, truth)
    figures: dict[str, Callable[[], Estimate]] = {
        "human_accuracy": lambda: human_accuracy(answers, truth),
        "human_majority_accuracy": lambda: human_majority_accuracy(answers, truth),
        "error_consistency_ceiling": lambda: error_consistency_ceiling(answers, truth),
        "spearman_to_individuals_ceiling": lambda: spearman_to_individuals_ceiling(answers),
    }
    estimates = {name: figure() for name, figure in figures.items()}
    if not np.isnan(accuracies).all():
        n = estimates["human_accuracy"].n
        estimates["human_accuracy_lowest"] = Estimate(float(np.nanmin(accuracies)), n=n)
        estimates["human_accuracy_highest"] = Estimate(float(np.nanmax(accuracies)), n=n)
    return estimates

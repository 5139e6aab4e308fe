"""Answers: what every run's model, and people, said about each stimulus; one row each."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cogtrain.evaluation.cell import PEOPLE, menu_of
from cogtrain.evaluation.run import Run
from cogtrain.judgments import Judgments

PLACE: tuple[str, ...] = ("set", "question", "stimulus_id")
COLUMNS = (*PLACE, "observer", "response", "probability", "truth", "first", "correct", "n")


def answers_of(runs: Mapping[str, Run]) -> Any:
    """Everything that was answered, runs in their order and then people.

    Args:
        runs: Opened runs by the name that they go by.

    Returns:
        Columns `set, question, stimulus_id, observer` (name of a run, or `people`), `response`
        (people's: the commonest), `probability` (P(first option); people's: the share that chose
        it; `nan` for more than two options), `truth`, `first` (1 where the first option is true, 0
        where the second is), `correct` (1 or 0; people's: the share that was right), `n` (judgments
        behind the row), then what the runs' tables of stimuli know: margin and factors.
    """
    import pandas as pd

    parts = [part for name, run in runs.items() for part in _of_models(name, run)]
    people = [part for run in runs.values() for part in _of_people(run)]
    everyone = pd.concat([_empty(), *parts, *people], ignore_index=True)
    everyone = everyone.drop_duplicates([*PLACE, "observer"], ignore_index=True)
    known = pd.concat([run.stimuli for run in runs.values()], ignore_index=True)
    known = known.drop(columns=[name for name in COLUMNS if name not in PLACE], errors="ignore")
    known = known.drop_duplicates(["set", "stimulus_id"])
    return everyone.merge(known, how="left", on=["set", "stimulus_id"])


def _empty() -> Any:
    import pandas as pd

    numbers = ("probability", "first", "correct", "n")
    types = {name: float if name in numbers else object for name in COLUMNS}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def _of_models(name: str, run: Run) -> Iterator[Any]:
    if run.judgments is None:
        return
    models = run.judgments.split_people()[1]
    several = len(models.names("observer_id")) > 1
    for rows in _cells(models):
        own = f"{name}:" + rows["observer_id"] if several else name
        yield rows.assign(observer=own, n=1.0)[list(COLUMNS)]


def _of_people(run: Run) -> Iterator[Any]:
    if run.judgments is None:
        return
    people, models = run.judgments.split_people()
    for rows in _cells(people, models):
        answered = rows.dropna(subset=["response"])
        each = answered.groupby(list(PLACE), sort=False)
        pooled = each[["probability", "first", "correct"]].mean()
        pooled["n"] = each.size().astype(float)
        pooled["truth"] = each["truth"].first()
        pooled["response"] = each["response"].agg(lambda said: said.mode().iloc[0])
        yield pooled.reset_index().assign(observer=PEOPLE)[list(COLUMNS)]


def _cells(judgments: Judgments, others: Judgments | None = None) -> Iterator[Any]:
    """The judgments of each set and question as numbers; `others` may know the truth."""
    table = judgments.table
    places = table[["set", "question"]].fillna("").drop_duplicates()
    for name, question in places.itertuples(index=False, name=None):
        wanted = {key: value for key, value in (("set", name), ("question", question)) if value}
        cell = judgments.select(**wanted)
        if others is not None:
            known = others.select(**wanted).table.dropna(subset=["truth"])
            cell = cell.with_truth(dict(zip(known["stimulus_id"], known["truth"], strict=True)))
        yield _numbers(cell, name, question)


def _numbers(cell: Judgments, name: str, question: str) -> Any:
    table, options = cell.table, tuple(menu_of(question)[0])
    truth, response = table["truth"], table["response"]
    known = truth.notna().to_numpy()
    probability = first = np.full(len(table), np.nan)
    if len(options) == 2 and set(response.dropna()) | set(truth.dropna()) <= set(options):
        probability = cell.answers(options=options)
        first = np.where(known, np.asarray(truth == options[0], dtype=float), np.nan)
    correct = np.where(known, np.asarray(response == truth, dtype=float), np.nan)
    return table.assign(
        set=name, question=question, probability=probability, first=first, correct=correct
    )

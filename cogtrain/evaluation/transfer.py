"""Transfer: the generalization matrix, trained on by tested on, and its change from the base."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cogtrain.evaluation.axis import AXES, axis_of
from cogtrain.evaluation.cell import Scoring, cells_of, menu_of, observed_in
from cogtrain.evaluation.observer import Observed, builders_of
from cogtrain.evaluation.run import Run
from cogtrain.judgment_table import KEY
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, accuracy, exchange_test, holm
from cogtrain.metrics.comparison import Difference
from cogtrain.metrics.estimate import bootstrapped
from cogtrain.metrics.interval import percentile

METRICS = ("accuracy", "spearman", "error_consistency")
"""How well, how alike in graded answers, how alike in errors."""

CARRIED = tuple(axis for axis in AXES if axis != "control")
"""Axes along which a mean over sets says something; blank and mirrored images have none."""

COLUMNS = (
    *("trained_on", "tested_on", "question", "axis", "metric"),
    *Estimate._fields[:-1],
    *("change", "change_low", "change_high", "p", "p_holm", "reason"),
)


@dataclass(frozen=True)
class Cell:
    """One column of the matrix: what every run answered to one question of one set.

    Attributes:
        set: Name of the set.
        question: What was asked.
        chance: What guessing gets.
        observed: By run; over a question of several options, whether each answer is right.
        axis: By run, in what the set differs from what the run trained on.
    """

    set: str
    question: str
    chance: float
    observed: Mapping[str, Observed]
    axis: Mapping[str, str]

    def difference(self, run: str, base: str, metric: str) -> Difference | None:
        """What `run` has more of `metric` than `base`, over the stimuli that both answered."""
        if run == base or run not in self.observed or base not in self.observed:
            return None
        pair = [self.observed[name] for name in (run, base)]
        known = frozenset(pair[1].stimuli)
        shared = [name for name in pair[0].stimuli if name in known]
        builders = [builders_of(each.at(shared)) for each in pair]
        if not all(metric in each for each in builders):
            return None
        return Difference(*(each[metric]() for each in builders))


Bases = str | Mapping[str, str] | None
"""What runs are compared with: one run by name, or for each run its own."""


def transfer(runs: Mapping[str, Run], base: Bases = None, *, seed: int = 0) -> Any:
    """The matrix as a table: one row per run, tested set, question and metric.

    Args:
        runs: Opened runs by name; a name is a row of the matrix.
        base: The run that the others are compared with, or for each its own; by default see
            `bases_of`.
        seed: Fixes resamples and exchanges.

    Returns:
        `COLUMNS`: `axis` as from `axis_of`; `change` is the paired difference from the base on the
        same stimuli with its 95 % interval, `p` that of an exchange test, `p_holm` corrected over
        all changes of one metric, those under controls apart.

    Raises:
        ValueError: If `base` is no run.
    """
    import pandas as pd

    bases = bases_of(runs, base)
    rows = [row for cell in cells(runs) for row in _rows(cell, bases, seed)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p"] = table["p"].astype(float)
    # Whether the image is used is another question: asking it must not make the matrix stricter.
    for _, family in table.groupby(["metric", table["axis"] == "control"], sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].to_numpy(dtype=float))
    order = {name: row for row, name in enumerate(runs)}
    return table.sort_values("trained_on", key=lambda names: names.map(order), kind="stable")


def transfer_by_axis(runs: Mapping[str, Run], base: Bases = None, *, seed: int = 0) -> Any:
    """How far training carries along each axis: mean change of accuracy over its tested sets.

    Controls are left to the matrix.

    Args:
        runs: As for `transfer`.
        base: As for `transfer`.
        seed: Fixes the resamples, which are of stimuli within every set.

    Returns:
        Columns `trained_on, base, axis, sets` (how many) and those of `Estimate`; empty without a
        base.
    """
    import pandas as pd

    bases, rows = bases_of(runs, base), []
    columns = list(cells(runs)) if bases else []
    for run, before in bases.items():
        for axis in CARRIED:
            along = [cell for cell in columns if cell.axis.get(run) == axis]
            found = [cell.difference(run, before, "accuracy") for cell in along]
            each = [difference for difference in found if difference is not None]
            if each:
                place = {"trained_on": run, "base": before, "axis": axis, "sets": len(each)}
                rows.append(place | _mean_of(each, seed)._asdict())
    return pd.DataFrame(rows, columns=["trained_on", "base", "axis", "sets", *Estimate._fields])


def bases_of(runs: Mapping[str, Run], base: Bases = None) -> dict[str, str]:
    """The run that each of the others is compared with.

    Args:
        runs: Opened runs by name.
        base: For all, or for each its own; left out, the run that trained nothing, if there is
            exactly one, or one for each checkpoint that was trained from.

    Returns:
        By name, in the order of `runs`; without those that have none, and without the bases.

    Raises:
        ValueError: If a base is no run.
    """
    if base is None:
        found = _untrained(runs)
    elif isinstance(base, str):
        found = dict.fromkeys(runs, base)
    else:
        found = base
    for name in found.values():
        if name not in runs:
            raise ValueError(
                f"expected the base to be one of {', '.join(runs)}, got {name!r}; name one of the "
                "runs"
            )
    return {run: found[run] for run in runs if run in found and found[run] != run}


def _untrained(runs: Mapping[str, Run]) -> dict[str, str]:
    bases = [name for name, run in runs.items() if not run.trained]
    if len(bases) == 1:
        return dict.fromkeys(runs, bases[0])
    of_checkpoint: dict[str, list[str]] = {}
    for name in bases:
        of_checkpoint.setdefault(runs[name].pretrained, []).append(name)
    trained = [name for name in runs if name not in bases]
    found = {name: of_checkpoint.get(runs[name].pretrained, []) for name in trained}
    return {name: each[0] for name, each in found.items() if len(each) == 1}


def cells(runs: Mapping[str, Run]) -> Iterator[Cell]:
    """The columns of the matrix, in the order in which the runs tell of them."""
    everyone = _everyone(runs)
    for name, question in cells_of(everyone):
        tested = next((run.tested[name] for run in runs.values() if name in run.tested), None)
        axis = {
            each: "" if tested is None else axis_of(run.trained, tested, question)
            for each, run in runs.items()
        }
        options = len(menu_of(question)[0])
        yield Cell(name, question, 1 / options, _observed(everyone, (name, question)), axis)


def _rows(cell: Cell, bases: Mapping[str, str], seed: int) -> Iterator[dict[str, Any]]:
    for run, one in cell.observed.items():
        place = {"trained_on": run, "tested_on": cell.set, "question": cell.question}
        for metric, estimate in _estimates(cell, one, seed).items():
            row = place | {"axis": cell.axis.get(run, ""), "metric": metric} | estimate._asdict()
            base = bases.get(run)
            difference = None if base is None else cell.difference(run, base, metric)
            yield row | (_change(difference, seed) if difference else {})


def _estimates(cell: Cell, one: Observed, seed: int) -> dict[str, Estimate]:
    builders = builders_of(one, seed=seed)
    found = {"accuracy": accuracy(one.chosen, one.truth, chance=cell.chance)}
    for metric in METRICS[1:]:
        if metric in builders:
            found[metric] = builders[metric]().estimate(seed=seed)
    return found


def _change(difference: Difference, seed: int) -> dict[str, float]:
    estimate = difference.estimate(seed=seed)
    p = exchange_test(difference.first, difference.second, seed=seed)
    ends = {"change_low": estimate.low, "change_high": estimate.high}
    return {"change": estimate.value, "p": p} | ends


def _mean_of(differences: list[Difference], seed: int) -> Estimate:
    """Mean over sets, each resampled by itself: other sets have other stimuli."""
    drawn = [each.replicates(seed=seed + number) for number, each in enumerate(differences)]
    value = float(np.mean([each.value for each in differences]))
    ends = percentile(np.mean(drawn, axis=0))
    return bootstrapped(value, ends, n=sum(each.n for each in differences), chance=0.0)


def _everyone(runs: Mapping[str, Run]) -> Judgments:
    """All models under the names of their runs, and everybody's people once."""
    import pandas as pd

    judged = {name: run.judgments for name, run in runs.items() if run.judgments is not None}
    split = {name: each.split_people() for name, each in judged.items()}
    models = [each.table.assign(observer_id=name) for name, (_, each) in split.items()]
    people = [each.table for each, _ in split.values()]
    if not judged:
        return Judgments.concat([])
    once = pd.concat(people, ignore_index=True).drop_duplicates(list(KEY), ignore_index=True)
    return Judgments.concat([*map(Judgments, models), Judgments(once)])


def _observed(everyone: Judgments, place: tuple[str, str]) -> dict[str, Observed]:
    name, question = place
    if len(menu_of(question)[0]) == 2:
        return observed_in(everyone, place, Scoring())
    wanted = {key: value for key, value in (("set", name), ("question", question)) if value}
    models = everyone.select(**wanted).split_people()[1]
    by_name = {each: models.select(observer_id=each) for each in models.names("observer_id")}
    return {each: _right_or_wrong(own) for each, own in by_name.items()}


def _right_or_wrong(own: Judgments) -> Observed:
    """Answers to a question of several options, as whether each is the true one."""
    table = own.table.sort_values("stimulus_id")
    right = np.asarray(table["response"] == table["truth"], dtype=float)
    known = np.where(table["truth"].notna(), 1.0, np.nan)
    stimuli = tuple(table["stimulus_id"])
    blank = np.full(len(stimuli), np.nan)
    return Observed(stimuli, right, right, known, blank, np.zeros((0, len(stimuli))))

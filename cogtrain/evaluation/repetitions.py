"""Repetitions: trainings that differ in their seed alone, and how far they carry together.

An interval here holds for other seeds and for other stimuli: the variance of a mean over seeds is
that between them plus that of the stimuli, which all of them share.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cogtrain.evaluation.run import Run
from cogtrain.evaluation.transfer import CARRIED, Bases, Cell, bases_of, cells
from cogtrain.metrics.comparison import Difference

_SAME = "same"
COLUMNS = (
    *("group", "axis", "sets", "n", "seeds"),
    *("gain", "gain_low", "gain_high", "gain_sd"),
    *("gap", "gap_low", "gap_high", "gap_sd", "reason"),
)


class Spread(NamedTuple):
    """A mean over seeds with both kinds of variance.

    Attributes:
        mean: Over seeds.
        low: Lower end of the 95 % interval.
        high: Upper end.
        sd: Standard deviation between seeds (n - 1); `nan` with one.
        reason: What the interval leaves out.
    """

    mean: float
    low: float
    high: float
    sd: float
    reason: str = ""


def spread(values: Sequence[float], drawn: np.ndarray) -> Spread:
    """Mean over seeds, its interval over seeds and stimuli.

    The two variances add up; degrees of freedom by Welch and Satterthwaite, where those of the
    stimuli count as infinite.

    Args:
        values: One per seed, on the same stimuli.
        drawn: The mean over seeds in each resample of the stimuli, ``(replicates,)``.

    Example:
        >>> [round(each, 3) for each in spread([0.1, 0.2, 0.3], np.zeros(9))[:4]]
        [0.2, -0.048, 0.448, 0.1]
    """
    from scipy.stats import t

    each, seeds = np.asarray(values, dtype=float), len(values)
    mean, of_stimuli = float(each.mean()), float(np.nanvar(drawn))
    sd = float(each.std(ddof=1)) if seeds > 1 else math.nan
    of_seeds = sd**2 / seeds if seeds > 1 else 0.0
    both = of_seeds + of_stimuli
    freedom = both**2 * (seeds - 1) / of_seeds**2 if of_seeds else math.inf
    half = float(t.ppf(0.975, freedom)) * math.sqrt(both)
    why = "one seed" if seeds < 2 else "seeds do not differ"
    reason = "" if of_seeds else f"interval over stimuli alone: {why}"
    return Spread(mean, mean - half, mean + half, sd, reason)


def repetitions_by_axis(
    runs: Mapping[str, Run],
    groups: Mapping[str, Sequence[str]],
    base: Bases = None,
    *,
    seed: int = 0,
) -> Any:
    """How far each group's training carries along each axis, and what it loses on the way.

    Args:
        runs: Opened runs by name.
        groups: Names of the runs that differ in their seed alone, by name of the group.
        base: As for `transfer`.
        seed: Fixes the resamples, which are of stimuli within every set, the same for all runs.

    Returns:
        `COLUMNS`, empty without a base: `gain` is the mean change of accuracy from the base over
        the tested sets of an axis, `gap` how much less that is than on unseen stimuli like those
        that were trained on; both with their interval and the standard deviation between seeds.
    """
    import pandas as pd

    bases = bases_of(runs, base)
    columns = list(cells(runs)) if bases else []
    rows = []
    for group, names in groups.items():
        own = {name: bases[name] for name in names if name in bases}
        along = {axis: _gains(columns, axis, own, seed) for axis in CARRIED}
        rows += [{"group": group} | row for row in _rows(along)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Gains(NamedTuple):
    """Gains along one axis: a value per seed, and the mean over seeds per resample."""

    values: list[float]
    drawn: np.ndarray
    sets: int
    n: int


def _gains(
    columns: Sequence[Cell], axis: str, bases: Mapping[str, str], seed: int
) -> _Gains | None:
    of_runs: list[tuple[float, np.ndarray]] = []
    sets = n = 0
    for name, base in bases.items():
        found = _differences(columns, axis, name, base)
        if found:
            # By the place of the set: the same draws for every run, others for every set.
            drawn = [each.replicates(seed=seed + place) for place, each in found.items()]
            value = float(np.mean([each.value for each in found.values()]))
            of_runs.append((value, np.mean(drawn, axis=0)))
            sets, n = len(found), sum(each.n for each in found.values())
    if not of_runs:
        return None
    values, drawn = zip(*of_runs, strict=True)
    return _Gains([*values], np.mean(drawn, axis=0), sets, n)


def _differences(columns: Sequence[Cell], axis: str, name: str, base: str) -> dict[int, Difference]:
    along = {place: cell for place, cell in enumerate(columns) if cell.axis.get(name) == axis}
    found = {place: cell.difference(name, base, "accuracy") for place, cell in along.items()}
    return {place: each for place, each in found.items() if each is not None}


def _rows(along: Mapping[str, _Gains | None]) -> Iterator[dict[str, Any]]:
    same = along[_SAME]
    for axis, gains in along.items():
        if gains is None:
            continue
        found = spread(gains.values, gains.drawn)
        row = {"axis": axis, "sets": gains.sets, "n": gains.n, "seeds": len(gains.values)}
        row |= {"reason": found.reason} | _named("gain", found)
        if same is not None and axis != _SAME and len(same.values) == len(gains.values):
            less = np.subtract(same.values, gains.values)
            row |= _named("gap", spread([*less], same.drawn - gains.drawn))
        yield row


def _named(name: str, found: Spread) -> dict[str, float]:
    ends = {f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_sd": found.sd}
    return {name: found.mean} | ends

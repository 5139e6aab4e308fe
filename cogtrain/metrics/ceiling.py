"""Human ceilings: how well people agree, and so how much of their answers there is to predict.

Three different questions. How alike would two groups of this size answer (`split_half`), and so how
high can an observer without any noise correlate with this group's mean (`noise_ceiling`)? How well
does one person agree with the rest (`leave_one_out`), which is what one more person would reach?
"""

from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.correlation import (
    FEWEST,
    CorrelationStatistic,
    Kind,
    correlate,
    pearson_of_rows,
)
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.human_accuracy import mean_over_people
from cogtrain.metrics.panel import proportion_of
from cogtrain.metrics.resample import stream
from cogtrain.metrics.statistic import Resampling, Statistic

SPLITS = 1000
"""Default number of random halves: the mean over them then moves by less than 0.002."""

_RESAMPLED_SPLITS = 200
_HALVES = 3  # purpose of the stream


def spearman_brown(r: Any, times: float) -> Any:
    """Reliability of a test `times` as long as one of reliability `r` (Spearman 1910, Brown 1910).

    `nan` at its pole, for halves that are exact opposites.

    Example:
        >>> round(float(spearman_brown(0.5, 2)), 4)
        0.6667
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        stepped = np.true_divide(times * r, 1 + (times - 1) * r)
    return np.where(np.isfinite(stepped), stepped, np.nan)[()]


class SplitHalfStatistic(Statistic):
    """Reliability of the mean of all people, from random halves of them.

    The interval resamples stimuli. People are split and not drawn: one drawn twice would agree with
    himself across the halves.
    """

    def __init__(self, humans: ArrayLike, splits: int = SPLITS, seed: int = 0) -> None:
        people = np.asarray(humans, dtype=float)
        people = people[(~np.isnan(people)).any(axis=1)]
        people = people[:, (~np.isnan(people)).sum(axis=0) > 1]
        self.asked, self.n = people.shape
        self._times = self.asked / max(1, self.asked // 2)
        halves = _halves(self.asked, splits, seed)
        answered, given = (~np.isnan(people)).astype(float), np.nan_to_num(people)
        counts = [half @ answered for half in halves]
        self._shared = ((counts[0] > 0) & (counts[1] > 0)).astype(float)
        middle = proportion_of(people).mean() if self.n else 0.0
        self._means = [
            (half @ given / np.maximum(count, 1) - middle) * self._shared
            for half, count in zip(halves, counts, strict=True)
        ]

    @property
    def cells(self) -> int:
        """Splits held per resample."""
        return max(self.n, _RESAMPLED_SPLITS)

    @property
    def value(self) -> float:
        """From all splits."""
        return float(self._reliability(np.ones((1, self.n)), len(self._shared))[0])

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample, from the first splits: the resample moves far more than the splits do."""
        return self._reliability(stimuli, _RESAMPLED_SPLITS)

    def _reliability(self, stimuli: np.ndarray, splits: int) -> np.ndarray:
        """Spearman-Brown of the mean correlation over splits."""
        a, b = (means[:splits] for means in self._means)
        r = pearson_of_rows(a, b, self._shared[:splits], stimuli)
        return spearman_brown(mean_over_people(r, np.ones_like(r)), self._times)

    def why_undefined(self) -> str:
        """Too few people or stimuli, or no half that varies."""
        if self.asked < 2 or self.n < FEWEST:
            return f"needs 2 people on {FEWEST} stimuli, got {self.asked} on {self.n}"
        if np.isnan(self.value):
            return "halves of the people answer the same to every stimulus"
        return ""


def _halves(people: int, splits: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Who is in either half, ``(splits, people)`` of 0 and 1; of an odd number one is in none."""
    place = stream(seed, _HALVES).random((splits, people)).argsort(axis=1)
    half = people // 2
    return (place < half).astype(float), ((place >= half) & (place < 2 * half)).astype(float)


def split_half(
    humans: ArrayLike, *, splits: int = SPLITS, **resampling: Unpack[Resampling]
) -> Estimate:
    """Split-half reliability of the mean of all people: would as many others answer the same?

    Pearson's correlation between the means of random halves, averaged over the splits, then
    stepped up to the full number of people by Spearman-Brown. The interval resamples stimuli.

    Args:
        humans: ``(observers, stimuli)``; `nan` where skipped.
        splits: Random halves.
        resampling: See `Resampling`.
    """
    return SplitHalfStatistic(humans, splits, resampling.get("seed", 0)).estimate(**resampling)


class NormalisedStatistic(Statistic):
    """A correlation with the human mean over the root of that mean's reliability."""

    def __init__(self, answers: ArrayLike | None, humans: ArrayLike, seed: int = 0) -> None:
        people = np.asarray(humans, dtype=float)
        used = (~np.isnan(people)).sum(axis=0) > 1
        if answers is not None:
            x = np.asarray(answers, dtype=float)
            used &= ~np.isnan(x)
            self._own = CorrelationStatistic(x[used], proportion_of(people[:, used]), "pearson")
            self.answers, self.has_observer = self._own.answers, True
        self._reliability = SplitHalfStatistic(people[:, used], seed=seed)
        self.n = self._reliability.n
        self.chance = np.nan if answers is None else 0.0

    @property
    def cells(self) -> int:
        """Splits held per resample."""
        return self._reliability.cells

    @property
    def value(self) -> float:
        """From all splits."""
        if self.why_undefined():
            return np.nan
        root = np.sqrt(self._reliability.value)
        return float(self._own.value / root if self.has_observer else root)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample, both parts from the same stimuli; `nan` where reliability is not > 0."""
        reliability = self._reliability.resampled(stimuli, people)
        root = np.sqrt(np.where(reliability > 0, reliability, np.nan))
        return self._own.resampled(stimuli, people) / root if self.has_observer else root

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        return self._own.of(answers) / np.sqrt(self._reliability.value)

    def why_undefined(self) -> str:
        """What makes either part undefined, or a reliability that is not positive."""
        reason = self._own.why_undefined() if self.has_observer else ""
        reason = reason or self._reliability.why_undefined()
        if reason:
            return reason
        value = self._reliability.value
        return "" if value > 0 else f"the reliability of the human mean is {value:.3f}, not above 0"


def noise_ceiling(humans: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """Highest Pearson correlation with the human mean that an observer without noise can expect.

    The root of `split_half`: the mean of a finite group is itself a noisy measurement (Spearman
    1904). The interval resamples stimuli.

    Args:
        humans: ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    return NormalisedStatistic(None, humans, resampling.get("seed", 0)).estimate(**resampling)


def normalised_correlation(
    answers: ArrayLike, humans: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Pearson's correlation with the human mean over `noise_ceiling`: 1 is all there is to predict.

    Both come from the same resampled stimuli, so that the interval holds the doubt in the ceiling
    too. Neither clipped nor made absolute: few people can give values above 1.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``; `nan` where not answered.
        humans: ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    return NormalisedStatistic(answers, humans, resampling.get("seed", 0)).estimate(**resampling)


class LeaveOneOutStatistic(Statistic):
    """Mean over people of each one's correlation with the mean of the others.

    The interval resamples stimuli and the people who are averaged over; the others stay as they
    are, because one drawn twice would be among his own others.
    """

    def __init__(self, humans: ArrayLike, kind: Kind = "pearson") -> None:
        people = np.asarray(humans, dtype=float)
        answered = ~np.isnan(people)
        used = answered.sum(axis=0) > 1
        people, answered = people[:, used], answered[:, used]
        others = answered.sum(axis=0) - 1
        self.rest = (np.nan_to_num(people).sum(axis=0) - people) / others
        self._own = people
        self._kind: Kind = kind
        self.people, self.n = people.shape
        left_out = int(np.isnan(self.each()).sum())
        if left_out:
            self.note = f"{left_out} of {self.people} people left out: constant or too few answers"

    def each(self) -> np.ndarray:
        """Each person's correlation with the rest, ``(observers,)``; `nan` where undefined."""
        return self._each(np.ones((1, self.n)))[0] if self.n else np.full(self.people, np.nan)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return mean_over_people(self._each(stimuli), people)

    def _each(self, weights: np.ndarray) -> np.ndarray:
        if self._kind == "pearson":
            given = (~np.isnan(self._own)).astype(float)
            middle = np.nanmean(self._own) if given.any() else 0.0
            own, rest = (np.nan_to_num((x - middle) * given) for x in (self._own, self.rest))
            r = pearson_of_rows(own, rest, given, weights)
            return np.where(given.sum(axis=1) < FEWEST, np.nan, r)
        values = np.full((len(weights), self.people), np.nan)
        for person, (own, rest) in enumerate(zip(self._own, self.rest, strict=True)):
            given = ~np.isnan(own)
            if given.sum() >= FEWEST:
                part = weights[:, given]
                values[:, person] = correlate(own[given], rest[given], part, self._kind)
        return values

    def why_undefined(self) -> str:
        """Nobody to compare with, or nobody who varies."""
        if self.people < 2 or self.n < FEWEST:
            return f"needs 2 people on {FEWEST} stimuli, got {self.people} on {self.n}"
        return "no person varies together with others" if np.isnan(self.each()).all() else ""


def leave_one_out(
    humans: ArrayLike, *, kind: Kind = "pearson", **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean correlation of one person with the mean of the others: what one more person reaches.

    The lower bound of a noise ceiling (Nili et al. 2014). A person who answers yes or no is coarser
    than a graded model; the model's choices are the fair comparison. The interval resamples stimuli
    and people.

    Args:
        humans: ``(observers, stimuli)``; `nan` where skipped.
        kind: `pearson`, `spearman` or `kendall`.
        resampling: See `Resampling`.
    """
    return LeaveOneOutStatistic(humans, kind).estimate(**resampling)


def observer_to_rest(humans: ArrayLike, *, kind: Kind = "pearson") -> np.ndarray:
    """Each person's correlation with the mean of the others, ``(observers,)``.

    Where a model stands among single people: compare its own correlation with these. `nan` for a
    person who is constant or shares fewer than three stimuli with others.

    Args:
        humans: ``(observers, stimuli)``; `nan` where skipped.
        kind: `pearson`, `spearman` or `kendall`.
    """
    return LeaveOneOutStatistic(humans, kind).each()


def naive_ceiling(
    humans: ArrayLike, *, kind: Kind = "pearson", **resampling: Unpack[Resampling]
) -> Estimate:
    """`leave_one_out` with each person left in the mean: inflated, for comparison only.

    The upper bound of Nili et al. (2014), and what studies report that correlate an individual with
    the sum of all answers, his own included.
    """
    statistic = LeaveOneOutStatistic(humans, kind)
    statistic.rest = np.tile(proportion_of(statistic._own), (statistic.people, 1))
    return statistic.estimate(**resampling)

"""Error consistency: do two observers fail on the same stimuli, beyond what their accuracies imply?

Cohen's kappa over correctness (Geirhos, Meding & Wichmann 2020). An observer without a single
error, or without a single right answer, makes kappa 0 or 0/0 whatever the other does; we call both
undefined, because neither is evidence of independence.
"""

from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.accuracy import correctness
from cogtrain.metrics.estimate import Estimate, undefined
from cogtrain.metrics.human_accuracy import mean_over_people
from cogtrain.metrics.statistic import Resampling, Statistic

_CELLS_AT_ONCE = 500_000  # 2 MB per array of float32


def kappa(both: np.ndarray, first: np.ndarray, second: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Cohen's kappa from counts: both right, first right, second right, shared stimuli.

    `nan` where either is constant. Elementwise, any shape.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = first / n, second / n
        observed = 1 - p - q + 2 * both / n
        expected = p * q + (1 - p) * (1 - q)
        result = (observed - expected) / (1 - expected)
    varied = (first > 0) & (first < n) & (second > 0) & (second < n)
    return np.where(varied, result, np.nan)


class ConsistencyStatistic(Statistic):
    """Mean kappa over correctness between one observer and each person."""

    has_observer = True

    def __init__(self, answers: ArrayLike, humans: ArrayLike, truth: ArrayLike) -> None:
        answers, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
        right, people = correctness(answers, truth), correctness(humans, truth, tie=np.nan)
        used = ~np.isnan(right) & (~np.isnan(people)).any(axis=0)
        self.answers, self._truth, self._right = answers[used], truth[used], right[used]
        people = people[:, used]
        self.people, self.n = people.shape
        self._answered, self._theirs = (~np.isnan(people)).astype(float), np.nan_to_num(people)
        left_out = int(np.isnan(self.each()).sum())
        if left_out:
            self.note = f"{left_out} of {self.people} people left out: all right or all wrong"

    def each(self) -> np.ndarray:
        """Kappa with each person, ``(observers,)``."""
        return self._kappas(self._right[None], np.ones((1, self.n)))[0]

    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Per person: stimuli both answered, the observer right there, the person right there."""
        return (
            self._answered.sum(axis=1),
            self._answered @ self._right,
            self._theirs.sum(axis=1),
        )

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return mean_over_people(self._kappas(self._right[None], stimuli), people)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        right = correctness(answers, self._truth)
        kappas = self._kappas(right, np.ones((1, self.n)))
        return mean_over_people(kappas, np.ones((1, self.people)))

    def _kappas(self, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """With each person per row, ``(rows, observers)``."""
        mine = weights * right
        n = weights @ self._answered.T
        both, first = mine @ self._theirs.T, mine @ self._answered.T
        return kappa(both, first, weights @ self._theirs.T, n)

    def why_undefined(self) -> str:
        """Nobody to compare with, or somebody without errors."""
        if not np.isnan(self.each()).all():
            return ""
        if self.people == 0:
            return "no people"
        if self.n == 0:
            return "no stimulus that the observer and a person answered"
        if (self._right == self._right[0]).all():
            side = "right" if self._right[0] else "wrong"
            return f"the observer is {side} on all {self.n} stimuli"
        return "every person is all right or all wrong on the shared stimuli"


def error_consistency(
    answers: ArrayLike, humans: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Cohen's kappa over correctness between an observer and each person, averaged over people.

    Each pair uses the stimuli that both answered. The sign is kept. The interval resamples stimuli
    and people.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``; `nan` where not answered.
        humans: The people's, ``(observers, stimuli)``; one half is no decision.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        resampling: See `Resampling`.
    """
    return ConsistencyStatistic(answers, humans, truth).estimate(**resampling)


class AttainableRange(NamedTuple):
    """Least and greatest value that a statistic can take."""

    lowest: Estimate
    highest: Estimate


def error_consistency_range(
    answers: ArrayLike, humans: ArrayLike, truth: ArrayLike
) -> AttainableRange:
    """Least and greatest error consistency that these accuracies allow.

    Two observers who are right on shares p and q of the stimuli are both right on at least
    p + q - 1 and at most min(p, q) of them, so kappa cannot reach -1, nor 1 unless p = q. Averaged
    over people, as `error_consistency` is.

    Args:
        answers: As for `error_consistency`.
        humans: As for `error_consistency`.
        truth: As for `error_consistency`.

    Example:
        >>> person, truth = [1, 1, 1, 0], [1, 1, 1, 1]
        >>> round(error_consistency_range([1, 1, 0, 0], [person], truth).highest.value, 3)
        0.5
    """
    pairs = ConsistencyStatistic(answers, humans, truth)
    reason = pairs.why_undefined()
    if reason:
        return AttainableRange(*2 * [undefined(reason, n=pairs.n)])
    n, first, second = pairs.counts()
    ends = (np.maximum(0, first + second - n), np.minimum(first, second))
    values = [float(np.nanmean(kappa(both, first, second, n))) for both in ends]
    return AttainableRange(*(Estimate(value, n=pairs.n) for value in values))


class _Pairs(Statistic):
    """Mean kappa over every pair of two different people, in blocks, so that memory stays bounded.

    A person drawn twice is not paired with itself.
    """

    def __init__(self, humans: ArrayLike, truth: ArrayLike) -> None:
        people = correctness(humans, truth, tie=np.nan)
        people = people[:, (~np.isnan(people)).any(axis=0)]
        self.people, self.n = people.shape
        # Counts below 2**24 are exact in float32, and it halves the time of the products.
        self.answered = (~np.isnan(people)).astype(np.float32)
        self.right = np.nan_to_num(people).astype(np.float32)
        self.is_complete = bool(self.answered.all())
        self.first, self.second = np.triu_indices(self.people, k=1)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Mean over pairs per resample, given how often each stimulus and person was drawn."""
        weights = stimuli.astype(np.float32)
        single = weights @ self.right.T
        total, summed = np.zeros(len(weights)), np.zeros(len(weights))
        size = max(1, _CELLS_AT_ONCE // max(weights.shape))
        for start in range(0, len(self.first), size):
            i, j = self.first[start : start + size], self.second[start : start + size]
            values = self._kappas(i, j, weights, single)
            drawn = np.where(np.isnan(values), 0, people[:, i] * people[:, j])
            total += drawn.sum(axis=1)
            summed += (np.nan_to_num(values) * drawn).sum(axis=1)
        return np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)

    def _kappas(
        self, i: np.ndarray, j: np.ndarray, weights: np.ndarray, single: np.ndarray
    ) -> np.ndarray:
        """Kappa of each pair ``(i, j)`` in each resample, ``(rows, pairs)``."""
        both = weights @ (self.right[i] * self.right[j]).T
        if self.is_complete:
            return kappa(both, single[:, i], single[:, j], weights.sum(axis=1, keepdims=True))
        first = weights @ (self.right[i] * self.answered[j]).T
        second = weights @ (self.answered[i] * self.right[j]).T
        return kappa(both, first, second, weights @ (self.answered[i] * self.answered[j]).T)

    def why_undefined(self) -> str:
        """Too few people, or none with errors."""
        if self.people < 2 or self.n == 0:
            return f"needs 2 people on shared stimuli, got {self.people} on {self.n}"
        value = self.resampled(np.ones((1, self.n)), np.ones((1, self.people)))[0]
        return "no pair of people with right and wrong answers" if np.isnan(value) else ""


def error_consistency_ceiling(
    humans: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean error consistency between two different people: what one more person would reach.

    The interval resamples stimuli and people; a person drawn twice is not paired with itself. Time
    grows with observers squared x stimuli x replicates.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; one half is no decision.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        resampling: See `Resampling`.
    """
    return _Pairs(humans, truth).estimate(**resampling)

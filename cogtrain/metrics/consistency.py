"""Error consistency: do two observers fail on the same stimuli, beyond what their accuracies imply?

Cohen's kappa over correctness (Geirhos, Meding & Wichmann 2020). An observer without a single
error, or without a single right answer, makes kappa 0 or 0/0 whatever the other does; we call both
undefined, because neither is evidence of independence.
"""

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.accuracy import correctness
from cogtrain.metrics.estimate import Estimate, bootstrapped, undefined
from cogtrain.metrics.resample import REPLICATES, over_stimuli_and_observers

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


def _with_each(model: np.ndarray, people: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Kappa of one observer with each of `people`, ``(rows, observers)``, for weighted stimuli."""
    shared = ~np.isnan(people) & ~np.isnan(model)
    a, b = np.where(shared, model, 0), np.where(shared, people, 0)
    n = weights @ shared.T.astype(float)
    return kappa(weights @ (a * b).T, weights @ a.T, weights @ b.T, n)


def _mean_over_people(kappas: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Mean per resample over those drawn whose kappa is defined; both ``(rows, observers)``."""
    drawn = np.where(np.isnan(kappas), 0, drawn)
    total, summed = drawn.sum(axis=1), (np.nan_to_num(kappas) * drawn).sum(axis=1)
    return np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)


def error_consistency(
    answers: ArrayLike,
    humans: ArrayLike,
    truth: ArrayLike,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Cohen's kappa over correctness between an observer and each person, averaged over people.

    Each pair uses the stimuli that both answered. The sign is kept. The interval resamples stimuli
    and people.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``; `nan` where not answered.
        humans: The people's, ``(observers, stimuli)``; one half is no decision.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        replicates: Bootstrap resamples.
        seed: Fixes the resamples.
    """
    model, people = correctness(answers, truth), correctness(humans, truth, tie=np.nan)
    used = ~np.isnan(model) & (~np.isnan(people)).any(axis=0)
    model, people = model[used], people[:, used]
    n = int(used.sum())
    each = _with_each(model, people, np.ones((1, n)))[0] if n else np.full(len(people), np.nan)
    if np.isnan(each).all():
        return undefined(_why_undefined(model, people), n=n, chance=0.0)
    draws = over_stimuli_and_observers(n, len(people), replicates=replicates, seed=seed)
    means = [_mean_over_people(_with_each(model, people, w), v) for w, v in draws]
    left_out = int(np.isnan(each).sum())
    note = f"{left_out} of {len(people)} people left out: all right or all wrong"
    value, reason = float(np.nanmean(each)), note if left_out else ""
    return bootstrapped(value, np.concatenate(means), n=n, chance=0.0, reason=reason)


def _why_undefined(model: np.ndarray, people: np.ndarray) -> str:
    if len(people) == 0:
        return "no people"
    if len(model) == 0:
        return "no stimulus that the observer and a person answered"
    if (model == model[0]).all():
        return f"the observer is {'right' if model[0] else 'wrong'} on all {len(model)} stimuli"
    return "every person is all right or all wrong on the shared stimuli"


class _Pairs:
    """Every pair of two different people, in blocks, so that memory stays bounded."""

    def __init__(self, people: np.ndarray) -> None:
        # Counts below 2**24 are exact in float32, and it halves the time of the products.
        self.answered = (~np.isnan(people)).astype(np.float32)
        self.right = np.nan_to_num(people).astype(np.float32)
        self.is_complete = bool(self.answered.all())
        self.first, self.second = np.triu_indices(len(people), k=1)

    def mean_kappa(self, stimuli: np.ndarray, observers: np.ndarray) -> np.ndarray:
        """Mean over pairs per resample, given how often each stimulus and person was drawn."""
        weights = stimuli.astype(np.float32)
        single = weights @ self.right.T
        total, summed = np.zeros(len(weights)), np.zeros(len(weights))
        size = max(1, _CELLS_AT_ONCE // max(weights.shape))
        for start in range(0, len(self.first), size):
            i, j = self.first[start : start + size], self.second[start : start + size]
            values = self._kappas(i, j, weights, single)
            drawn = np.where(np.isnan(values), 0, observers[:, i] * observers[:, j])
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


def error_consistency_ceiling(
    humans: ArrayLike, truth: ArrayLike, *, replicates: int = REPLICATES, seed: int = 0
) -> Estimate:
    """Mean error consistency between two different people: what one more person would reach.

    The interval resamples stimuli and people; a person drawn twice is not paired with itself. Time
    grows with observers squared x stimuli x replicates.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; one half is no decision.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        replicates: Bootstrap resamples.
        seed: Fixes the resamples.
    """
    people = correctness(humans, truth, tie=np.nan)
    people = people[:, (~np.isnan(people)).any(axis=0)]
    observers, n = people.shape
    if observers < 2 or n == 0:
        reason = f"needs 2 people on shared stimuli, got {observers} on {n}"
        return undefined(reason, n=n, chance=0.0)
    pairs = _Pairs(people)
    value = float(pairs.mean_kappa(np.ones((1, n)), np.ones((1, observers)))[0])
    if np.isnan(value):
        return undefined("no pair of people with right and wrong answers", n=n, chance=0.0)
    draws = over_stimuli_and_observers(n, observers, replicates=replicates, seed=seed)
    means = [pairs.mean_kappa(w, v) for w, v in draws]
    return bootstrapped(value, np.concatenate(means), n=n, chance=0.0)

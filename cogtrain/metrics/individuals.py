"""Rank correlation with individual people: the published raw statistic of the Lerer towers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.correlation import constant_reason, weighted_correlation
from cogtrain.metrics.estimate import Estimate, bootstrapped, undefined
from cogtrain.metrics.resample import REPLICATES, over_stimuli_and_observers

_FEWEST = 3  # two points correlate perfectly whatever they are


def spearman_to_individuals(
    answers: ArrayLike, humans: ArrayLike, *, replicates: int = REPLICATES, seed: int = 0
) -> Estimate:
    """Spearman's rho over all pairs of stimulus and person: the observer's answer, that person's.

    The convention of "Visual cognition in multimodal large language models" (2025): an observer
    that leaves one stimulus unanswered, or always answers the same, has no value. People's skipped
    stimuli are left out pair by pair. The interval resamples stimuli and people.

    Args:
        answers: One answer per stimulus, ``(stimuli,)``; `nan` where not answered.
        humans: One row per person, ``(observers, stimuli)``; `nan` where skipped.
        replicates: Bootstrap resamples.
        seed: Fixes the resamples.
    """
    x, people = np.asarray(answers, dtype=float), np.asarray(humans, dtype=float)
    missing = int(np.isnan(x).sum())
    if missing:
        reason = f"{missing} of {len(x)} stimuli not answered, and this statistic needs all"
        return undefined(reason, n=len(x) - missing, chance=0.0)
    return _over_pairs(x, people, replicates=replicates, seed=seed)


def spearman_to_individuals_ceiling(
    humans: ArrayLike, *, replicates: int = REPLICATES, seed: int = 0
) -> Estimate:
    """Spearman's rho between each person's answers and the mean answer of all, over all pairs.

    The human figure published beside `spearman_to_individuals`. Each person is part of the mean,
    so it is a little too high: by convention, and kept to be comparable.

    Args:
        humans: One row per person, ``(observers, stimuli)``; `nan` where skipped.
        replicates: Bootstrap resamples.
        seed: Fixes the resamples.
    """
    people = np.asarray(humans, dtype=float)
    answered = ~np.isnan(people)
    counts = answered.sum(axis=0)
    mean = np.where(answered, people, 0).sum(axis=0) / np.maximum(counts, 1)
    mean[counts == 0] = np.nan
    return _over_pairs(mean, people, replicates=replicates, seed=seed)


def _over_pairs(x: np.ndarray, people: np.ndarray, *, replicates: int, seed: int) -> Estimate:
    """Spearman of `x`, ``(stimuli,)``, with `people` over all their answers, clustered by both."""
    used = ~np.isnan(x) & (~np.isnan(people)).any(axis=0)
    x, people = x[used], people[:, used]
    observers, n = people.shape
    if n < _FEWEST:
        return undefined(f"needs {_FEWEST} stimuli that both answered, got {n}", n=n, chance=0.0)
    pairs = _Pairs.of(x, people)
    value = pairs.spearman(np.ones((1, n)), np.ones((1, observers)))
    if np.isnan(value[0]):
        reason = constant_reason("the observer", x) or "all people give the same answer throughout"
        return undefined(reason, n=n, chance=0.0)
    draws = over_stimuli_and_observers(
        n, observers, replicates=replicates, seed=seed, cells=pairs.x.size
    )
    resampled = [pairs.spearman(w, v) for w, v in draws]
    return bootstrapped(value[0], np.concatenate(resampled), n=n, chance=0.0)


class _Pairs(NamedTuple):
    """Stimulus-person pairs, those with the same two answers to one stimulus held as one.

    With yes/no answers that is two per stimulus instead of one per stimulus and person.

    Attributes:
        x, y: The two answers, ``(answers x stimuli,)``.
        gave: Who gave which answer, ``(observers, answers x stimuli)``.
    """

    x: np.ndarray
    y: np.ndarray
    gave: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, people: np.ndarray) -> "_Pairs":
        answers = np.unique(people[~np.isnan(people)])
        gave = np.concatenate([people == answer for answer in answers], axis=1, dtype=float)
        return cls(np.tile(x, len(answers)), np.repeat(answers, len(x)), gave)

    def spearman(self, stimuli: np.ndarray, observers: np.ndarray) -> np.ndarray:
        """Rho per resample, given how often each stimulus and each person was drawn."""
        repeated = np.tile(stimuli, self.x.size // stimuli.shape[1])
        return weighted_correlation(self.x, self.y, repeated * (observers @ self.gave), ranked=True)

"""Rank correlation with individual people: the published raw statistic of the Lerer towers."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.correlation import FEWEST, constant_reason, correlate, correlate_rows
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.panel import proportion_of
from cogtrain.metrics.statistic import Resampling, Statistic


def spearman_to_individuals(
    answers: ArrayLike, humans: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Spearman's rho over all pairs of stimulus and person: the observer's answer, that person's.

    The convention of "Visual cognition in multimodal large language models" (2025): an observer
    that leaves one stimulus unanswered, or always answers the same, has no value. People's skipped
    stimuli are left out pair by pair. The interval resamples stimuli and people.

    Args:
        answers: One answer per stimulus, ``(stimuli,)``; `nan` where not answered.
        humans: One row per person, ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    return IndividualsStatistic(answers, humans).estimate(**resampling)


def spearman_to_individuals_ceiling(
    humans: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Spearman's rho between each person's answers and the mean of the others', over all pairs.

    What one more person would reach on `spearman_to_individuals` if he or she answered as the
    others do on average. The interval resamples stimuli and people; the others' mean stays.

    Args:
        humans: One row per person, ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    return IndividualsStatistic.of_rest(humans).estimate(**resampling)


def spearman_to_individuals_naive_ceiling(
    humans: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Spearman's rho between each person's answers and the mean answer of all, over all pairs.

    The human figure published beside `spearman_to_individuals`. Naive: each person is part of the
    mean, so it is a little too high. Kept to be comparable.

    Args:
        humans: One row per person, ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    people = np.asarray(humans, dtype=float)
    people = people[:, (~np.isnan(people)).any(axis=0)]
    return IndividualsStatistic(proportion_of(people), people).estimate(**resampling)


class IndividualsStatistic(Statistic):
    """Spearman over all pairs of stimulus and person, clustered by both.

    Pairs with the same two answers to one stimulus are held as one: with yes/no answers that is two
    per stimulus instead of one per stimulus and person.

    Args:
        answers: One per stimulus, ``(stimuli,)``.
        humans: ``(observers, stimuli)``.
    """

    has_observer = True

    def __init__(self, answers: ArrayLike, humans: ArrayLike) -> None:
        x, people = np.asarray(answers, dtype=float), np.asarray(humans, dtype=float)
        self._missing = int(np.isnan(x).sum())
        self._asked = len(x)
        used = ~np.isnan(x) & (~np.isnan(people)).any(axis=0)
        self.answers, people = x[used], people[:, used]
        self.people, self.n = people.shape
        given = np.unique(people[~np.isnan(people)])
        self._levels = len(given)
        none = np.zeros((self.people, 0))
        gave = [none, *(people == answer for answer in given)]
        self._gave = np.concatenate(gave, axis=1, dtype=float)
        self._x, self._y = np.tile(self.answers, len(given)), np.repeat(given, self.n)

    @classmethod
    def of_rest(cls, humans: ArrayLike) -> "IndividualsStatistic":
        """Each person's answer against the mean of the others who answered that stimulus."""
        people = np.asarray(humans, dtype=float)
        shared = (~np.isnan(people)).sum(axis=0) > 1
        people = people[:, shared]
        pairs = cls(np.zeros(people.shape[1]), people)
        pairs.has_observer = False
        count, total = (~np.isnan(people)).sum(axis=0), np.nan_to_num(people).sum(axis=0)
        rest = np.tile(total, pairs._levels) - pairs._y
        pairs._x = rest / (np.tile(count, pairs._levels) - 1)
        return pairs

    @property
    def cells(self) -> int:
        """Pairs held per resample."""
        return max(1, self._x.size)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Rho per resample; a resampled person is compared with the same rest."""
        weights = np.tile(stimuli, self._levels) * (people @ self._gave)
        return correlate(self._x, self._y, weights, "spearman")

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Rho per row of other answers."""
        many = np.tile(answers, self._levels)
        return correlate_rows(many, self._y, self._gave.sum(axis=0), "spearman")

    def why_undefined(self) -> str:
        """A gap, too few stimuli, or a constant side."""
        if self._missing:
            missing = f"{self._missing} of {self._asked} stimuli not answered"
            return f"{missing}, and this statistic needs all"
        if self.n < FEWEST:
            return f"needs {FEWEST} stimuli that both answered, got {self.n}"
        if self.has_observer and constant_reason("the observer", self.answers):
            return constant_reason("the observer", self.answers)
        return "all people give the same answer throughout" if self._levels < 2 else ""

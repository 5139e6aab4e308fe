"""How far off counts are."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.sensitivity import NO_TRUTH
from cogtrain.metrics.statistic import Resampling, Statistic


class DistanceStatistic(Statistic):
    """Mean distance of counts from the true counts."""

    has_observer = True

    def __init__(self, answers: ArrayLike, truth: ArrayLike) -> None:
        x, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
        both = ~(np.isnan(x) | np.isnan(truth))
        self.answers, self.truth = x[both], truth[both]
        self.n = int(both.sum())
        self.chance = np.nan
        if self.n:
            self.chance = float(np.abs(self.truth - np.median(self.truth)).mean())
        silent = int((np.isnan(x) & ~np.isnan(truth)).sum())
        self.note = f"{silent} not answered, left out" if silent else ""

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return stimuli @ np.abs(self.answers - self.truth) / stimuli.sum(axis=1)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        return np.abs(answers - self.truth).mean(axis=1)

    def why_undefined(self) -> str:
        """No truth."""
        return "" if self.n else NO_TRUTH


def mean_absolute_error(
    answers: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean distance between counts and true counts.

    Chance is the error of always answering the median of the true counts, the best that an observer
    can do who knows the set and does not look. The interval resamples stimuli.

    Args:
        answers: Counts, ``(stimuli,)``; `nan` is left out, and the reason says how many.
        truth: True counts, ``(stimuli,)``.
        resampling: See `Resampling`.

    Example:
        >>> mean_absolute_error([2, 5, 4], [3, 3, 4]).value
        1.0
    """
    return DistanceStatistic(answers, truth).estimate(**resampling)

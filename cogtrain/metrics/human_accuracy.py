"""How well people answer: their mean accuracy, its range, and the majority's."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.accuracy import correctness, proportion_correct
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.statistic import Resampling, Statistic


def observer_accuracies(humans: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Each person's share of right answers among those that he or she gave, ``(observers,)``.

    A skipped stimulus (`nan`) and an undecided rating (one half) are left out; a person without
    any answer is `nan`.
    """
    right = correctness(humans, truth, tie=np.nan)
    answered = (~np.isnan(right)).sum(axis=1)
    total = np.nan_to_num(right).sum(axis=1)
    return np.divide(total, answered, out=np.full(len(right), np.nan), where=answered > 0)


def mean_over_people(each: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Mean per resample over those drawn whose value is defined; both ``(rows, observers)``."""
    drawn = np.where(np.isnan(each), 0, drawn)
    total, summed = drawn.sum(axis=1), (np.nan_to_num(each) * drawn).sum(axis=1)
    return np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)


class HumanAccuracyStatistic(Statistic):
    """Mean over people of their accuracy."""

    def __init__(self, humans: ArrayLike, truth: ArrayLike, chance: float = 0.5) -> None:
        right = correctness(humans, truth, tie=np.nan)
        right = right[:, (~np.isnan(right)).any(axis=0)]
        self._answered, self._right = (~np.isnan(right)).astype(float), np.nan_to_num(right)
        self.people, self.n = right.shape
        self.chance = chance

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        asked = stimuli @ self._answered.T
        empty = np.full(asked.shape, np.nan)
        each = np.divide(stimuli @ self._right.T, asked, out=empty, where=asked > 0)
        return mean_over_people(each, people)

    def why_undefined(self) -> str:
        """Nobody answered."""
        return "" if self.n else "no stimulus with a known truth was answered"


def human_accuracy(
    humans: ArrayLike, truth: ArrayLike, *, chance: float = 0.5, **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean over people of their accuracy; the interval resamples stimuli and people.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; `nan` where skipped.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        chance: Expected from guessing.
        resampling: See `Resampling`.
    """
    return HumanAccuracyStatistic(humans, truth, chance).estimate(**resampling)


def human_majority_accuracy(
    humans: ArrayLike, truth: ArrayLike, *, chance: float = 0.5
) -> Estimate:
    """Share of stimuli on which the majority of people is right, with Wilson's interval.

    A tie counts one half, which is what breaking it by a coin gives on average; `reason` says how
    many there were. A graded answer is a vote for the option that it favours.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; `nan` where skipped.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        chance: Expected from guessing.
    """
    right = correctness(humans, truth, tie=np.nan)
    votes = (~np.isnan(right)).sum(axis=0)
    margin = 2 * np.nan_to_num(right).sum(axis=0) - votes
    verdict = np.where(votes > 0, (np.sign(margin) + 1) / 2, np.nan)
    ties = int((verdict == 0.5).sum())
    estimate = proportion_correct(verdict, chance=chance)
    note = f"{ties} ties counted one half" if ties else ""
    return estimate._replace(reason=estimate.reason or note)

"""Sensitivity apart from bias: AUROC, d' and criterion.

A model that always answers yes is right as often as the truth is yes, and knows nothing. Accuracy
mixes how well two kinds of stimuli are told apart with how willingly the first option is chosen;
these three keep them apart (Green & Swets 1966).
"""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.accuracy import decide
from cogtrain.metrics.correlation import constant_reason
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.human_accuracy import mean_over_people
from cogtrain.metrics.ranks import midranks, row_ranks
from cogtrain.metrics.statistic import Resampling, Statistic

NO_TRUTH = "no stimulus has a known answer"


class _AgainstTruth(Statistic):
    """One observer's answers and the truth, where both are known."""

    has_observer = True

    def __init__(self, answers: ArrayLike, truth: ArrayLike) -> None:
        x, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
        both = ~(np.isnan(x) | np.isnan(truth))
        self.answers, self.truth = x[both], truth[both]
        self.n = int(both.sum())
        silent = int((np.isnan(x) & ~np.isnan(truth)).sum())
        self.note = f"{silent} not answered, left out" if silent else ""

    def why_undefined(self) -> str:
        """No truth, or only one kind of stimulus."""
        if self.n == 0:
            return NO_TRUTH
        return constant_reason("the truth", self.truth)


class AurocStatistic(_AgainstTruth):
    """Area under the ROC curve of graded answers."""

    chance = 0.5

    def why_undefined(self) -> str:
        """No truth, one kind of stimulus, or one answer to all."""
        return super().why_undefined() or constant_reason("the observer", self.answers)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample, by the rank sum of what is true."""
        return self._area(midranks(self.answers, stimuli)[0], stimuli)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        once = np.ones(self.n)
        return self._area(row_ranks(answers, once), once[None])

    def _area(self, ranks: np.ndarray, weights: np.ndarray) -> np.ndarray:
        true = weights @ self.truth
        false = weights.sum(axis=1) - true
        above = (weights * ranks) @ self.truth - true * (true + 1) / 2
        empty = np.full(len(above), np.nan)
        return np.divide(above, true * false, out=empty, where=true * false > 0)


def auroc(answers: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """Area under the ROC curve: P(a true stimulus gets a higher answer than a false one).

    Ties count one half. The interval resamples stimuli.

    Args:
        answers: P(first option), ``(stimuli,)``; `nan` is left out.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        resampling: See `Resampling`.

    Example:
        >>> auroc([0.9, 0.4, 0.6, 0.1], [1, 1, 0, 0]).value
        0.75
    """
    return AurocStatistic(answers, truth).estimate(**resampling)


def rates(choice: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Z of hit and of false-alarm rate per resample and observer, ``(rows, observers)`` each.

    Log-linear correction (Hautus 1995): one half is added to each count and one to each total, for
    every observer, so that rates of 0 and 1 have a finite z. `nan` where the choice is constant or
    the truth is.

    Args:
        choice: 1 first option, 0 second, `nan` none, ``(observers, stimuli)``.
        truth: ``(stimuli,)``.
        weights: How often each stimulus was drawn, ``(rows, stimuli)``.
    """
    from scipy.special import ndtri

    answered, chosen = (~np.isnan(choice)).astype(float), np.nan_to_num(choice)
    true, false = weights @ (answered * truth).T, weights @ (answered * (1 - truth)).T
    hits, alarms = weights @ (chosen * truth).T, weights @ (chosen * (1 - truth)).T
    said = hits + alarms
    known = (true > 0) & (false > 0) & (said > 0) & (said < true + false)
    z = [ndtri((count + 0.5) / (of + 1)) for count, of in ((hits, true), (alarms, false))]
    return np.where(known, z[0], np.nan), np.where(known, z[1], np.nan)


class DPrimeStatistic(_AgainstTruth):
    """Sensitivity of one observer's choices."""

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        hit, alarm = rates(decide(self.answers)[None], self.truth, stimuli)
        return self.combine(hit, alarm)[:, 0]

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        hit, alarm = rates(decide(answers), self.truth, np.ones((1, self.n)))
        return self.combine(hit, alarm)[0]

    @staticmethod
    def combine(hit: np.ndarray, alarm: np.ndarray) -> np.ndarray:
        """D' from the two z."""
        return hit - alarm

    def why_undefined(self) -> str:
        """No truth, one kind of stimulus, or one answer to all."""
        choice = decide(self.answers)
        return super().why_undefined() or constant_reason("the observer's choice", choice)


class CriterionStatistic(DPrimeStatistic):
    """Bias of one observer's choices."""

    @staticmethod
    def combine(hit: np.ndarray, alarm: np.ndarray) -> np.ndarray:
        """C from the two z."""
        return -(hit + alarm) / 2


def d_prime(answers: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """Sensitivity d' = z(hit rate) - z(false-alarm rate), in standard deviations of the evidence.

    A hit is choosing the first option where it is true. With the log-linear correction (Hautus
    1995): (count + 0.5) / (total + 1), always. An observer who gives one answer to all has no d'.
    The interval resamples stimuli.

    Args:
        answers: P(first option) or 1 and 0, ``(stimuli,)``; one half counts as the first option;
            `nan` is left out.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        resampling: See `Resampling`.

    Example:
        >>> round(d_prime([1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0]).value, 3)
        0.637
    """
    return DPrimeStatistic(answers, truth).estimate(**resampling)


def criterion(answers: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """Bias c = -(z(hit rate) + z(false-alarm rate)) / 2; see `d_prime`.

    Below 0 the first option is chosen too willingly, above 0 the second; 0 is no bias.
    """
    return CriterionStatistic(answers, truth).estimate(**resampling)


class _MeanRates(Statistic):
    """Mean over people of a combination of their two z."""

    def __init__(self, humans: ArrayLike, truth: ArrayLike, of: type[DPrimeStatistic]) -> None:
        choice, truth = decide(humans, tie=np.nan), np.asarray(truth, dtype=float)
        used = ~np.isnan(truth) & (~np.isnan(choice)).any(axis=0)
        self._choice, self._truth, self._combine = choice[:, used], truth[used], of.combine
        self.people, self.n = self._choice.shape
        if self.people and self.n:
            left_out = int(np.isnan(self._each(np.ones((1, self.n)))).sum())
            note = f"{left_out} of {self.people} people left out: one answer to all"
            self.note = note if left_out else ""

    def _each(self, weights: np.ndarray) -> np.ndarray:
        return self._combine(*rates(self._choice, self._truth, weights))

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return mean_over_people(self._each(stimuli), people)

    def why_undefined(self) -> str:
        """Nobody answered, or nobody with two answers to two kinds of stimuli."""
        if self.n == 0 or self.people == 0:
            return "no stimulus with a known truth was answered"
        if np.isnan(self._each(np.ones((1, self.n)))).all():
            return "no person gives two answers to two kinds of stimuli"
        return ""


def human_d_prime(
    humans: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean over people of their `d_prime`; the interval resamples stimuli and people.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; one half is no decision.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        resampling: See `Resampling`.
    """
    return _MeanRates(humans, truth, DPrimeStatistic).estimate(**resampling)


def human_criterion(
    humans: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean over people of their `criterion`; see `human_d_prime`."""
    return _MeanRates(humans, truth, CriterionStatistic).estimate(**resampling)

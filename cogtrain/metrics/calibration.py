"""Do probabilities mean what they say? Brier score, log loss, calibration error, reliability."""

from collections.abc import Callable
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.accuracy import wilson
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.resample import stream
from cogtrain.metrics.sensitivity import NO_TRUTH
from cogtrain.metrics.statistic import Resampling, Statistic

BINS = 15
"""Default number of bins (Guo et al. 2017, and torchmetrics): differing numbers differ."""

CHOICES_ONLY = "choices, not probabilities: all answers are 0 or 1"
"""Why an observer who only chooses has no number about probabilities."""

_CALIBRATED, _DRAWS = 2, 1000  # purpose of the stream; draws of a calibrated observer

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


class _Forecast(Statistic):
    """P(first option) and truth where both are known."""

    has_observer = True

    def __init__(self, answers: ArrayLike, truth: ArrayLike) -> None:
        p, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
        strange = p[(p < 0) | (p > 1)]
        if len(strange):
            raise ValueError(
                f"expected probabilities in [0, 1], got {strange[0]:g}; pass a probability, not "
                "log-odds"
            )
        both = ~(np.isnan(p) | np.isnan(truth))
        self.answers, self.truth = p[both], truth[both]
        self.n = int(both.sum())
        silent = int((np.isnan(p) & ~np.isnan(truth)).sum())
        self.note = f"{silent} not answered, left out" if silent else ""

    def why_undefined(self) -> str:
        """No truth, or choices in place of probabilities."""
        if self.n == 0:
            return NO_TRUTH
        if np.isin(self.answers, (0, 1)).all():
            return CHOICES_ONLY
        return ""


class MeanLoss(_Forecast):
    """Mean loss over stimuli."""

    def __init__(self, answers: ArrayLike, truth: ArrayLike, loss: Loss, chance: float) -> None:
        super().__init__(answers, truth)
        self._loss, self.chance = loss, chance
        self._losses = loss(self.answers, self.truth)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return stimuli @ self._losses / stimuli.sum(axis=1)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        return self._loss(answers, self.truth).mean(axis=1)

    def why_undefined(self) -> str:
        """As of any forecast; or infinite."""
        infinite = int(np.isinf(self._losses).sum())
        if infinite and not super().why_undefined():
            return f"infinite: P = 0 for the true answer of {infinite} of {self.n} stimuli"
        return super().why_undefined()


def squared_error(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Squared distance of a probability from what happened."""
    return (p - truth) ** 2


def nats(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Minus the log of the probability of what happened; graded `truth` mixes the two."""
    from scipy.special import xlog1py, xlogy

    return -(xlogy(truth, p) + xlog1py(1 - truth, -p))


def brier(answers: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """Brier score: mean squared distance of P(first option) from the truth (Brier 1950).

    0 is best; chance is 0.25, of always saying one half. Choices without probabilities have none.
    The interval resamples stimuli.

    Args:
        answers: P(first option), ``(stimuli,)``; `nan` is left out.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        resampling: See `Resampling`.

    Raises:
        ValueError: If an answer is no probability.

    Example:
        >>> brier([0.75, 0.5], [1, 0]).value
        0.15625
    """
    return MeanLoss(answers, truth, squared_error, 0.25).estimate(**resampling)


def log_loss(answers: ArrayLike, truth: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """Mean of minus the log probability of the true answer, in nats; see `brier`.

    0 is best; chance is log 2, of always saying one half. Nothing is clipped: an observer who gives
    a true answer the probability 0 has none, and the reason says how often.
    """
    return MeanLoss(answers, truth, nats, float(np.log(2))).estimate(**resampling)


class CalibrationStatistic(_Forecast):
    """Expected calibration error over bins of equal width."""

    chance = np.nan

    def __init__(self, answers: ArrayLike, truth: ArrayLike, bins: int = BINS) -> None:
        super().__init__(answers, truth)
        self._bin = bin_of(self.answers, bins)[:, None] == np.arange(bins)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        gaps = (stimuli * (self.answers - self.truth)) @ self._bin.astype(float)
        return np.abs(gaps).sum(axis=1) / stimuli.sum(axis=1)

    def if_calibrated(self, seed: int) -> float:
        """Mean error if every truth were drawn from its probability: the floor that few items set.

        Consistency resampling (Bröcker & Smith 2007).
        """
        drawn = stream(seed, _CALIBRATED).random((_DRAWS, self.n)) < self.answers
        gaps = (self.answers - drawn) @ self._bin.astype(float)
        return float(np.abs(gaps).sum(axis=1).mean() / self.n)


def bin_of(p: np.ndarray, bins: int) -> np.ndarray:
    """Which of `bins` of equal width each probability falls in; 1 falls in the last."""
    return np.minimum((p * bins).astype(int), bins - 1)


def calibration_error(
    answers: ArrayLike, truth: ArrayLike, *, bins: int = BINS, **resampling: Unpack[Resampling]
) -> Estimate:
    """Expected calibration error: mean distance between P(first option) and how often it was true.

    Per bin of equal width, weighted by how many fall in (Naeini et al. 2015). It is never negative,
    so few stimuli inflate it; the reason says what a perfectly calibrated observer with the same
    probabilities would get. Its bootstrap interval shares the inflation and may miss the value.

    Args:
        answers: P(first option), ``(stimuli,)``; `nan` is left out.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        bins: Number of bins.
        resampling: See `Resampling`.

    Raises:
        ValueError: If an answer is no probability.
    """
    statistic = CalibrationStatistic(answers, truth, bins)
    found = statistic.estimate(**resampling)
    if not found.is_defined:
        return found
    floor = statistic.if_calibrated(resampling.get("seed", 0))
    notes = [f"a calibrated observer would get {floor:.4f}", found.reason]
    return found._replace(reason="; ".join(filter(None, notes)))


class ReliabilityCurve(NamedTuple):
    """How often the first option was true, by how probable the observer called it.

    Attributes:
        probability: Mean P(first option) per bin that is not empty, ``(bins,)``.
        frequency: Share of these stimuli where it was true.
        low, high: Wilson's 95 % interval of the share.
        n: Stimuli per bin.
    """

    probability: np.ndarray
    frequency: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray


def reliability_curve(answers: ArrayLike, truth: ArrayLike, *, bins: int = 10) -> ReliabilityCurve:
    """The curve behind `calibration_error`, for a figure; 10 bins because each needs an interval.

    Args:
        answers: P(first option), ``(stimuli,)``; `nan` is left out.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        bins: Of equal width; empty ones are left out.

    Raises:
        ValueError: If an answer is no probability.
    """
    forecast = CalibrationStatistic(answers, truth, bins)
    place = bin_of(forecast.answers, bins)
    n = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, column, bins) for column in (forecast.answers, forecast.truth)]
    full = n > 0
    n, (stated, right) = n[full], (each[full] for each in sums)
    ends = np.array([wilson(k, m) for k, m in zip(right, n, strict=True)]).reshape(-1, 2)
    return ReliabilityCurve(stated / n, right / n, ends[:, 0], ends[:, 1], n)

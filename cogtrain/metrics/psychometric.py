"""Psychometric slope: how sharply answers change with the physical margin."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.correlation import FEWEST, constant_reason
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.statistic import Resampling, Statistic

_STEPS = 40
_STEEPEST = 50.0  # log-odds per standard deviation of the margin: a step, not a slope


def logistic_slope(share: np.ndarray, weights: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Slope of a logistic regression of `share` on `margin`, per row, by Newton's method.

    Args:
        share: Answers between 0 and 1, ``(rows, n)`` or ``(1, n)``.
        weights: How much each counts, ``(rows, n)``.
        margin: ``(n,)``.

    Returns:
        Log-odds per unit of margin, ``(rows,)``; `nan` where there is none, because the margin is
        constant or separates the answers.
    """
    scale = margin.std()
    x = (margin - margin.mean()) / scale
    level, slope = np.zeros(len(weights)), np.zeros(len(weights))
    is_done = np.zeros(len(weights), dtype=bool)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(level[:, None] + slope[:, None] * x)))
        bend, error = weights * p * (1 - p), weights * (share - p)
        h0, h1, h2 = bend.sum(axis=1), bend @ x, bend @ (x * x)
        g0, g1 = error.sum(axis=1), error @ x
        power = h0 * h2 - h1 * h1
        is_sound = ~is_done & (power > 1e-12 * np.maximum(h0 * h2, 1e-300))
        power = np.where(is_sound, power, 1)
        step0 = np.where(is_sound, (h2 * g0 - h1 * g1) / power, 0)
        step1 = np.where(is_sound, (h0 * g1 - h1 * g0) / power, 0)
        # Short steps first: Newton's method may jump past where the curve is flat.
        short = np.minimum(1, 4 / np.maximum(np.hypot(step0, step1), 1e-300))
        level, slope = level + short * step0, slope + short * step1
        is_done |= is_sound & (np.hypot(step0, step1) < 1e-10)
        is_done &= np.abs(slope) < _STEEPEST
        if (is_done | ~is_sound).all():
            break
    return np.where(is_done, slope, np.nan) / scale


class SlopeStatistic(Statistic):
    """Logistic slope of one observer's answers, or of the answers of people together.

    Args:
        answers: ``(stimuli,)`` of one observer, or ``(observers, stimuli)`` of people.
        margin: ``(stimuli,)``.
    """

    def __init__(self, answers: ArrayLike, margin: ArrayLike) -> None:
        given, margin = np.asarray(answers, dtype=float), np.asarray(margin, dtype=float)
        rows = np.atleast_2d(given)
        used = ~np.isnan(margin) & (~np.isnan(rows)).any(axis=0)
        self._margin, rows = margin[used], rows[:, used]
        self._answered, self._given = (~np.isnan(rows)).astype(float), np.nan_to_num(rows)
        self.n = int(used.sum())
        if given.ndim == 2:
            self.people = len(rows)
        else:
            self.answers, self.has_observer = self._given[0], True

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        drawn = people if self.people else np.ones((len(stimuli), 1))
        count, total = drawn @ self._answered, drawn @ self._given
        share = np.divide(total, count, out=np.zeros_like(count), where=count > 0)
        return logistic_slope(share, stimuli * count, self._margin)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        return logistic_slope(answers, np.ones_like(answers), self._margin)

    def why_undefined(self) -> str:
        """Too few stimuli, one margin, one answer, or answers that the margin separates."""
        if self.n < FEWEST:
            return f"needs {FEWEST} stimuli with a margin and an answer, got {self.n}"
        reason = constant_reason("the margin", self._margin)
        given = self._given[self._answered > 0]
        if not reason and (given == given[0]).all():
            reason = f"one answer to all {self.n} stimuli: {given[0]:g}"
        if reason:
            return reason
        everyone = np.ones((1, self.people))
        if np.isnan(self.resampled(np.ones((1, self.n)), everyone)[0]):
            return "the margin separates the answers: the slope has no bound"
        return ""


def psychometric_slope(
    answers: ArrayLike, margin: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Slope of P(first option) over the signed margin: log-odds per unit of margin.

    A logistic regression with a free level, so that a bias towards one answer does not enter. Where
    a positive margin stands and the first option is "falls", a good observer's slope is negative;
    the sign is kept. The interval resamples stimuli, and people if there are several.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)`` of one observer or ``(observers,
            stimuli)`` of people, who are pooled; `nan` is left out.
        margin: Signed margin, in metres in our own sets, ``(stimuli,)``; `nan` is left out.
        resampling: See `Resampling`.
    """
    return SlopeStatistic(answers, margin).estimate(**resampling)


class SlopeRatioStatistic(Statistic):
    """An observer's slope over people's, from the same resampled stimuli."""

    has_observer = True

    def __init__(self, answers: ArrayLike, humans: ArrayLike, margin: ArrayLike) -> None:
        x, people = np.asarray(answers, dtype=float), np.asarray(humans, dtype=float)
        both = ~np.isnan(x) & (~np.isnan(people)).any(axis=0) & ~np.isnan(np.asarray(margin))
        margin = np.asarray(margin, dtype=float)[both]
        self._own = SlopeStatistic(x[both], margin)
        self._theirs = SlopeStatistic(people[:, both], margin)
        self.answers, self.n, self.people = self._own.answers, self._own.n, self._theirs.people

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return self._own.resampled(stimuli, people[:, :0]) / self._theirs.resampled(stimuli, people)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        return self._own.of(answers) / self._theirs.value

    def why_undefined(self) -> str:
        """What makes either slope undefined."""
        return self._own.why_undefined() or self._theirs.why_undefined()


def psychometric_slope_ratio(
    answers: ArrayLike, humans: ArrayLike, margin: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """An observer's `psychometric_slope` over people's: 1 weighs the margin as people do.

    Above 1 answers change more sharply, below 1 less; below 0 the other way round. The interval
    resamples stimuli and people.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``.
        humans: ``(observers, stimuli)``, pooled.
        margin: ``(stimuli,)``.
        resampling: See `Resampling`.
    """
    return SlopeRatioStatistic(answers, humans, margin).estimate(**resampling)

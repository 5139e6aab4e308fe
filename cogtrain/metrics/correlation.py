"""Correlation of an observer's answers with the share of people who answer the same."""

from typing import Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.ranks import midranks
from cogtrain.metrics.statistic import Resampling, Statistic
from cogtrain.metrics.tau import tau_b

Kind = Literal["pearson", "spearman", "kendall"]

FEWEST = 3
"""Stimuli that a correlation needs: two points correlate perfectly whatever they are."""

_ROUNDING = 1e-24


def weighted_pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r of each row: `x`, `y` ``(rows, n)`` or ``(n,)``, `weights` ``(rows, n)``."""
    x, y = np.broadcast_to(x, weights.shape), np.broadcast_to(y, weights.shape)
    total = weights.sum(axis=1, keepdims=True)
    dx = x - (weights * x).sum(axis=1, keepdims=True) / total
    dy = y - (weights * y).sum(axis=1, keepdims=True) / total
    # Scaled by the largest deviation, so that squares neither overflow nor vanish.
    dx, dy = dx / np.abs(dx).max(axis=1, keepdims=True), dy / np.abs(dy).max(axis=1, keepdims=True)
    weighted = weights * dx
    power = (weighted * dx).sum(axis=1) * (weights * dy * dy).sum(axis=1)
    return np.clip((weighted * dy).sum(axis=1) / np.sqrt(power), -1.0, 1.0)


def pearson_of_rows(
    x: np.ndarray, y: np.ndarray, shared: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Pearson's r of every row of `x` with the same row of `y`, per resample, by matrix products.

    Args:
        x: ``(k, n)``, near 0, so that squares lose no digits; 0 where not shared.
        y: The same.
        shared: 1 where both are known, 0 elsewhere, ``(k, n)``.
        weights: ``(rows, n)``, counts.

    Returns:
        ``(rows, k)``; `nan` where either side is constant.
    """
    n = np.maximum(weights @ shared.T, 1)
    first, second = weights @ x.T / n, weights @ y.T / n
    covariance = weights @ (x * y).T / n - first * second
    powers = [weights @ (z * z).T / n - mean**2 for z, mean in ((x, first), (y, second))]
    # Rounding leaves a constant row with a power of about 1e-33.
    varies = (powers[0] > _ROUNDING) & (powers[1] > _ROUNDING)
    empty = np.full(covariance.shape, np.nan)
    return np.divide(covariance, np.sqrt(np.abs(powers[0] * powers[1])), out=empty, where=varies)


def correlate(x: np.ndarray, y: np.ndarray, weights: np.ndarray, kind: Kind) -> np.ndarray:
    """The correlation of `kind` per row of `weights`, ``(rows,)``; `nan` if constant."""
    if kind == "kendall":
        return tau_b(x, y, weights)
    x_ranks, x_values = midranks(x, weights)
    y_ranks, y_values = midranks(y, weights)
    result = np.full(len(weights), np.nan)
    rows = (x_values > 1) & (y_values > 1)
    if rows.any():
        pair = (x_ranks[rows], y_ranks[rows]) if kind == "spearman" else (x, y)
        result[rows] = weighted_pearson(*pair, weights[rows])
    return result


def constant_reason(name: str, values: np.ndarray) -> str:
    """Why a correlation with `values` is undefined, or nothing."""
    if len(values) and (values == values[0]).all():
        return f"{name} is constant: {values[0]:g} for all {len(values)} stimuli"
    return ""


class CorrelationStatistic(Statistic):
    """Correlation of one observer's answers with one number per stimulus.

    The interval resamples stimuli only. The noise that few people leave in a stimulus' mean is
    drawn along with the stimulus; to draw people a second time would count it twice.

    Args:
        answers: ``(stimuli,)``; `nan` where not answered.
        proportion: What they are correlated with, ``(stimuli,)``.
        kind: `pearson`, `spearman` or `kendall`.
    """

    has_observer = True

    def __init__(self, answers: ArrayLike, proportion: ArrayLike, kind: Kind) -> None:
        x, y = np.asarray(answers, dtype=float), np.asarray(proportion, dtype=float)
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(
                f"expected answers and human proportions of one shape (stimuli,), got {x.shape} "
                f"and {y.shape}; give one number per stimulus to each"
            )
        both = ~(np.isnan(x) | np.isnan(y))
        self.answers, self.proportion = x[both], y[both]
        self.kind: Kind = kind
        self.n = int(both.sum())

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample; `nan` where either side is constant."""
        return correlate(self.answers, self.proportion, stimuli, self.kind)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        once = np.ones((1, self.n))
        rows = [correlate(row, self.proportion, once, self.kind) for row in answers]
        return np.concatenate(rows)

    def why_undefined(self) -> str:
        """Too few stimuli, or a constant side."""
        if self.n < FEWEST:
            return f"needs {FEWEST} stimuli that both answered, got {self.n}"
        return constant_reason("the observer", self.answers) or constant_reason(
            "the human proportion", self.proportion
        )


def spearman(
    answers: ArrayLike, proportion: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Spearman's rank correlation of an observer's answers with the human proportion.

    Ties share their mean rank. The interval is a bootstrap over stimuli. Stimuli that either side
    did not answer are left out; `n` says how many remain.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``; `nan` where not answered.
        proportion: Share of people who chose the first option, ``(stimuli,)``.
        resampling: See `Resampling`.

    Raises:
        ValueError: If the two are not of one shape.
    """
    return CorrelationStatistic(answers, proportion, "spearman").estimate(**resampling)


def pearson(
    answers: ArrayLike, proportion: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Pearson's correlation of an observer's answers with the human proportion; see `spearman`."""
    return CorrelationStatistic(answers, proportion, "pearson").estimate(**resampling)


def kendall(
    answers: ArrayLike, proportion: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Kendall's tau-b of an observer's answers with the human proportion; see `spearman`.

    Tau-b (Kendall 1945) corrects for ties, of which proportions of few people have many.
    """
    return CorrelationStatistic(answers, proportion, "kendall").estimate(**resampling)

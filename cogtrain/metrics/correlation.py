"""Correlation of an observer's answers with the share of people who answer the same."""

from typing import Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.ranks import midranks, row_ranks
from cogtrain.metrics.statistic import Resampling, Statistic
from cogtrain.metrics.tau import tau_b

Kind = Literal["pearson", "spearman", "kendall"]

FEWEST = 3
"""Stimuli that a correlation needs: two points correlate perfectly whatever they are."""

_ROUNDING = 1e-12


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
    squares = [weights @ (z * z).T / n for z in (x, y)]
    powers = [squares[0] - first**2, squares[1] - second**2]
    # Rounding leaves a constant row with a little power.
    varies = (powers[0] > _ROUNDING * squares[0]) & (powers[1] > _ROUNDING * squares[1])
    empty = np.full(covariance.shape, np.nan)
    return np.divide(covariance, np.sqrt(np.abs(powers[0] * powers[1])), out=empty, where=varies)


def correlate(x: np.ndarray, y: np.ndarray, weights: np.ndarray, kind: Kind) -> np.ndarray:
    """The correlation of `kind` per row of `weights`, ``(rows,)``; `nan` if constant."""
    if kind == "kendall":
        return tau_b(x, y, weights)
    rows = _varies(x, weights) & _varies(y, weights)
    result = np.full(len(weights), np.nan)
    if rows.any():
        weights = weights[rows]
        if kind == "spearman":
            x, y = midranks(x, weights)[0], midranks(y, weights)[0]
        result[rows] = weighted_pearson(x, y, weights)
    return result


def correlate_rows(x: np.ndarray, y: np.ndarray, weights: np.ndarray, kind: Kind) -> np.ndarray:
    """The correlation of `kind` of every row of `x` with one `y`, ``(rows,)``; `nan` if constant.

    Args:
        x: ``(rows, n)``.
        y: ``(n,)``.
        weights: How often each pair of values occurs, ``(n,)``.
        kind: Which correlation.
    """
    if kind == "kendall":
        return np.concatenate([tau_b(row, y, weights[None]) for row in x])
    rows = _varies(x, weights[None])
    result = np.full(len(x), np.nan)
    if rows.any() and _varies(y, weights[None]).all():
        x, many = x[rows], np.broadcast_to(weights, x[rows].shape)
        if kind == "spearman":
            x, y = row_ranks(x, weights), row_ranks(y[None], weights)[0]
        result[rows] = weighted_pearson(x, y, many)
    return result


def _varies(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Whether what occurs in a row has two values, ``(rows,)``."""
    occurs = weights > 0
    greatest = np.where(occurs, values, -np.inf).max(axis=1)
    return greatest > np.where(occurs, values, np.inf).min(axis=1)


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
        return correlate_rows(answers, self.proportion, np.ones(self.n), self.kind)

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

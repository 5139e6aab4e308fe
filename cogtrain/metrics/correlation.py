"""Correlation of an observer's answers with the share of people who answer the same."""

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.estimate import Estimate, bootstrapped, undefined
from cogtrain.metrics.resample import REPLICATES, over_stimuli

_FEWEST = 3  # two points correlate perfectly whatever they are


def midranks(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of `values`, ties sharing the mean rank, where each value occurs `weights` times.

    Ranking by counts needs one sort for all resamples.

    Args:
        values: ``(n,)``.
        weights: ``(rows, n)``, counts.

    Returns:
        Ranks ``(rows, n)``, and per row how many different values occur, ``(rows,)``.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    group = np.empty(len(values), dtype=int)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(values)]))
    counts = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.cumsum(counts, axis=1) - counts / 2 + 0.5
    return ranks[:, group], (counts > 0).sum(axis=1)


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


def weighted_correlation(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, *, ranked: bool
) -> np.ndarray:
    """Pearson's r, or Spearman's rho if `ranked`, per row of `weights`; `nan` if constant."""
    x_ranks, x_values = midranks(x, weights)
    y_ranks, y_values = midranks(y, weights)
    result = np.full(len(weights), np.nan)
    rows = (x_values > 1) & (y_values > 1)
    if rows.any():
        pair = (x_ranks[rows], y_ranks[rows]) if ranked else (x, y)
        result[rows] = weighted_pearson(*pair, weights[rows])
    return result


def constant_reason(name: str, values: np.ndarray) -> str:
    """Why a correlation with `values` is undefined, or nothing."""
    if len(values) and (values == values[0]).all():
        return f"{name} is constant: {values[0]:g} for all {len(values)} stimuli"
    return ""


def _correlation(
    answers: ArrayLike, proportion: ArrayLike, *, ranked: bool, replicates: int, seed: int
) -> Estimate:
    x, y = np.asarray(answers, dtype=float), np.asarray(proportion, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(
            f"expected answers and human proportions of one shape (stimuli,), got {x.shape} and "
            f"{y.shape}; give one number per stimulus to each"
        )
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = x[both], y[both]
    if len(x) < _FEWEST:
        reason = f"needs {_FEWEST} stimuli that both answered, got {len(x)}"
        return undefined(reason, n=len(x), chance=0.0)
    reason = constant_reason("the observer", x) or constant_reason("the human proportion", y)
    if reason:
        return undefined(reason, n=len(x), chance=0.0)
    value = weighted_correlation(x, y, np.ones((1, len(x))), ranked=ranked)[0]
    resampled = [
        weighted_correlation(x, y, weights, ranked=ranked)
        for weights in over_stimuli(len(x), replicates=replicates, seed=seed)
    ]
    return bootstrapped(value, np.concatenate(resampled), n=len(x), chance=0.0)


def spearman(
    answers: ArrayLike, proportion: ArrayLike, *, replicates: int = REPLICATES, seed: int = 0
) -> Estimate:
    """Spearman's rank correlation of an observer's answers with the human proportion.

    Ties share their mean rank. The interval is a bootstrap over stimuli. Stimuli that either side
    did not answer are left out; `n` says how many remain.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``; `nan` where not answered.
        proportion: Share of people who chose the first option, ``(stimuli,)``.
        replicates: Bootstrap resamples.
        seed: Fixes the resamples.

    Raises:
        ValueError: If the two are not of one shape.
    """
    return _correlation(answers, proportion, ranked=True, replicates=replicates, seed=seed)


def pearson(
    answers: ArrayLike, proportion: ArrayLike, *, replicates: int = REPLICATES, seed: int = 0
) -> Estimate:
    """Pearson's correlation of an observer's answers with the human proportion; see `spearman`."""
    return _correlation(answers, proportion, ranked=False, replicates=replicates, seed=seed)

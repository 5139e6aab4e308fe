"""Ranks of values that occur several times each, for all resamples at once."""

import numpy as np


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
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    group = np.empty(len(values), dtype=int)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    counts = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.cumsum(counts, axis=1) - counts / 2 + 0.5
    return ranks[:, group], (counts > 0).sum(axis=1)


def row_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks within each row of `values`, ties sharing the mean rank, ``(rows, n)``.

    Args:
        values: ``(rows, n)``.
        weights: How often each column occurs, ``(n,)``.
    """
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    occurs = weights[order]
    through = np.cumsum(occurs, axis=1)
    is_new = np.ones(values.shape, dtype=bool)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    is_last = np.ones(values.shape, dtype=bool)
    is_last[:, :-1] = is_new[:, 1:]
    before = np.maximum.accumulate(np.where(is_new, through - occurs, 0), axis=1)
    backwards = np.where(is_last, through, np.inf)[:, ::-1]
    upto = np.minimum.accumulate(backwards, axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (before + upto + 1) / 2, axis=1)
    return ranks


def tied_pairs(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Number of pairs that share a value, ``(rows,)``, where each occurs `weights` times.

    Args:
        values: ``(n,)``, or ``(n, k)`` where only rows equal in all `k` are tied.
        weights: ``(rows, n)``, counts.
    """
    _, group = np.unique(values, axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    counts = np.add.reduceat(weights[:, order], starts, axis=1)
    return (counts * (counts - 1)).sum(axis=1) / 2

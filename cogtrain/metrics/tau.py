"""Kendall's tau-b for all resamples at once, in O(n log n) each."""

import numpy as np

from cogtrain.metrics.ranks import midranks, tied_pairs


def tau_b(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Tau-b per row of `weights`, ``(rows,)``; `nan` where either side is constant.

    Knight's (1966) algorithm by counts: in the order of x, and of y within ties of x, the
    discordant pairs are the inversions of y.

    Args:
        x: ``(n,)``.
        y: ``(n,)``.
        weights: How often each pair of values occurs, ``(rows, n)``.
    """
    if np.unique(x).size == 2:
        return _of_choices(x == x.max(), y, weights)
    order = np.lexsort((y, x))
    x, y, weights = x[order], y[order], weights[:, order]
    total = weights.sum(axis=1)
    pairs = total * (total - 1) / 2
    x_tied, y_tied = tied_pairs(x, weights), tied_pairs(y, weights)
    both_tied = tied_pairs(np.stack([x, y], axis=1), weights)
    surplus = pairs - x_tied - y_tied + both_tied - 2 * _inversions(y, weights)
    return _ratio(surplus, (pairs - x_tied) * (pairs - y_tied))


def _of_choices(first: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Tau-b where one side is a choice of two: concordant less discordant is a rank sum."""
    total, yes = weights.sum(axis=1), weights @ first
    ranks, _ = midranks(y, weights)
    above = (weights * ranks) @ first - yes * (yes + 1) / 2
    apart = yes * (total - yes)
    pairs = total * (total - 1) / 2
    return _ratio(2 * above - apart, apart * (pairs - tied_pairs(y, weights)))


def _ratio(surplus: np.ndarray, power: np.ndarray) -> np.ndarray:
    empty = np.full(len(surplus), np.nan)
    return np.divide(surplus, np.sqrt(power), out=empty, where=power > 0)


def _inversions(y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted number of pairs i < j with ``y[i] > y[j]``, ``(rows,)``.

    As in a merge sort: at each level every block of positions has a left and a right half, and what
    of the left half exceeds each of the right half is one cumulative sum in the order of y.
    """
    n = len(y)
    place = np.arange(n)
    found = np.zeros(len(weights))
    for level in range(max(0, n - 1).bit_length()):
        block, right = place >> (level + 1), (place >> level) & 1
        # Descending in y; of equal ones the right half first, so that ties do not count.
        order = np.lexsort((1 - right, -y, block))
        is_right = right[order].astype(bool)
        ordered = weights[:, order]
        before = np.cumsum(np.where(is_right, 0, ordered), axis=1)
        starts = np.flatnonzero(np.diff(block[order], prepend=-1))
        earlier = np.concatenate([np.zeros((len(weights), 1)), before[:, starts[1:] - 1]], axis=1)
        sizes = np.diff(np.append(starts, n))
        above = before - np.repeat(earlier, sizes, axis=1)
        found += (np.where(is_right, ordered, 0) * above).sum(axis=1)
    return found

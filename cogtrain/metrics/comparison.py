"""Is it chance, and do two observers differ? Paired differences and permutation tests."""

from typing import Unpack

import numpy as np

from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.resample import REPLICATES, stream
from cogtrain.metrics.statistic import Resampling, Statistic

_PERMUTATIONS, _EXCHANGES = 4, 5  # purposes of the streams
_CELLS_AT_ONCE = 500_000
_ROUNDING = 1e-10  # relative; equal statistics of other sums must count as equal


class Difference(Statistic):
    """One statistic less another, from the same resampled stimuli and people.

    Raises:
        ValueError: If the two are not over the same stimuli and people.
    """

    def __init__(self, first: Statistic, second: Statistic) -> None:
        sizes = [(each.n, each.people) for each in (first, second)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"expected two statistics over the same stimuli and people, got {sizes[0]} and "
                f"{sizes[1]}; leave out what either observer did not answer"
            )
        self.first, self.second = first, second
        self.n, self.people = sizes[0]

    @property
    def cells(self) -> int:
        """Of the larger."""
        return max(self.first.cells, self.second.cells)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        return self.first.resampled(stimuli, people) - self.second.resampled(stimuli, people)

    def why_undefined(self) -> str:
        """What makes either undefined."""
        return self.first.why_undefined() or self.second.why_undefined()


def paired_difference(
    first: Statistic, second: Statistic, **resampling: Unpack[Resampling]
) -> Estimate:
    """Difference of one statistic between two observers of the same stimuli, with its interval.

    What is hard for both cancels out, so the interval is narrower than those of the two values
    suggest. Chance is 0: no difference.

    Args:
        first: Of one observer, e.g. ``CorrelationStatistic(answers, proportion, "spearman")``.
        second: Of the other, over the same stimuli and people.
        resampling: See `Resampling`.

    Raises:
        ValueError: If the two are not over the same stimuli and people.

    Example:
        >>> from cogtrain.metrics.accuracy import CorrectStatistic
        >>> truth = np.ones(8)
        >>> before = CorrectStatistic([1, 0, 0, 0, 1, 1, 0, 0], truth)
        >>> after = CorrectStatistic([1] * 8, truth)
        >>> paired_difference(after, before).value
        0.625
    """
    return Difference(first, second).estimate(**resampling)


def permutation_test(
    statistic: Statistic, *, permutations: int = REPLICATES, seed: int = 0
) -> float:
    """Two-sided p of a statistic if the observer's answers had nothing to do with the stimuli.

    His answers are shuffled over the stimuli, so that how often he gives which one stays. Twice the
    smaller tail, with the observed order counted in (Phipson & Smyth 2010), so never 0.

    Args:
        statistic: Of one observer.
        permutations: Random orders.
        seed: Fixes them.

    Returns:
        p; `nan` where the statistic is undefined.
    """
    if not statistic.has_observer or statistic.why_undefined():
        return float("nan")
    source = stream(seed, _PERMUTATIONS)
    null = [
        statistic.of(source.permuted(np.tile(statistic.answers, (rows, 1)), axis=1))
        for rows in _blocks(permutations, statistic.cells)
    ]
    return two_sided(statistic.value, np.concatenate(null))


def exchange_test(
    first: Statistic, second: Statistic, *, permutations: int = REPLICATES, seed: int = 0
) -> float:
    """Two-sided p of a paired difference if either observer could have given either's answers.

    Per stimulus the two answers are exchanged at random. As `permutation_test` otherwise.

    Args:
        first: Of one observer.
        second: Of the other, over the same stimuli and people.
        permutations: Random exchanges.
        seed: Fixes them.

    Raises:
        ValueError: If the two are not over the same stimuli and people.
    """
    difference = Difference(first, second)
    if not (first.has_observer and second.has_observer) or difference.why_undefined():
        return float("nan")
    source, null = stream(seed, _EXCHANGES), []
    for rows in _blocks(permutations, difference.cells):
        is_kept = source.random((rows, first.n)) < 0.5
        one = np.where(is_kept, first.answers, second.answers)
        other = np.where(is_kept, second.answers, first.answers)
        null.append(first.of(one) - second.of(other))
    return two_sided(difference.value, np.concatenate(null))


def two_sided(value: float, null: np.ndarray) -> float:
    """Twice the smaller tail of `null` beyond `value`, both counted in, at most 1.

    `nan` if fewer than half of `null` are defined.
    """
    defined = null[~np.isnan(null)]
    if np.isnan(value) or len(defined) * 2 < len(null) or len(defined) == 0:
        return float("nan")
    slack = _ROUNDING * max(1.0, abs(value))
    tails = [(defined >= value - slack).sum(), (defined <= value + slack).sum()]
    return min(1.0, 2 * (1 + int(min(tails))) / (1 + len(defined)))


def _blocks(replicates: int, cells: int) -> list[int]:
    size = max(1, _CELLS_AT_ONCE // max(1, cells))
    return [min(size, replicates - start) for start in range(0, replicates, size)]

"""Bootstrap by counts: a resample is how often each unit was drawn.

So a statistic of all resamples is a few matrix products. Streams are counter-based and keyed by a
seed: the same seed gives the same interval everywhere, and no global random state is read or moved.
"""

from collections.abc import Iterator

import numpy as np

REPLICATES = 1000
"""Default number of resamples: the 2.5 % end then moves by about 2 % of the interval's width."""

_CELLS_AT_ONCE = 500_000  # 4 MB per array of float64: bounded memory for any number of stimuli
_STIMULI, _OBSERVERS = 0, 1  # purposes: the two streams of one seed never meet


def _counts(stream: np.random.Generator, rows: int, units: int) -> np.ndarray:
    drawn = stream.integers(0, units, size=(rows, units))
    drawn += np.arange(rows)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(float)


def _chunks(replicates: int, cells: int) -> Iterator[int]:
    size = max(1, _CELLS_AT_ONCE // max(1, cells))
    for start in range(0, replicates, size):
        yield min(size, replicates - start)


def stream(seed: int, purpose: int) -> np.random.Generator:
    """The random stream of `seed` for one `purpose`."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose]))


def over_stimuli(stimuli: int, *, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Yields how often each stimulus was drawn, in blocks of shape ``(rows, stimuli)``."""
    source = stream(seed, _STIMULI)
    for rows in _chunks(replicates, stimuli):
        yield _counts(source, rows, stimuli)


def over_stimuli_and_observers(
    stimuli: int, observers: int, *, replicates: int, seed: int, cells: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields draws of stimuli ``(rows, stimuli)`` and, independently, of observers.

    Args:
        stimuli: How many stimuli there are.
        observers: How many observers there are.
        replicates: How many resamples in all.
        seed: Fixes the draws.
        cells: Numbers that the caller holds per resample; bounds the memory of a block.
    """
    for_stimuli, for_observers = stream(seed, _STIMULI), stream(seed, _OBSERVERS)
    for rows in _chunks(replicates, cells or max(stimuli, observers)):
        yield _counts(for_stimuli, rows, stimuli), _counts(for_observers, rows, observers)


def interval(replicates: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of `replicates`; ``(nan, nan)`` if fewer than half are defined."""
    defined = replicates[~np.isnan(replicates)]
    if len(defined) * 2 < len(replicates) or len(defined) == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)

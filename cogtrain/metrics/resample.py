"""Bootstrap by counts: a resample is how often each unit was drawn.

So a statistic of all resamples is a few matrix products. Streams are counter-based and keyed by a
seed: the same seed gives the same interval everywhere, and no global random state is read or moved.
"""

from collections.abc import Iterator

import numpy as np

REPLICATES = 1000
"""Default number of resamples: the 2.5 % end then moves by about 2 % of the interval's width."""

_CELLS_AT_ONCE = 500_000  # 4 MB per array of float64: bounded memory for any number of stimuli
_STIMULI, _PEOPLE = 0, 1  # purposes: the streams of one seed never meet


def _counts(stream: np.random.Generator, rows: int, units: int) -> np.ndarray:
    drawn = stream.integers(0, units, size=(rows, units))
    drawn += np.arange(rows)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(float)


def _chunks(replicates: int, cells: int) -> Iterator[int]:
    size = max(1, _CELLS_AT_ONCE // max(1, cells))
    for start in range(0, replicates, size):
        yield min(size, replicates - start)


def stream(seed: int, purpose: int) -> np.random.Generator:
    """The random stream of `seed` for one `purpose`.

    Raises:
        ValueError: If the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"expected `seed` to be at least 0, got {seed}; choose another")
    return np.random.Generator(np.random.Philox(key=[seed, purpose]))


def over_stimuli_and_people(
    stimuli: int, people: int, *, replicates: int, seed: int, cells: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields how often each stimulus and, independently, each person was drawn.

    In blocks of shape ``(rows, stimuli)`` and ``(rows, people)``; with no people the second is
    empty, and the first is the same.

    Args:
        stimuli: How many stimuli there are.
        people: How many people there are.
        replicates: How many resamples in all.
        seed: Fixes the draws.
        cells: Numbers that the caller holds per resample; bounds the memory of a block.
    """
    for_stimuli, for_people = stream(seed, _STIMULI), stream(seed, _PEOPLE)
    for rows in _chunks(replicates, cells or max(stimuli, people)):
        drawn = _counts(for_people, rows, people) if people else np.empty((rows, 0))
        yield _counts(for_stimuli, rows, stimuli), drawn


def each_left_out(units: int) -> Iterator[np.ndarray]:
    """Yields counts in which one unit after the other is left out, blocks ``(rows, units)``."""
    start = 0
    for rows in _chunks(units, units):
        counts = np.ones((rows, units))
        counts[np.arange(rows), np.arange(start, start + rows)] = 0
        start += rows
        yield counts

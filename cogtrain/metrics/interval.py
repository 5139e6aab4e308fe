"""Ends of a bootstrap interval from its replicates."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()


def percentile(replicates: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of `replicates`; ``(nan, nan)`` if fewer than half are defined."""
    tail = (1 - level) / 2
    return _quantiles(replicates, tail, 1 - tail)


def acceleration(left_out: Sequence[np.ndarray]) -> float:
    """Skewness of the influence of single units: the `a` of BCa.

    Args:
        left_out: Per kind of unit (stimuli, people) the statistic without each of them. With two
            kinds, as for two samples (Davison & Hinkley 1997, eq. 5.22 and 5.23; as SciPy does it).
    """
    cubes = squares = 0.0
    for values in left_out:
        n = len(values)
        influence = (n - 1) * (np.mean(values) - values) if n > 1 else np.zeros(1)
        cubes += float((influence**3).sum()) / n**3
        squares += float((influence**2).sum()) / n**2
    return cubes / (6 * squares**1.5) if squares > 0 else math.nan


def bca(
    value: float, replicates: np.ndarray, skew: float, level: float = 0.95
) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987); ``(nan, nan)`` where it has no ends.

    Args:
        value: The statistic itself.
        replicates: Its resamples, ``(R,)``.
        skew: The acceleration.
        level: Coverage.
    """
    defined = replicates[~np.isnan(replicates)]
    if len(defined) == 0 or math.isnan(skew):
        return math.nan, math.nan
    below = ((defined < value).mean() + (defined <= value).mean()) / 2
    if not 0 < below < 1:
        return math.nan, math.nan
    bias = _NORMAL.inv_cdf(below)
    tails = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + _NORMAL.inv_cdf(share)
        tails.append(_NORMAL.cdf(bias + shifted / (1 - skew * shifted)))
    return _quantiles(replicates, *tails)


def _quantiles(replicates: np.ndarray, low: float, high: float) -> tuple[float, float]:
    defined = replicates[~np.isnan(replicates)]
    if len(defined) * 2 < len(replicates) or len(defined) == 0:
        return math.nan, math.nan
    ends = np.quantile(defined, [low, high])
    return float(ends[0]), float(ends[1])

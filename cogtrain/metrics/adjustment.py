"""Corrections for many tests at once, over tables of any shape; `nan` is no test."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike


def holm(p: ArrayLike) -> np.ndarray:
    """P adjusted so that any false alarm at all is as rare as stated (Holm 1979), any dependence.

    Args:
        p: Of one family of tests, any shape; `nan` is left out and stays.

    Raises:
        ValueError: If a p is outside [0, 1].

    Example:
        >>> holm([0.01, 0.04, float("nan")]).tolist()
        [0.02, 0.04, nan]
    """
    return _over_defined(p, _holm)


def benjamini_hochberg(p: ArrayLike) -> np.ndarray:
    """P adjusted so that the share of false alarms among findings is as stated (1995).

    For independent or positively dependent tests; see `holm`.
    """
    from scipy.stats import false_discovery_control

    return _over_defined(p, false_discovery_control)


def _holm(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    times = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(times * p[order]))
    return adjusted


def _over_defined(p: ArrayLike, adjust: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = np.array(p, dtype=float)
    strange = values[(values < 0) | (values > 1)]
    if len(strange):
        raise ValueError(f"expected p in [0, 1], got {strange[0]:g}; pass p values")
    defined = ~np.isnan(values)
    if defined.any():
        values[defined] = adjust(values[defined])
    return values

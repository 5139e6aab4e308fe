"""The mean of several numbers, each of other stimuli, with an interval of its own."""

import math
from collections.abc import Mapping

import numpy as np

from cogtrain.metrics.estimate import Estimate, undefined


def mean_of(estimates: Mapping[str, Estimate]) -> Estimate:
    """Mean over sets, none counting more than another.

    The interval combines theirs by the method of variance estimates recovery: the distance of each
    end is the root of the summed squares of theirs, over their number. That takes the sets for
    independent; where the same people judged several, it is somewhat too narrow.

    Source: Zou, Donner, Statistics in Medicine 27(10), 1693-1702, 2008.

    Args:
        estimates: By set; n and chance of the mean are their sum and mean.

    Returns:
        Undefined if one of them is, naming it: over other sets it would be another number.

    Example:
        >>> one, two = Estimate(0.6, 0.5, 0.7, 50, 0.5), Estimate(0.8, 0.8, 0.8, 50, 0.5)
        >>> [round(each, 6) for each in mean_of({"a": one, "b": two})[:4]]
        [0.7, 0.65, 0.75, 100]
    """
    if not estimates:
        return undefined("no set to take a mean over")
    n = sum(each.n for each in estimates.values())
    columns = np.array([each[:3] for each in estimates.values()], dtype=float)
    chance = float(np.mean([each.chance for each in estimates.values()]))
    if missing := [name for name, each in estimates.items() if not each.is_defined]:
        reason = f"{missing[0]}: {estimates[missing[0]].reason}"
        return undefined(reason, n=n, chance=chance)
    value, low, high = columns.T
    below, above = (math.hypot(*(end - value)) / len(columns) for end in (low, high))
    mean = float(value.mean())
    return Estimate(mean, mean - below, mean + above, n, chance)

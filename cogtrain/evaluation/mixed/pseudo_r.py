"""Pseudo-r: the alignment statistic of the published studies, and its human bars."""

import math

import numpy as np

from cogtrain.evaluation.mixed.cells import Layout
from cogtrain.evaluation.mixed.fit import MixedFit
from cogtrain.evaluation.mixed.laplace import refit
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.metrics.estimate import Estimate, bootstrapped, undefined
from cogtrain.metrics.interval import percentile
from cogtrain.metrics.resample import over_stimuli_and_people

REPLICATES = 200
"""Default number of resamples: each is a fit, so fewer than elsewhere."""


def pseudo_r(slope: float, r2: Estimate) -> Estimate:
    """Sign of the fixed slope times the square root of R2, the ends of its interval likewise.

    The convention of "Visual cognition in multimodal large language models" (2025). R2 is never
    negative, so that noise alone gives a small pseudo-r of either sign, and an interval that
    leaves out 0: compare with the slope.

    Args:
        slope: Fixed effect of the human answer.
        r2: Bayesian R2, with the 2.5 % and 97.5 % quantiles of its posterior.

    Example:
        >>> pseudo_r(-0.2, Estimate(0.25, 0.16, 0.36))[:3]
        (-0.5, -0.6, -0.4)
    """
    if not r2.is_defined:
        return r2
    value, *ends = (math.copysign(math.sqrt(each), slope) for each in r2[:3])
    low, high = sorted(ends)
    return r2._replace(value=value, low=low, high=high, chance=0.0)


def resampled(
    trials: Trials, fit: MixedFit, *, replicates: int = REPLICATES, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """Slope and pseudo-r with intervals that resample stimuli and people.

    A mixed model of people takes the observer's answer to one stimulus for as many independent
    answers as there are people. It is one answer, so that the model's own intervals are far too
    narrow where stimuli are few. These are not. The angle of the random effects is held.

    Args:
        trials: What was fitted.
        fit: The fit to all of it, by `laplace`.
        replicates: Resamples; 0 gives no interval.
        seed: Fixes the resamples.
    """
    slope, signed = fit.slope.value, pseudo_r(fit.slope.value, fit.r2).value
    n = trials.n_stimuli
    if not fit.slope.is_defined or not replicates:
        bare = Estimate(slope, n=n, chance=0.0, reason=fit.slope.reason)
        return bare, bare._replace(value=signed)
    layout = Layout(trials)
    draws = [
        _replicate(layout, w, v, fit.angle)
        for block in over_stimuli_and_people(
            len(trials.stimuli), layout.n_people, replicates=replicates, seed=seed
        )
        for w, v in zip(*block, strict=True)
    ]
    slopes, roots = np.array(draws).T
    return (
        bootstrapped(slope, percentile(slopes), n=n, chance=0.0),
        bootstrapped(signed, percentile(roots), n=n, chance=0.0),
    )


def _replicate(
    layout: Layout, stimuli: np.ndarray, people: np.ndarray, angle: float
) -> tuple[float, float]:
    """Slope and pseudo-r of one resample; `nan` where it has none."""
    cells = layout.cells(stimuli, people)
    share = cells.y / cells.t
    if not len(share) or np.ptp(share) == 0 or np.ptp(cells.human) == 0:
        return math.nan, math.nan
    slope, r2 = refit(cells, layout.trials.family, angle)
    return slope, pseudo_r(slope, undefined("") if math.isnan(r2) else Estimate(r2)).value

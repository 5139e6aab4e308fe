"""MixedFit: what an engine says about one set of trials."""

import importlib
from dataclasses import dataclass, field
from types import ModuleType

from cogtrain.metrics.estimate import Estimate, undefined

FORMULA = "model ~ 1 + human + (1 + human | observer)"
"""The model, in the notation of lme4 and brms: an intercept and a slope of each person's own."""


@dataclass(frozen=True)
class MixedFit:
    """Estimates of `FORMULA` for one set of trials.

    Attributes:
        slope: Fixed effect of the human answer, in log-odds (`gaussian`: standard deviations).
        r2: Bayesian R2; an interval only where the engine gives one.
        standard_error: Of the slope, as the engine has it.
        intercept: Fixed intercept, where the human answer is 0.
        sd_intercept, sd_slope: Standard deviations of people's own intercepts and slopes.
        correlation: Between the two; `nan` where either does not vary.
        notes: What the engine had to say: no convergence, no standard error.
        angle: Where the engine found the random effects to be independent; see `laplace`.
    """

    slope: Estimate
    r2: Estimate
    standard_error: float = float("nan")
    intercept: float = float("nan")
    sd_intercept: float = float("nan")
    sd_slope: float = float("nan")
    correlation: float = float("nan")
    notes: tuple[str, ...] = field(default=())
    angle: float = 0.0

    @classmethod
    def undefined(cls, reason: str, n: int) -> "MixedFit":
        """No fit, and why."""
        return cls(undefined(reason, n=n, chance=0.0), undefined(reason, n=n, chance=0.0))


def load(package: str, extra: str) -> ModuleType:
    """Imports an engine's package, which an extra brings.

    Raises:
        ValueError: If it is not installed or cannot be imported; names the extra.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"expected the package `{package}`, got: {reason}; install it by "
            f"pip install 'cogtrain[{extra}]'"
        ) from error

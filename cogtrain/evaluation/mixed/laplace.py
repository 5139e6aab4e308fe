"""Default engine: maximum likelihood by gpboost, random effects integrated out by Laplace.

gpboost's random effects are independent of each other; those of `(1 + human | observer)` are not.
Any two effects are independent after a rotation, however: with the human answer standardised to x,
effects u and v of the covariates cos(a) + sin(a) x and cos(a) x - sin(a) have, over all angles a in
[0, pi/2) and variances of u and v, exactly the covariance matrices of intercept and slope. So the
likelihood is profiled over one angle.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cogtrain.evaluation.mixed.cells import Cells, cells_of
from cogtrain.evaluation.mixed.fit import MixedFit, load
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.metrics.estimate import Estimate

_ANGLES = 4  # to find the valley; its floor is found by Brent's method
_TOLERANCE = 0.02  # radians; the log-likelihood is flat there to a thousandth
_NEGLIGIBLE = 1e-4  # variance of a random effect, in log-odds squared, that is as good as none


def fit_laplace(trials: Trials) -> MixedFit:
    """Fits `FORMULA` by gpboost; the interval of the slope is Wald's with Satterthwaite's t.

    Undefined with a reason if `trials.fault` says so. What did not converge is in `notes`.

    Raises:
        ValueError: If gpboost is not installed; names the extra.
    """
    gpboost: Any = load("gpboost", "stats")
    if trials.fault:
        return MixedFit.undefined(trials.fault, trials.n_stimuli)
    cells = cells_of(trials)
    design = _Design(cells, trials.family)
    try:
        angle = _best_angle(lambda at: design.fit(at).get_current_neg_log_likelihood())
        fitted = _fitted(design, angle, restarts=3)
    except gpboost.basic.GPBoostError as error:
        return MixedFit.undefined(f"gpboost failed: {error}", trials.n_stimuli)
    return _result(fitted, cells, trials)


def refit(cells: Cells, family: str, angle: float) -> tuple[float, float]:
    """Slope and R2 of a resample, the angle held; `nan` where gpboost fails."""
    gpboost: Any = load("gpboost", "stats")
    try:
        fitted = _fitted(_Design(cells, family), angle)
    except gpboost.basic.GPBoostError:
        return math.nan, math.nan
    return fitted.slope, float(cells.bayes_r2(fitted.expected[None])[0])


class _Design:
    """Cells as gpboost takes them, the human answer standardised to `x`."""

    def __init__(self, cells: Cells, family: str) -> None:
        self.cells = cells
        self.is_gaussian = family == "gaussian"
        self.mean = float(np.average(cells.human, weights=cells.rows))
        self.sd = math.sqrt(np.average((cells.human - self.mean) ** 2, weights=cells.rows))
        self.x = (cells.human - self.mean) / self.sd
        self.fixed = np.column_stack([np.ones_like(self.x), self.x])
        # Weights are numbers of trials, but of a Gaussian row they would divide its variance.
        repeats = cells.rows.astype(int) if self.is_gaussian else 1
        self.row = np.repeat(np.arange(len(self.x)), repeats)

    def random(self, angle: float) -> np.ndarray:
        """Covariates of the two independent random effects, ``(cells, 2)``."""
        return np.column_stack(_rotated(np.ones_like(self.x), self.x, angle))

    def fit(self, angle: float, restarts: int = 0) -> Any:
        """The `GPModel`, fitted."""
        gpboost: Any = load("gpboost", "stats")
        # It would print among our tables; what matters is in the notes.
        gpboost.register_logger(logging.getLogger("gpboost"))
        model = gpboost.GPModel(
            group_data=self.cells.person[self.row],
            group_rand_coef_data=self.random(angle)[self.row],
            ind_effect_group_rand_coef=[1, 1],
            drop_intercept_group_rand_effect=[True],
            likelihood="gaussian" if self.is_gaussian else "binomial_logit",
            weights=None if self.is_gaussian else self.cells.t,
            # The default, iterative one leaves most standard errors undefined.
            matrix_inversion_method="cholesky",
            num_parallel_threads=1,
        )
        outcome = (self.cells.y / self.cells.t)[self.row]
        params = {"delta_rel_conv": 1e-8, "max_num_restarts_lbfgs": restarts}
        return model.fit(y=outcome, X=self.fixed[self.row], params=params)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A fit at one angle; effects are those of the standardised human answer.

    Attributes:
        model: The `GPModel`.
        fixed: Intercept and slope.
        covariance: Of people's intercepts and slopes, ``(2, 2)``.
        expected: Expected outcome per trial of each cell.
        mean, sd: Of the human answer.
        angle: That of the rotation.
    """

    model: Any
    fixed: np.ndarray
    covariance: np.ndarray
    expected: np.ndarray
    mean: float
    sd: float
    angle: float

    @property
    def slope(self) -> float:
        """Per unit of the human answer."""
        return float(self.fixed[1] / self.sd)


def _fitted(design: _Design, angle: float, restarts: int = 0) -> _Fitted:
    from scipy.special import expit

    model = design.fit(angle, restarts)
    effects = np.asarray(model.predict_training_data_random_effects())[:, :2]
    first = np.unique(design.row, return_index=True)[1]
    fixed = np.asarray(model.get_coef(format_pandas=False), dtype=float).ravel()
    eta = design.fixed @ fixed + (design.random(angle) * effects[first]).sum(axis=1)
    variances = np.asarray(model.get_cov_pars(format_pandas=False), dtype=float).ravel()[-2:]
    axes = np.array(_rotated(np.array([1.0, 0.0]), np.array([0.0, 1.0]), angle))
    return _Fitted(
        model,
        fixed,
        axes.T @ np.diag(variances) @ axes,
        eta if design.is_gaussian else expit(eta),
        design.mean,
        design.sd,
        angle,
    )


def _rotated(one: np.ndarray, x: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * one + sin * x, cos * x - sin * one


def _best_angle(loss: Callable[[float], float]) -> float:
    """Minimises a function of period pi/2: a coarse round, then Brent within the best bracket."""
    from scipy.optimize import minimize_scalar

    step = math.pi / 2 / _ANGLES
    start = min((loss(step * i), step * i) for i in range(_ANGLES))[1]
    found: Any = minimize_scalar(
        loss, bounds=(start - step, start + step), method="bounded", options={"xatol": _TOLERANCE}
    )
    return float(found.x)


def _result(fitted: _Fitted, cells: Cells, trials: Trials) -> MixedFit:
    standard_errors = np.asarray(fitted.model.get_coef(std_err=True, format_pandas=False))[1]
    slope, low, high = _wald(fitted, float(standard_errors[1]), trials.n_people)
    notes = _notes(fitted, low)
    to_raw = np.array([[1.0, 0.0], [-fitted.mean / fitted.sd, 1 / fitted.sd]])
    covariance = to_raw.T @ fitted.covariance @ to_raw
    sds = np.sqrt(np.diag(covariance))
    varies = bool((covariance.diagonal() > _NEGLIGIBLE).all())
    n = trials.n_stimuli
    return MixedFit(
        Estimate(slope, low, high, n, 0.0, notes[0] if math.isnan(low) else ""),
        Estimate(float(cells.bayes_r2(fitted.expected[None])[0]), n=n, chance=0.0),
        float(standard_errors[1] / fitted.sd),
        float(fitted.fixed[0] - slope * fitted.mean),
        *map(float, sds),
        correlation=float(covariance[0, 1] / sds.prod()) if varies else float("nan"),
        notes=tuple(notes),
        angle=fitted.angle,
    )


def _wald(fitted: _Fitted, standard_error: float, people: int) -> tuple[float, float, float]:
    """Slope and ends of its 95 % interval.

    Maximum likelihood takes people's mean slope for known, so the variance between them is too
    small by (people - 1) / people; and it is itself estimated, from `people - 1` degrees of
    freedom, which Satterthwaite's approximation shares out with the trials' own.
    """
    from scipy import stats

    between = max(float(fitted.covariance[1, 1]), 0.0) / (people - 1)
    variance = standard_error**2 + between / people
    freedom = (people - 1) * (variance / between) ** 2 if between > 0 else math.inf
    reach = float(stats.t.ppf(0.975, freedom)) if freedom < 1e6 else 1.959963984540054
    half = reach * math.sqrt(variance) / fitted.sd
    return fitted.slope, fitted.slope - half, fitted.slope + half


def _notes(fitted: _Fitted, low: float) -> list[str]:
    notes = []
    if math.isnan(low):
        notes.append("no standard error: the likelihood is flat or not at its maximum")
    if fitted.model._get_convergence_status():
        notes.append("gpboost did not converge: the estimates may not be the best ones")
    return notes

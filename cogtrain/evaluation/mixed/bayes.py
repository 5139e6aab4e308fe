"""Reference engine: the Bayesian model of the published studies, sampled by PyMC.

Priors are the defaults of brms: flat on the slope, Student's t (3, 0, 2.5) on the intercept at the
mean human answer, half Student's t (3, 0, 2.5) on standard deviations, LKJ(1), which of two effects
is a uniform correlation. bambi, which writes such models for PyMC, cannot correlate intercepts with
slopes, and so cannot write this one.
"""

import logging
from typing import Any

import numpy as np

from cogtrain.environment import usable_threads
from cogtrain.evaluation.mixed.cells import Cells, cells_of
from cogtrain.evaluation.mixed.fit import MixedFit, load
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.metrics.estimate import Estimate

CHAINS, DRAWS = 4, 1000
"""Chains, and draws of each after as many to tune."""

_TARGET_ACCEPT = 0.95  # as published; divergences otherwise, for effects that hardly vary
_WORST_R_HAT, _FEWEST_EFFECTIVE = 1.01, 400  # Vehtari et al. (2021), Bayesian Analysis 16(2)
_NU, _SCALE = 3, 2.5
_NAMES = ("slope", "intercept", "sd", "correlation")


def fit_bayes(trials: Trials, *, seed: int = 0) -> MixedFit:
    """Fits `FORMULA` by PyMC: posterior means with their 2.5 % and 97.5 % quantiles.

    Undefined with a reason if `trials.fault` says so. What did not converge is in `notes`.

    Args:
        trials: What to fit.
        seed: Fixes the draws.

    Raises:
        ValueError: If PyMC is not installed, or not with a matplotlib that it can import; names
            the extra.
    """
    load("pymc", "bayes")
    if trials.fault:
        return MixedFit.undefined(trials.fault, trials.n_stimuli)
    cells = cells_of(trials)
    posterior, notes = _converged(cells, trials.family, seed)
    expected = posterior["expected"].reshape(CHAINS * DRAWS, -1)
    r2 = cells.bayes_r2(expected)
    sd = posterior["sd"].mean(axis=(0, 1))
    n = trials.n_stimuli
    return MixedFit(
        _estimate(posterior["slope"], n),
        _estimate(r2, n),
        float(posterior["slope"].std()),
        float(posterior["intercept"].mean()),
        *map(float, sd),
        correlation=float(posterior["correlation"].mean()),
        notes=tuple(notes),
    )


def _estimate(draws: np.ndarray, n: int) -> Estimate:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(draws.mean()), float(low), float(high), n, 0.0)


def _converged(cells: Cells, family: str, seed: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Draws by name, and what was wrong with them, of the way to write the effects that samples.

    People's effects are centred where the data say much about each person, else deviations of size
    1: the same model, but the sampler moves freely. Which of the two it is shows in the draws, so
    that the second is tried where the first had not converged; if neither has, the first stays.
    """
    likely = family == "binomial"
    tries = []
    for is_centred in (likely, not likely):
        tries.append(_sample(_model(cells, family, is_centred=is_centred), seed))
        if not tries[-1][1]:
            return tries[-1]
    return tries[0]


def _model(cells: Cells, family: str, *, is_centred: bool) -> Any:
    pm: Any = load("pymc", "bayes")
    people = int(cells.person.max()) + 1
    centre = float(np.average(cells.human, weights=cells.rows))
    with pm.Model() as model:
        at_centre = pm.StudentT("at_centre", nu=_NU, mu=0.0, sigma=_SCALE)
        slope = pm.Flat("slope", initval=0.0)
        intercept = pm.Deterministic("intercept", at_centre - slope * centre)
        sd = pm.HalfStudentT("sd", nu=_NU, sigma=_SCALE, shape=2)
        correlation = pm.Uniform("correlation", -1.0, 1.0)
        spread = (sd[0], sd[1], correlation)
        own = _own((intercept, slope), spread, people, is_centred=is_centred)
        eta = own[0][cells.person] + own[1][cells.person] * cells.human
        if family == "gaussian":
            sigma = pm.HalfStudentT("sigma", nu=_NU, sigma=_SCALE)
            pm.Normal("outcome", eta, sigma, observed=cells.y)
            pm.Deterministic("expected", eta)
        else:
            pm.Binomial("outcome", n=cells.t, logit_p=eta, observed=cells.y)
            pm.Deterministic("expected", pm.math.invlogit(eta))
    return model


def _own(
    fixed: tuple[Any, Any], spread: tuple[Any, Any, Any], people: int, *, is_centred: bool
) -> tuple[Any, Any]:
    """Each person's intercept and slope."""
    pm: Any = load("pymc", "bayes")
    sd_first, sd_second, correlation = spread
    rest = pm.math.sqrt(1 - correlation**2)
    if is_centred:
        first = pm.Normal("first", fixed[0], sd_first, shape=people)
        tilt = correlation * sd_second / sd_first
        second = pm.Normal("second", fixed[1] + tilt * (first - fixed[0]), sd_second * rest)
        return first, second
    z = pm.Normal("z", shape=(2, people))
    first = fixed[0] + sd_first * z[0]
    return first, fixed[1] + sd_second * (correlation * z[0] + rest * z[1])


def _sample(model: Any, seed: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Draws by name, ``(chains, draws, ...)``, and what was wrong with them."""
    pm: Any = load("pymc", "bayes")
    arviz: Any = load("arviz", "bayes")
    log = logging.getLogger("pymc")
    level = log.level
    log.setLevel(logging.ERROR)  # what it would say is in the notes
    try:
        data = pm.sample(
            DRAWS,
            tune=DRAWS,
            chains=CHAINS,
            cores=min(CHAINS, usable_threads()),
            target_accept=_TARGET_ACCEPT,
            random_seed=seed,
            progressbar=False,
            compute_convergence_checks=False,
            model=model,
        )
    finally:
        log.setLevel(level)
    draws = {name: np.asarray(data.posterior[name]) for name in (*_NAMES, "expected")}
    diverging = int(np.asarray(data.sample_stats["diverging"]).sum())
    r_hat = _extreme(arviz.rhat(data, var_names=list(_NAMES)), np.max)
    effective = _extreme(arviz.ess(data, var_names=list(_NAMES)), np.min)
    return draws, _notes(r_hat, effective, diverging)


def _extreme(diagnostics: Any, of: Any) -> float:
    return float(of([of(np.asarray(diagnostics[name])) for name in _NAMES]))


def _notes(r_hat: float, effective: float, diverging: int) -> list[str]:
    notes = []
    if not r_hat <= _WORST_R_HAT:
        notes.append(f"the chains disagree: R-hat {r_hat:.3f}, at most {_WORST_R_HAT} is sound")
    if not effective >= _FEWEST_EFFECTIVE:
        notes.append(f"few effective draws: {effective:.0f}, at least {_FEWEST_EFFECTIVE} is sound")
    if diverging:
        notes.append(f"{diverging} of {CHAINS * DRAWS} draws diverged")
    return notes

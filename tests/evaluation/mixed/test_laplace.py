"""The default engine against statsmodels, its symmetries, and the published figures."""

import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from cogtrain.evaluation.mixed.fit import load
from cogtrain.evaluation.mixed.laplace import fit_laplace
from cogtrain.evaluation.mixed.pseudo_r import pseudo_r, resampled
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, Panel

pytest.importorskip(
    "gpboost", reason="needs gpboost, the default engine; install the extra `stats`"
)


def simulated(seed, people=20, stimuli=40, sd=0.6, family="bernoulli"):
    """Rows drawn from the model itself, intercepts and slopes correlated at -0.5."""
    stream = np.random.default_rng(seed)
    human = stream.integers(0, 2, (people, stimuli)).astype(float)
    own = stream.standard_normal((2, people, 1)) * sd
    own[1] = np.sqrt(0.75) * own[1] - 0.5 * own[0]
    eta = own[0] - 0.2 + (0.8 + own[1]) * human
    outcome = eta + stream.standard_normal(eta.shape)
    if family == "bernoulli":
        outcome = (stream.random(eta.shape) < expit(eta)).astype(float)
    person, stimulus = np.indices(human.shape).reshape(2, -1)
    names = tuple(map(str, range(max(people, stimuli))))
    columns = (stimulus, person, human.ravel(), outcome.ravel(), np.ones(human.size))
    return Trials(family, names[:stimuli], names[:people], *columns)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gaussian_fits_are_those_of_statsmodels(seed):
    formula = pytest.importorskip("statsmodels.formula.api", reason="needs statsmodels, an oracle")
    trials = simulated(seed, family="gaussian")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own optimizers
        model = formula.mixedlm(
            "model ~ human", trials.table(), groups="observer", re_formula="~human"
        )
        oracle = model.fit(reml=False, method="powell")
    assert oracle.converged
    fit = fit_laplace(trials)
    assert fit.slope.value == pytest.approx(oracle.params["human"], abs=1e-3)
    assert fit.intercept == pytest.approx(oracle.params["Intercept"], abs=1e-3)
    assert fit.standard_error == pytest.approx(oracle.bse["human"], rel=0.02)
    covariance = np.asarray(oracle.cov_re)
    assert fit.sd_intercept == pytest.approx(covariance[0, 0] ** 0.5, abs=0.01)
    assert fit.sd_slope == pytest.approx(covariance[1, 1] ** 0.5, abs=0.01)
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert fit.correlation == pytest.approx(correlation, abs=0.03)


def same_for_everyone(seed):
    """Every person's answers go with the same share of yes: no random effect is left."""
    stream = np.random.default_rng(seed)
    trials = simulated(seed, people=8, stimuli=40)
    shares = stream.permutation(40) < 14, stream.permutation(40) < 25
    outcome = np.where(trials.stimulus < 20, shares[0][trials.stimulus], shares[1][trials.stimulus])
    human = (trials.stimulus < 20).astype(float)
    return replace(trials, outcome=outcome.astype(float), human=human)


@pytest.mark.parametrize("seed", range(4))
def test_without_differences_between_people_it_is_a_logistic_regression(seed):
    api = pytest.importorskip("statsmodels.api", reason="needs statsmodels, an oracle")
    trials = same_for_everyone(seed)
    design = api.add_constant(trials.human)
    oracle = api.GLM(trials.outcome, design, family=api.families.Binomial()).fit()
    fit = fit_laplace(trials)
    assert fit.slope.value == pytest.approx(oracle.params[1], abs=2e-3)
    assert fit.intercept == pytest.approx(oracle.params[0], abs=2e-3)
    assert fit.standard_error == pytest.approx(oracle.bse[1], rel=0.01)
    low, high = oracle.conf_int()[1]
    assert (fit.slope.low, fit.slope.high) == pytest.approx((low, high), abs=0.01)
    fitted = oracle.fittedvalues
    r2 = fitted.var() / (fitted.var() + (trials.outcome - fitted).var())
    assert fit.r2.value == pytest.approx(r2, rel=0.01)
    assert np.isnan(fit.correlation)


@pytest.mark.parametrize("family", ["bernoulli", "gaussian"])
def test_a_label_swap_flips_the_sign_and_nothing_else(family):
    trials = simulated(5, family=family)
    fit = fit_laplace(trials)
    for swapped in (
        replace(trials, human=1 - trials.human),
        replace(trials, outcome=1 - trials.outcome),
    ):
        other = fit_laplace(swapped)
        assert other.slope.value == pytest.approx(-fit.slope.value, abs=2e-3)
        assert other.slope.low == pytest.approx(-fit.slope.high, abs=5e-3)
        assert other.r2.value == pytest.approx(fit.r2.value, abs=1e-3)
        assert other.sd_slope == pytest.approx(fit.sd_slope, abs=0.01)
    both = fit_laplace(replace(trials, human=1 - trials.human, outcome=1 - trials.outcome))
    assert both.slope.value == pytest.approx(fit.slope.value, abs=2e-3)


def test_the_order_of_rows_does_not_matter():
    trials = simulated(6)
    order = np.random.default_rng(0).permutation(len(trials.outcome))
    turned = replace(
        trials,
        **{
            name: getattr(trials, name)[order]
            for name in ("stimulus", "person", "human", "outcome", "trials")
        },
    )
    assert fit_laplace(turned) == fit_laplace(trials)


def test_few_people_get_a_wider_interval_than_walds():
    few, many = fit_laplace(simulated(1, people=5)), fit_laplace(simulated(1, people=60))
    wider = [
        (fit.slope.high - fit.slope.low) / (2 * 1.959964 * fit.standard_error)
        for fit in (few, many)
    ]
    assert 1.05 < wider[0] < 2
    assert 1 <= wider[1] < 1.05


def test_what_cannot_be_fitted_is_undefined_with_a_reason():
    trials = simulated(0)
    constant = replace(trials, outcome=np.ones_like(trials.outcome))
    fit = fit_laplace(constant)
    assert np.isnan(fit.slope.value)
    assert np.isnan(fit.r2.value)
    assert fit.slope.reason == "the observer is constant: 1 for all 40 stimuli"
    slope, signed = resampled(constant, fit, replicates=3)
    assert np.isnan([slope.value, signed.value]).all()
    assert slope.reason == signed.reason == fit.slope.reason


def test_an_engine_that_did_not_converge_says_so(monkeypatch):
    import gpboost

    monkeypatch.setattr(gpboost.GPModel, "_get_convergence_status", lambda _: 1)
    assert fit_laplace(simulated(0)).notes == (
        "gpboost did not converge: the estimates may not be the best ones",
    )


def test_an_engine_that_fails_leaves_the_figure_undefined(monkeypatch):
    import gpboost

    trials = simulated(0, people=6)
    fit = fit_laplace(trials)

    def broken(*_, **__):
        raise gpboost.basic.GPBoostError("NaN occurred")

    monkeypatch.setattr(gpboost.GPModel, "fit", broken)
    failed = fit_laplace(trials)
    assert np.isnan(failed.slope.value)
    assert failed.slope.reason == failed.r2.reason == "gpboost failed: NaN occurred"
    slope = resampled(trials, fit, replicates=4)[0]
    assert (slope.value, slope.n) == (fit.slope.value, 40)
    assert np.isnan(slope.low)
    assert slope.reason == "no interval: undefined in most resamples"


def test_without_a_standard_error_there_is_no_interval(monkeypatch):
    import gpboost

    known = gpboost.GPModel.get_coef

    def without(self, std_err=False, format_pandas=True):
        found = known(self, std_err=std_err, format_pandas=format_pandas)
        return np.where([[False], [True]], np.nan, found) if std_err else found

    monkeypatch.setattr(gpboost.GPModel, "get_coef", without)
    fit = fit_laplace(simulated(0))
    assert np.isfinite(fit.slope.value)
    assert np.isnan([fit.slope.low, fit.slope.high]).all()
    assert fit.slope.reason.startswith("no standard error")


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpboost", None)
    line = r"expected the package `gpboost`, got: .*; install it by pip install 'cogtrain\[stats\]'"
    with pytest.raises(ValueError, match=line):
        fit_laplace(simulated(0))
    with pytest.raises(ValueError, match=r"cogtrain\[bayes\]"):
        load("no_such_package", "bayes")


def test_no_engine_is_imported_before_it_is_used(repository):
    code = (
        "import sys, cogtrain.evaluation.mixed\n"
        "assert not {'gpboost', 'pymc', 'arviz', 'torch', 'pandas', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository)


def test_pseudo_r_takes_the_sign_of_the_slope():
    r2 = Estimate(0.25, 0.16, 0.36, n=9)
    assert pseudo_r(0.3, r2) == Estimate(0.5, 0.4, 0.6, 9, 0.0)
    assert pseudo_r(-0.3, r2) == Estimate(-0.5, -0.6, -0.4, 9, 0.0)
    assert np.isnan(pseudo_r(0.3, Estimate(0.25)).low)


def test_resamples_are_seeded_and_wider_than_the_model_says():
    stream = np.random.default_rng(3)
    evidence = stream.standard_normal(40)
    answers = (stream.random((30, 40)) < expit(1.5 * evidence)).astype(float)
    names = tuple(map(str, range(40)))
    trials = Trials.of_observer((evidence > 0).astype(float), Panel(names[:30], names, answers))
    fit = fit_laplace(trials)
    slope, signed = resampled(trials, fit, replicates=30, seed=1)
    assert resampled(trials, fit, replicates=30, seed=1) == (slope, signed)
    assert resampled(trials, fit, replicates=30, seed=2)[0].low != slope.low
    assert slope.high - slope.low > 2 * (fit.slope.high - fit.slope.low)
    assert signed.low < signed.value < signed.high
    bare = resampled(trials, fit, replicates=0)[0]
    assert (bare.value, bare.n) == (fit.slope.value, 40)
    assert np.isnan(bare.low)


# pseudo-r, and the ends of its 95 % interval, of the published Bayesian models.
PUBLISHED = {
    "GPT-4V": (0.2569, 0.2383, 0.2747),
    "CLAUDE-3": (0.0311, 0.0121, 0.0485),
    "OTTER": (0.0215, 0.0052, 0.0414),
    "FUYU": (-0.0228, -0.0383, -0.0066),
    "people": (0.5947, 0.5928, 0.5966),
}


# Slope and pseudo-r by lme4 1.1-31, from our R script. On GPT-4V it stops at a singular fit without
# random effects, whose log-likelihood is lower by 6.5.
LME4 = {
    "CLAUDE-3": (0.10221601, 0.0240278850),
    "OTTER": (0.01095754, 0.0005449199),
    "FUYU": (-0.05637460, -0.0140323160),
    "people": (1.46386995, 0.5945694250),
}


def real_trials(folder, observer):
    people = Panel.from_judgments(Judgments.humans(folder / "human_judgments.csv"))
    if observer == "people":
        return Trials.of_people(people)
    models = Judgments.tidy(folder / "model_judgments.csv", observer_kind="model")
    own = Panel.from_judgments(models.select(observer_id=observer))
    return Trials.of_observer(own.at(people.stimuli)[0], people)


@pytest.mark.parametrize("observer", PUBLISHED)
def test_the_real_towers_give_the_published_alignment(lerer_towers, observer):
    fit = fit_laplace(real_trials(lerer_towers, observer))
    value, low, high = PUBLISHED[observer]
    found = pseudo_r(fit.slope.value, fit.r2).value
    assert np.sign(found) == np.sign(value)
    # A posterior mean of R2 is above its best estimate where there is next to no alignment.
    assert abs(found) <= abs(value)
    assert low <= found <= high or abs(value) < 0.025
    assert abs(found - value) < 0.025


@pytest.mark.parametrize("observer", LME4)
def test_the_real_towers_give_the_fits_of_lme4(lerer_towers, observer):
    fit = fit_laplace(real_trials(lerer_towers, observer))
    slope, signed = LME4[observer]
    assert fit.slope.value == pytest.approx(slope, abs=2e-5)
    assert pseudo_r(fit.slope.value, fit.r2).value == pytest.approx(signed, abs=5e-6)


# Slope, its standard error, sd of intercepts and slopes, correlation: lme4 1.1-31 on the same rows,
# `lmer(..., REML = FALSE)` and `glmer(..., family = binomial)`.
OF_LME4 = {
    ("gaussian", 0): (0.755358, 0.184605, 0.400100, 0.768010, -0.420412),
    ("gaussian", 1): (1.014844, 0.151693, 0.578400, 0.591686, -0.780038),
    ("gaussian", 5): (0.921798, 0.167242, 0.648376, 0.679104, -0.658061),
    ("bernoulli", 0): (0.902898, 0.229666, 0.884939, 0.746356, -0.749601),
    ("bernoulli", 1): (1.066442, 0.240649, 0.722766, 0.825382, -0.943169),
    ("bernoulli", 2): (0.657380, 0.163118, 0.709002, 0.268327, -0.681011),
    ("bernoulli", 5): (0.875724, 0.261244, 0.869927, 0.917869, -0.720414),
}


@pytest.mark.parametrize(("family", "seed"), OF_LME4)
def test_simulated_tables_give_the_fits_of_lme4(family, seed):
    fit = fit_laplace(simulated(seed, family=family))
    slope, standard_error, sd_intercept, sd_slope, correlation = OF_LME4[family, seed]
    assert fit.slope.value == pytest.approx(slope, abs=1e-3)
    assert fit.standard_error == pytest.approx(standard_error, rel=0.01)
    assert (fit.sd_intercept, fit.sd_slope) == pytest.approx((sd_intercept, sd_slope), abs=3e-3)
    assert fit.correlation == pytest.approx(correlation, abs=0.01)

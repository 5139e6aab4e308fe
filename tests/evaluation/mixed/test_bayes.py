"""The reference engine: convergence is told, and both engines see the same table alike."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.special import expit

from cogtrain.evaluation.mixed import bayes
from cogtrain.evaluation.mixed.pseudo_r import pseudo_r
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.metrics import Panel

needs_pymc = pytest.mark.skipif(
    find_spec("pymc") is None, reason="needs PyMC, the reference engine; install the extra `bayes`"
)
# PyTensor warns of a BLAS that it does not find, PyMC of forks, arviz of its future.
quietly = pytest.mark.filterwarnings("ignore")


def study(people=12, stimuli=24, *, graded=False):
    """One observer and people who see the same evidence in each stimulus."""
    stream = np.random.default_rng(4)
    evidence = stream.standard_normal(stimuli)
    shares = expit(1.2 * evidence + stream.standard_normal((people, 1)))
    answers = shares if graded else (stream.random(shares.shape) < shares).astype(float)
    names = tuple(map(str, range(stimuli)))
    panel = Panel(names[:people], names, answers)
    own = evidence + stream.standard_normal(stimuli)
    return Trials.of_observer(own if graded else (own > 0).astype(float), panel), panel


@needs_pymc
@quietly
@pytest.mark.timeout(900)  # PyTensor compiles for minutes on a busy machine
@pytest.mark.parametrize("kind", ["bernoulli", "binomial", "gaussian"])
def test_both_engines_agree(kind, monkeypatch):
    pytest.importorskip("gpboost", reason="needs gpboost, the default engine")
    from cogtrain.evaluation.mixed.laplace import fit_laplace

    monkeypatch.setattr(bayes, "DRAWS", 400)
    monkeypatch.setattr(bayes, "CHAINS", 2)
    # Of few people's sums the priors on their spread would tell: the engines differ there.
    size = (24, 48) if kind == "binomial" else (12, 24)
    trials, panel = study(*size, graded=kind == "gaussian")
    if kind == "binomial":
        trials = Trials.of_people(panel)
    assert trials.family == kind
    ours, theirs = fit_laplace(trials), bayes.fit_bayes(trials, seed=1)
    assert abs(ours.slope.value - theirs.slope.value) < 0.35 * ours.standard_error
    assert theirs.standard_error == pytest.approx(ours.standard_error, rel=0.3)
    assert ours.r2.value == pytest.approx(theirs.r2.value, abs=0.05)
    signed = pseudo_r(theirs.slope.value, theirs.r2)
    assert signed.low < signed.value < signed.high
    assert theirs.slope.low < theirs.slope.value < theirs.slope.high


def test_the_way_to_write_effects_that_samples_better_is_kept(monkeypatch):
    tried, deviations = [], []

    def sample(is_centred, _seed):
        tried.append(is_centred)
        found = (["few"], 38.0) if is_centred else (list(deviations), 338.0)
        return bayes._Draws({}, *found)

    monkeypatch.setattr(bayes, "_model", lambda _cells, _family, *, is_centred: is_centred)
    monkeypatch.setattr(bayes, "_sample", sample)
    assert bayes._converged(None, "gaussian", 0).notes == []
    assert tried == [False]
    assert bayes._converged(None, "binomial", 0).effective == 338
    deviations.append("fewer than wanted")
    assert bayes._converged(None, "binomial", 0).effective == 338
    assert tried == [False, True, False, True, False]


@needs_pymc
@quietly
def test_what_cannot_be_fitted_is_not_sampled():
    trials, panel = study()
    constant = Trials.of_observer(np.ones(24), panel)
    fit = bayes.fit_bayes(constant)
    assert np.isnan(fit.slope.value)
    assert fit.slope.reason == "the observer is constant: 1 for all 24 stimuli"
    assert trials.fault == ""


def test_chains_that_did_not_converge_say_so():
    assert bayes._notes(1.001, 900.0, 0) == []
    assert bayes._notes(1.2, 30.0, 7) == [
        "the chains disagree: R-hat 1.200, at most 1.01 is sound",
        "few effective draws: 30, at least 400 is sound",
        f"7 of {bayes.CHAINS * bayes.DRAWS} draws diverged",
    ]
    assert len(bayes._notes(float("nan"), float("nan"), 0)) == 2


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymc", None)
    line = r"expected the package `pymc`, got: .*; install it by pip install 'cogtrain\[bayes\]'"
    with pytest.raises(ValueError, match=line):
        bayes.fit_bayes(study()[0])

"""Bootstrap intervals of every statistic: against SciPy's, and what must hold whatever the data."""

import numpy as np
import pytest
from scipy.stats import bootstrap, pearsonr

from cogtrain import metrics as m
from cogtrain.metrics.ceiling import SplitHalfStatistic
from cogtrain.metrics.correlation import CorrelationStatistic
from cogtrain.metrics.human_accuracy import HumanAccuracyStatistic
from cogtrain.metrics.interval import acceleration, bca, percentile

SOURCE = np.random.default_rng(0)
X = SOURCE.exponential(size=60)
Y = X + SOURCE.exponential(size=60)


@pytest.mark.parametrize(("method", "scipys"), [("percentile", "percentile"), ("bca", "BCa")])
def test_the_interval_is_that_of_scipy(method, scipys):
    def correlation(x, y, axis=-1):
        return pearsonr(x, y, axis=axis)[0]

    want = bootstrap(
        (X, Y), correlation, paired=True, n_resamples=20_000, method=scipys, rng=1
    ).confidence_interval
    got = m.pearson(X, Y, replicates=20_000, method=method)
    assert (got.low, got.high) == pytest.approx((want.low, want.high), abs=0.01)


def test_bca_differs_from_percentile_where_the_statistic_is_skewed():
    plain, corrected = (m.pearson(X, Y, method=method) for method in ("percentile", "bca"))
    assert plain.value == corrected.value
    assert abs(plain.low - corrected.low) > 0.01


def test_bca_of_two_kinds_of_units_is_scipys_formula_for_two_samples():
    first, second = SOURCE.exponential(size=20), SOURCE.exponential(size=35)

    def difference(a, b, axis=-1):
        return a.mean(axis=axis) - b.mean(axis=axis)

    want = bootstrap(
        (first, second), difference, n_resamples=20_000, method="BCa", rng=1
    ).confidence_interval
    left_out = [
        np.array([difference(np.delete(first, i), second) for i in range(20)]),
        np.array([difference(first, np.delete(second, i)) for i in range(35)]),
    ]
    source = np.random.default_rng(2)
    drawn = difference(source.choice(first, (20_000, 20)), source.choice(second, (20_000, 35)))
    got = bca(float(difference(first, second)), drawn, acceleration(left_out))
    assert got == pytest.approx((want.low, want.high), abs=0.02)


def test_replicates_beyond_the_value_leave_bca_without_ends():
    assert np.isnan(bca(0.0, np.ones(10), 0.1)).all()
    assert np.isnan(bca(0.5, np.linspace(0, 1, 11), float("nan"))).all()
    assert percentile(np.linspace(0, 1, 41)) == pytest.approx((0.025, 0.975))


def test_both_stimuli_and_people_are_resampled():
    ability, ease = SOURCE.normal(size=(30, 1)), SOURCE.normal(size=(1, 40))
    right = (ability + ease + SOURCE.normal(size=(30, 40)) > 0).astype(float)
    both = HumanAccuracyStatistic(right, np.ones(40)).replicates(replicates=4000)
    by_stimulus, by_person = right.mean(axis=0).var(), right.mean(axis=1).var()
    # Two-way: the variances of the two means add, with what is left counted in either.
    assert both.var() == pytest.approx(by_stimulus / 40 + by_person / 30, rel=0.12)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_seed_fixes_every_interval(method):
    people = SOURCE.integers(0, 2, (6, 40)).astype(float)
    for function in (m.split_half, m.leave_one_out, m.human_likelihood_ceiling):
        first = function(people, replicates=60, seed=3, method=method)
        assert first == function(people, replicates=60, seed=3, method=method)
        other = function(people, replicates=60, seed=4, method=method)
        assert (first.low, first.high) != (other.low, other.high)


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="percentile or bca, got 'normal'"):
        m.pearson(X, Y, method="normal")


def test_a_statistic_of_people_has_no_permutation_test():
    statistic = SplitHalfStatistic(SOURCE.integers(0, 2, (6, 40)))
    assert np.isnan(m.permutation_test(statistic))
    with pytest.raises(TypeError, match="got SplitHalfStatistic; it has no permutation test"):
        statistic.of(np.ones((1, 40)))


def test_the_memory_bound_changes_nothing(monkeypatch):
    from cogtrain.metrics import resample

    statistic = CorrelationStatistic(X, Y, "kendall")
    whole = statistic.estimate(method="bca", replicates=100)
    monkeypatch.setattr(resample, "_CELLS_AT_ONCE", 200)
    assert statistic.estimate(method="bca", replicates=100) == whole

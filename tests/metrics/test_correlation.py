import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr

from cogtrain.metrics import pearson, spearman
from cogtrain.metrics.correlation import correlate
from cogtrain.metrics.ranks import midranks

PAIRS = st.lists(
    st.tuples(st.integers(0, 6), st.floats(0, 1).map(lambda x: round(x, 2))),
    min_size=3,
    max_size=40,
).filter(lambda rows: all(len(set(column)) > 1 for column in zip(*rows, strict=True)))


@given(PAIRS)
def test_equals_scipy_with_ties(rows):
    x, y = np.array(rows, dtype=float).T
    x /= 6
    assert spearman(x, y, replicates=5).value == pytest.approx(spearmanr(x, y)[0], abs=1e-9)
    assert pearson(x, y, replicates=5).value == pytest.approx(pearsonr(x, y)[0], abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "scipys"), [("spearman", spearmanr), ("pearson", pearsonr), ("kendall", kendalltau)]
)
def test_a_weighted_row_equals_scipy_on_the_repeated_values(kind, scipys):
    source = np.random.default_rng(4)
    x, y = source.integers(0, 8, 50) / 8, source.random(50)
    weights = source.multinomial(50, np.ones(50) / 50, size=20).astype(float)
    repeated = [np.repeat(np.arange(50), row.astype(int)) for row in weights]
    expected = [scipys(x[rows], y[rows])[0] for rows in repeated]
    got = correlate(x, y, weights, kind)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_midranks_are_those_of_scipy():
    values = np.array([0.3, 0.1, 0.3, 0.9, 0.1, 0.1])
    ranks, different = midranks(values, np.ones((1, 6)))
    np.testing.assert_array_equal(ranks[0], rankdata(values))
    assert different == [3]


@pytest.mark.parametrize("correlate", [spearman, pearson])
def test_constants_have_no_correlation_and_say_why(correlate):
    estimate = correlate([0.25] * 5, [0.1, 0.2, 0.3, 0.4, 0.5])
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert estimate.reason == "the observer is constant: 0.25 for all 5 stimuli"
    assert (estimate.n, estimate.chance) == (5, 0.0)
    assert "human proportion is constant: 1" in correlate([0.1, 0.2, 0.3], [1, 1, 1]).reason


def test_too_few_shared_stimuli():
    estimate = spearman([0.1, np.nan, 0.3, 0.4], [0.1, 0.5, np.nan, 0.2])
    assert np.isnan(estimate.value)
    assert estimate.reason == "needs 3 stimuli that both answered, got 2"
    assert spearman([], []).reason.endswith("got 0")


def test_leaves_out_what_either_side_skipped():
    x, y = np.array([0.1, 0.9, np.nan, 0.4, 0.2]), np.array([0.2, 0.8, 0.5, np.nan, 0.9])
    estimate = spearman(x, y)
    assert estimate.n == 3
    assert estimate.value == pytest.approx(spearmanr([0.1, 0.9, 0.2], [0.2, 0.8, 0.9])[0])


def test_two_shapes_are_refused():
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        spearman([1, 2, 3], [1, 2])


def test_a_seed_fixes_the_interval_and_the_interval_covers():
    source = np.random.default_rng(1)
    x = source.normal(size=80)
    y = x + source.normal(size=80)
    assert pearson(x, y, seed=7) == pearson(x, y, seed=7)
    assert pearson(x, y, seed=7) != pearson(x, y, seed=8)
    inside = 0
    for _ in range(200):
        x = source.normal(size=80)
        estimate = pearson(x, x + source.normal(size=80), replicates=300)
        inside += estimate.low <= np.sqrt(0.5) <= estimate.high
    assert 178 <= inside <= 200

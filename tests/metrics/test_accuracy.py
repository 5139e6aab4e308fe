import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from cogtrain.metrics import accuracy, choice_accuracy
from cogtrain.metrics.accuracy import decide, proportion_correct, wilson


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_is_that_of_scipy(n, share):
    right = round(share * n)
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(right, n), expected, atol=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_equals_the_mean_of_hits(rows):
    answers, truth = np.array(rows, dtype=float).T
    estimate = accuracy(answers, truth)
    assert estimate.value == pytest.approx(np.mean((answers >= 0.5) == truth))
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.n == len(rows)
    assert estimate.chance == 0.5


def test_silence_is_wrong_and_unknown_truth_is_left_out():
    estimate = accuracy([1, np.nan, 0, 1], [1, 1, 0, np.nan])
    assert estimate.value == pytest.approx(2 / 3)
    assert estimate.n == 3
    assert estimate.reason == "1 of 3 not answered, counted as wrong"


def test_without_a_truth_it_is_undefined():
    estimate = accuracy([1.0, 0.0], [np.nan, np.nan])
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert (estimate.n, estimate.chance) == (0, 0.5)
    assert estimate.reason == "no stimulus has a known answer"


def test_one_half_is_the_first_option_for_a_model_and_no_decision_for_a_person():
    np.testing.assert_array_equal(decide([0.5, 0.6, 0.4]), [1, 1, 0])
    np.testing.assert_array_equal(decide([0.5], tie=np.nan), [np.nan])


def test_the_interval_covers_as_it_says():
    source = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        estimate = proportion_correct(source.random(60) < 0.8)
        inside += estimate.low <= 0.8 <= estimate.high
    assert 930 <= inside <= 970


# --- several options ------------------------------------------------------------------------------


def test_a_choice_is_right_or_wrong_and_chance_is_one_over_the_options():
    estimate = choice_accuracy(["3", "2", None, "3"], ["3", "3", "2", None], options=16)
    assert (estimate.value, estimate.n, estimate.chance) == (1 / 3, 3, 1 / 16)
    assert estimate.reason == (
        "1 of 3 not answered, counted as wrong; chance is a guess among 16; "
        "always answering `3` gets 66.67%"
    )
    assert (estimate.low, estimate.high) == accuracy([1, 0, 0], [1, 1, 1])[1:3]


def test_without_known_options_there_is_no_chance_level():
    estimate = choice_accuracy(["red"], ["red"], options=None)
    assert np.isnan(estimate.chance)
    assert estimate.reason == "always answering `red` gets 100.00%"


def test_a_choice_without_any_truth_is_undefined():
    estimate = choice_accuracy(["red"], [None], options=3)
    assert np.isnan(estimate.value)
    assert estimate.chance == 1 / 3

import numpy as np
import pytest

from cogtrain.metrics import human_accuracy, human_majority_accuracy, observer_accuracies

TRUTH = np.array([1.0, 0.0, 1.0, 0.0])


def test_is_the_mean_over_people_of_what_each_answered():
    people = np.array([[1, 0, 1, 1], [1, 1, np.nan, np.nan], [np.nan] * 4])
    np.testing.assert_array_equal(observer_accuracies(people, TRUTH), [0.75, 0.5, np.nan])
    estimate = human_accuracy(people, TRUTH)
    assert estimate.value == pytest.approx(0.625)
    assert estimate.low <= estimate.value <= estimate.high
    assert (estimate.n, estimate.chance) == (4, 0.5)


def test_an_undecided_rating_is_no_answer():
    people = np.array([[0.5, 0.2, 0.9, 0.5]])
    np.testing.assert_array_equal(observer_accuracies(people, TRUTH), [1.0])


def test_a_tie_counts_one_half_and_is_told():
    people = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [np.nan, 0, 1, 1]])
    estimate = human_majority_accuracy(people, TRUTH)
    assert estimate.value == pytest.approx((0.5 + 1 + 1 + 0) / 4)
    assert estimate.reason == "1 ties counted one half"


def test_nobody_is_undefined():
    for figure in (human_accuracy, human_majority_accuracy):
        estimate = figure(np.full((2, 4), np.nan), TRUTH)
        assert np.isnan(estimate.value)
        assert estimate.reason


def test_the_interval_spans_stimuli_and_people():
    source = np.random.default_rng(0)
    skill, ease = source.normal(0, 1, (40, 1)), source.normal(0, 1, 60)
    right = source.random((40, 60)) < 1 / (1 + np.exp(-(0.5 + skill + ease)))
    people, truth = np.where(right, 1.0, 0.0), np.ones(60)
    estimate = human_accuracy(people, truth)
    naive = 1.96 * np.sqrt(estimate.value * (1 - estimate.value) / right.size)
    assert (estimate.high - estimate.low) / 2 > 3 * naive

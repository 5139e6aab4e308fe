import itertools

import numpy as np
import pytest
import torch
from torchmetrics.classification import BinaryCohenKappa

from cogtrain.metrics import error_consistency, error_consistency_ceiling


def kappa_of_torchmetrics(a, b):
    both = ~(np.isnan(a) | np.isnan(b))
    first, second = (torch.tensor(x[both] > 0.5, dtype=torch.int64) for x in (a, b))
    return float(BinaryCohenKappa()(first, second))


def panel(seed, *, skipped=0.0, observers=6, stimuli=40):
    source = np.random.default_rng(seed)
    truth = source.integers(0, 2, stimuli).astype(float)
    difficulty = source.random(stimuli)
    right = source.random((observers + 1, stimuli)) < 0.3 + 0.6 * difficulty
    answers = np.where(right, truth, 1 - truth)
    answers[source.random(answers.shape) < skipped] = np.nan
    return answers[0], answers[1:], truth


@pytest.mark.parametrize("skipped", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_is_the_mean_kappa_of_torchmetrics_over_people(seed, skipped):
    model, people, truth = panel(seed, skipped=skipped)
    right = [np.where(np.isnan(x), np.nan, x == truth) for x in (model, *people)]
    expected = np.mean([kappa_of_torchmetrics(right[0], person) for person in right[1:]])
    got = error_consistency(model, people, truth, replicates=50)
    assert got.value == pytest.approx(expected, abs=1e-6)
    assert got.low <= got.value <= got.high
    assert got.chance == 0.0


@pytest.mark.parametrize("skipped", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_the_ceiling_is_the_mean_kappa_over_pairs_of_people(seed, skipped):
    _, people, truth = panel(seed, skipped=skipped)
    right = [np.where(np.isnan(x), np.nan, x == truth) for x in people]
    pairs = itertools.combinations(right, 2)
    expected = np.mean([kappa_of_torchmetrics(a, b) for a, b in pairs])
    got = error_consistency_ceiling(people, truth, replicates=50)
    assert got.value == pytest.approx(expected, abs=1e-6)
    assert got.low <= got.value <= got.high


def test_the_sign_is_kept():
    truth = np.ones(20)
    person = np.r_[np.ones(10), np.zeros(10)]
    got = error_consistency(1 - person, [person, person], truth)
    assert got.value == pytest.approx(-1)


def test_copying_a_person_reaches_one():
    truth = np.ones(20)
    person = np.r_[np.ones(13), np.zeros(7)]
    got = error_consistency(person, [person], truth)
    assert (got.value, got.low, got.high) == (1.0, 1.0, 1.0)


def test_the_memory_bound_changes_nothing(monkeypatch):
    from cogtrain.metrics import consistency

    _, people, truth = panel(3, skipped=0.1)
    whole = error_consistency_ceiling(people, truth, replicates=40)
    monkeypatch.setattr(consistency, "_CELLS_AT_ONCE", 100)
    np.testing.assert_allclose(
        error_consistency_ceiling(people, truth, replicates=40)[:3], whole[:3], rtol=1e-6
    )


def test_without_errors_there_is_no_error_consistency():
    _, people, truth = panel(0)
    got = error_consistency(truth, people, truth)
    assert np.isnan(got.value)
    assert got.reason == "the observer is right on all 40 stimuli"
    got = error_consistency(1 - truth, people, truth)
    assert got.reason == "the observer is wrong on all 40 stimuli"


def test_people_without_errors_are_left_out_and_counted():
    model, people, truth = panel(0)
    people[2] = truth
    got = error_consistency(model, people, truth, replicates=50)
    rest = error_consistency(model, np.delete(people, 2, axis=0), truth, replicates=50)
    assert got.value == pytest.approx(rest.value)
    assert got.reason == "1 of 6 people left out: all right or all wrong"


@pytest.mark.parametrize(
    ("model", "people", "reason"),
    [
        ([1, 0, 1], np.zeros((0, 3)), "no people"),
        ([1, 0, 1], np.full((2, 3), np.nan), "no stimulus that the observer and a person answered"),
        ([np.nan] * 3, np.ones((2, 3)), "no stimulus that the observer and a person answered"),
        (
            [1, 0, 1],
            np.ones((2, 3)),
            "every person is all right or all wrong on the shared stimuli",
        ),
    ],
)
def test_says_why_it_is_undefined(model, people, reason):
    got = error_consistency(model, people, [1, 1, 1])
    assert np.isnan(got.value)
    assert got.reason == reason


def test_a_ceiling_needs_two_people_with_errors():
    one = error_consistency_ceiling(np.array([[1.0, 0.0, 1.0]]), [1, 1, 1])
    assert one.reason == "needs 2 people on shared stimuli, got 1 on 3"
    flawless = error_consistency_ceiling(np.ones((3, 4)), [1, 1, 1, 1])
    assert np.isnan(flawless.value)
    assert flawless.reason == "no pair of people with right and wrong answers"


def test_independent_observers_are_at_chance():
    source = np.random.default_rng(0)
    values = [
        error_consistency(
            source.integers(0, 2, 200), source.integers(0, 2, (5, 200)), np.ones(200), replicates=2
        ).value
        for _ in range(100)
    ]
    assert abs(np.mean(values)) < 0.01

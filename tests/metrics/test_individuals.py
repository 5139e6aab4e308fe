import numpy as np
import pytest
from scipy.stats import spearmanr

from cogtrain.metrics import (
    spearman_to_individuals,
    spearman_to_individuals_ceiling,
    spearman_to_individuals_naive_ceiling,
)


@pytest.mark.parametrize("levels", [2, 5])
@pytest.mark.parametrize("skipped", [0.0, 0.3])
def test_equals_scipy_over_all_pairs(levels, skipped):
    source = np.random.default_rng(levels)
    model = source.integers(0, levels, 30) / (levels - 1)
    people = source.integers(0, levels, (7, 30)) / (levels - 1)
    people[source.random(people.shape) < skipped] = np.nan
    pairs = np.tile(model, (7, 1))[~np.isnan(people)], people[~np.isnan(people)]
    got = spearman_to_individuals(model, people, replicates=20)
    assert got.value == pytest.approx(spearmanr(*pairs)[0], abs=1e-12)
    assert got.low <= got.high
    mean = np.tile(np.nanmean(people, axis=0), (7, 1))[~np.isnan(people)]
    naive = spearman_to_individuals_naive_ceiling(people, replicates=20)
    assert naive.value == pytest.approx(spearmanr(mean, pairs[1])[0], abs=1e-12)
    rests = [np.delete(people, row, axis=0) for row in range(7)]
    rest = np.array([np.nanmean(rest, axis=0) for rest in rests])[~np.isnan(people)]
    ceiling = spearman_to_individuals_ceiling(people, replicates=20)
    assert ceiling.value == pytest.approx(spearmanr(rest, pairs[1])[0], abs=1e-12)
    assert ceiling.value < naive.value


def test_says_why_it_is_undefined():
    people = np.array([[1.0, 0, 1, 0]])
    missing = spearman_to_individuals([1, np.nan, 0, 1], people)
    assert missing.reason == "1 of 4 stimuli not answered, and this statistic needs all"
    assert missing.n == 3
    constant = spearman_to_individuals([1, 1, 1, 1], people)
    assert constant.reason == "the observer is constant: 1 for all 4 stimuli"
    unanimous = spearman_to_individuals([1, 0, 1, 0], np.ones((2, 4)))
    assert unanimous.reason == "all people give the same answer throughout"
    nobody = spearman_to_individuals([1, 0, 1, 0], np.full((2, 4), np.nan))
    assert nobody.reason == "needs 3 stimuli that both answered, got 0"
    assert np.isnan([missing.value, constant.value, unanimous.value, nobody.value]).all()

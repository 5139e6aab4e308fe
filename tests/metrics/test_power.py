"""Power by formula against simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm, pearsonr
from statsmodels.stats.power import NormalIndPower

from cogtrain.metrics.power import (
    needed,
    power_of_accuracy,
    power_of_accuracy_difference,
    power_of_correlation,
    power_of_human_accuracy,
)

SOURCE = np.random.default_rng(0)


@pytest.mark.parametrize(("accuracy", "stimuli"), [(0.6, 150), (0.35, 80)])
def test_of_an_accuracy(accuracy, stimuli):
    right = SOURCE.binomial(stimuli, accuracy, 2000)
    found = np.mean([binomtest(k, stimuli).pvalue < 0.05 for k in right])
    # The exact test is a little conservative.
    assert found == pytest.approx(power_of_accuracy(accuracy, stimuli), abs=0.07)


def test_of_an_accuracy_difference_as_mcnemars_test_finds_it():
    shares = [0.25, 0.13]  # only the first right, only the second right
    counts = SOURCE.multinomial(120, [*shares, 1 - sum(shares)], 3000)
    z = (counts[:, 0] - counts[:, 1]) / np.sqrt(np.maximum(1, counts[:, 0] + counts[:, 1]))
    found = (np.abs(z) > norm.ppf(0.975)).mean()
    assert found == pytest.approx(power_of_accuracy_difference(0.12, 0.38, 120), abs=0.03)


@pytest.mark.parametrize(("people", "stimuli"), [(5, 60), (40, 60)])
def test_of_a_correlation_with_few_noisy_people(people, stimuli):
    rho, agreement = 0.4, 0.25
    shared = SOURCE.normal(size=(2000, stimuli))
    noise = SOURCE.normal(size=(2000, stimuli)) * np.sqrt((1 / agreement - 1) / people)
    model = rho * shared + np.sqrt(1 - rho**2) * SOURCE.normal(size=shared.shape)
    found = (pearsonr(model, shared + noise, axis=1)[1] < 0.05).mean()
    formula = power_of_correlation(rho, stimuli, people, agreement=agreement)
    assert found == pytest.approx(formula, abs=0.03)


def test_of_peoples_accuracy_over_crossed_stimuli_and_people():
    stimuli, people, variances = 40, 25, (0.03, 0.008, 0.2)
    means = (
        SOURCE.normal(size=(4000, stimuli)).mean(axis=1) * variances[0] ** 0.5
        + SOURCE.normal(size=(4000, people)).mean(axis=1) * variances[1] ** 0.5
        + SOURCE.normal(size=4000) * (variances[2] / (stimuli * people)) ** 0.5
        + 0.08
    )
    error = (variances[0] / stimuli + variances[1] / people + variances[2] / 1000) ** 0.5
    found = (np.abs(means / error) > norm.ppf(0.975)).mean()
    formula = power_of_human_accuracy(0.08, stimuli, people, variances=variances)
    assert found == pytest.approx(formula, abs=0.025)
    endless = power_of_human_accuracy(0.08, stimuli, 100_000, variances=variances)
    assert endless < 0.9 < power_of_human_accuracy(0.08, 400, people, variances=variances)


def test_the_normal_formula_is_that_of_statsmodels():
    # Equal variances under both hypotheses: one sample of z.
    want = NormalIndPower(ddof=0).power(0.3, 64, 0.05, ratio=0)
    got = power_of_human_accuracy(0.3, 64, 1, variances=(1, 0, 0))
    assert got == pytest.approx(want, abs=1e-9)


def test_the_smallest_design_that_suffices():
    def at(stimuli):
        return power_of_accuracy(0.6, stimuli)

    found = needed(at, power=0.9)
    assert at(found) >= 0.9 > at(found - 1)
    assert needed(lambda n: power_of_correlation(0.1, 50, n, agreement=0.2)) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_of_accuracy(1.2, 10), "`accuracy` between 0 and 1, got 1.2"),
        (lambda: power_of_accuracy(0.6, 0), "`stimuli` to be at least 1, got 0"),
        (lambda: power_of_accuracy_difference(0.3, 0.2, 10), "difference 0.3, got 0.2"),
        (lambda: power_of_correlation(1, 9, 9, agreement=0.2), "between -1 and 1, got 1"),
        (lambda: power_of_correlation(0.1, 3, 9, agreement=0.2), "at least 4, got 3"),
        (
            lambda: power_of_human_accuracy(0.1, 9, 9, variances=(-1, 0, 0)),
            "of at least 0, got -1",
        ),
    ],
)
def test_impossible_designs_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Paired differences and permutation tests, against exact tests of SciPy and by simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact, permutation_test

from cogtrain import metrics as m
from cogtrain.metrics.accuracy import CorrectStatistic
from cogtrain.metrics.comparison import two_sided
from cogtrain.metrics.correlation import CorrelationStatistic
from cogtrain.metrics.likelihood import LikelihoodStatistic
from cogtrain.metrics.sensitivity import AurocStatistic, DPrimeStatistic

SOURCE = np.random.default_rng(0)
TRUTH = np.repeat([1.0, 0.0], 20)


def answers(share, source=SOURCE):
    return np.where(source.random(40) < share, TRUTH, 1 - TRUTH)


@pytest.mark.parametrize("share", [0.5, 0.65, 0.8])
def test_against_chance_it_is_fishers_exact_test(share):
    x = answers(share, np.random.default_rng(4))
    table = [[((x == a) & (b == TRUTH)).sum() for b in (0, 1)] for a in (0, 1)]
    tails = [fisher_exact(table, side)[1] for side in ("less", "greater")]
    want = min(1, 2 * min(tails))
    got = m.permutation_test(CorrectStatistic(x, TRUTH), permutations=20_000)
    assert got == pytest.approx(want, abs=0.015)


def test_between_observers_it_is_mcnemars_exact_test():
    first, second = answers(0.8), answers(0.55)
    gained = int(((first == TRUTH) & (second != TRUTH)).sum())
    lost = int(((first != TRUTH) & (second == TRUTH)).sum())
    want = binomtest(gained, gained + lost).pvalue
    pair = CorrectStatistic(first, TRUTH), CorrectStatistic(second, TRUTH)
    assert m.exchange_test(*pair, permutations=20_000) == pytest.approx(want, abs=0.015)
    difference = m.paired_difference(*pair)
    assert difference.value == pytest.approx((gained - lost) / 40)
    assert (difference.n, difference.chance) == (40, 0.0)


@pytest.mark.parametrize("kind", ["pearson", "spearman", "kendall"])
def test_a_correlation_is_tested_as_scipy_does(kind):
    x = np.round(SOURCE.random(25), 1)
    y = np.round(0.4 * x + SOURCE.random(25), 1)
    statistic = CorrelationStatistic(x, y, kind)

    def correlation(values):
        return statistic.of(np.atleast_2d(values))[0]

    want = permutation_test(
        (x,), correlation, permutation_type="pairings", n_resamples=999, rng=3
    ).pvalue
    assert m.permutation_test(statistic, permutations=4000) == pytest.approx(want, abs=0.04)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: CorrectStatistic(x, TRUTH),
        lambda x: DPrimeStatistic(x, TRUTH),
        lambda x: AurocStatistic(x, TRUTH),
        lambda x: CorrelationStatistic(x, TRUTH * 0.5 + 0.2, "spearman"),
        lambda x: LikelihoodStatistic(0.1 + 0.8 * x, [TRUTH, TRUTH[::-1]]),
    ],
    ids=["accuracy", "d_prime", "auroc", "spearman", "likelihood"],
)
def test_other_answers_give_what_they_give_alone(make):
    rows = np.array([answers(share) for share in (0.5, 0.7, 0.9)])
    scale = (lambda x: 0.1 + 0.8 * x) if make(rows[0]).answers.min() > 0 else (lambda x: x)
    np.testing.assert_allclose(make(rows[0]).of(scale(rows)), [make(row).value for row in rows])


def test_pairing_narrows_the_interval():
    ease = SOURCE.random(40)
    right = [(SOURCE.random(40) * 0.3 + ease > 0.6).astype(float) for _ in range(2)]
    first, second = (CorrectStatistic(each, np.ones(40)) for each in right)
    paired = m.paired_difference(first, second)
    alone = [each.estimate() for each in (first, second)]
    apart = sum((each.high - each.low) ** 2 for each in alone) ** 0.5
    assert paired.high - paired.low < 0.8 * apart


def test_under_no_effect_p_is_level():
    source, below = np.random.default_rng(1), 0
    for _ in range(300):
        first, second = answers(0.7, source), answers(0.7, source)
        pair = CorrectStatistic(first, TRUTH), CorrectStatistic(second, TRUTH)
        below += m.exchange_test(*pair, permutations=199) <= 0.05
    assert below <= 24  # 15 expected; exact tests of counts are conservative


def test_p_is_never_0_and_an_undefined_statistic_has_none():
    assert two_sided(5.0, np.zeros(99)) == 2 / 100
    assert two_sided(0.0, np.zeros(99)) == 1.0
    assert np.isnan(two_sided(0.0, np.full(9, np.nan)))
    constant = CorrelationStatistic(np.ones(40), TRUTH, "pearson")
    assert np.isnan(m.permutation_test(constant))
    fine = CorrelationStatistic(TRUTH, np.linspace(0, 1, 40), "pearson")
    assert np.isnan(m.exchange_test(constant, fine))
    got = m.paired_difference(fine, constant)
    assert got.reason == "the observer is constant: 1 for all 40 stimuli"


def test_different_stimuli_are_refused():
    short = CorrectStatistic(TRUTH[:30], TRUTH[:30])
    with pytest.raises(ValueError, match=r"got \(40, 0\) and \(30, 0\); leave out"):
        m.paired_difference(CorrectStatistic(TRUTH, TRUTH), short)


def test_p_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"p in \[0, 1\], got 1\.2"):
        m.holm([0.1, 1.2])

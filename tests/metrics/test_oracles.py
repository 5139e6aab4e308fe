"""Metrics against SciPy, scikit-learn, torchmetrics, statsmodels, over 1,000 random tables."""

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from scipy.stats import bernoulli, kendalltau, pearsonr, spearmanr
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from statsmodels.api import GLM, Logit, add_constant, families
from statsmodels.stats.multitest import multipletests
from torchmetrics.functional.classification import binary_calibration_error

from cogtrain import metrics as m
from cogtrain.metrics.ceiling import LeaveOneOutStatistic, _halves
from tests.metrics.tables import TABLES, tables

FEW = {"replicates": 2}


def agree(function, oracle, *, of, least=0.8, atol=1e-9):
    """Holds both over all tables: the same number, or undefined in both."""
    defined = 0
    for table in tables():
        got, want = function(*of(table), **FEW), oracle(*of(table))
        if want is None or np.isnan(want):
            assert np.isnan(got.value), (table, got)
            assert got.reason
        else:
            assert got.value == pytest.approx(want, abs=atol), (table, got)
            defined += 1
    assert defined > least * TABLES


def against_truth(table):
    return table.answers, table.truth


def both(x, y):
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def varied(function, *pairs):
    """`function` of what both know, if both vary."""
    x, y = both(*pairs)
    return function(x, y) if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0 else None


def test_auroc():
    oracle = lambda x, t: varied(lambda a, b: sk.roc_auc_score(b, a), x, t)  # noqa: E731
    agree(m.auroc, oracle, of=against_truth)


@pytest.mark.parametrize(
    ("function", "oracle"),
    [
        (m.brier, lambda p, t: sk.brier_score_loss(t, p)),
        (m.log_loss, lambda p, t: sk.log_loss(t, p, labels=[0, 1])),
        (
            m.calibration_error,
            lambda p, t: float(
                binary_calibration_error(torch.tensor(p), torch.tensor(t).int(), n_bins=15)
            ),
        ),
    ],
    ids=["brier", "log_loss", "calibration_error"],
)
def test_probabilities(function, oracle):
    # torchmetrics has its bins in single precision.
    agree(function, lambda p, t: oracle(*both(p, t)), of=against_truth, atol=1e-6)


def test_reliability_curve():
    for table in tables():
        p, truth = both(table.answers, table.truth)
        frequency, probability = calibration_curve(truth, p, n_bins=10)
        curve = m.reliability_curve(table.answers, table.truth)
        np.testing.assert_allclose(curve.frequency, frequency)
        np.testing.assert_allclose(curve.probability, probability)
        assert curve.n.sum() == len(p)


@pytest.mark.parametrize("function", [m.d_prime, m.criterion])
def test_signal_detection(function):
    def oracle(x, truth):
        x, truth = both(x, truth)
        true, false = x[truth == 1] >= 0.5, x[truth == 0] >= 0.5
        if not len(true) or not len(false) or len(set(x >= 0.5)) < 2:
            return None
        hit, alarm = (ndtri((side.sum() + 0.5) / (len(side) + 1)) for side in (true, false))
        return hit - alarm if function is m.d_prime else -(hit + alarm) / 2

    agree(function, oracle, of=against_truth)


def test_mean_absolute_error_of_counts():
    def counts(table):
        return np.round(table.answers * 9), np.round(table.margin * 2) + 5

    oracle = lambda x, t: sk.mean_absolute_error(*both(x, t))  # noqa: E731
    agree(m.mean_absolute_error, oracle, of=counts)
    for table in list(tables())[:50]:
        x, truth = counts(table)
        constant = [sk.mean_absolute_error(truth, np.full(len(truth), c)) for c in range(15)]
        full = m.mean_absolute_error(np.nan_to_num(x), truth, **FEW)
        assert full.chance == pytest.approx(min(constant))


@pytest.mark.parametrize(
    ("function", "oracle"),
    [(m.pearson, pearsonr), (m.spearman, spearmanr), (m.kendall, kendalltau)],
    ids=["pearson", "spearman", "kendall"],
)
def test_correlations(function, oracle):
    def proportion(table):
        return table.answers, m.Panel(("a", "b", "c"), (), table.people).proportion

    agree(function, lambda x, y: varied(lambda a, b: oracle(a, b)[0], x, y), of=proportion)


def kappa(first, second):
    """Cohen's, from its definition; scikit-learn's takes a millisecond."""
    p, q = np.mean(first), np.mean(second)
    chance = p * q + (1 - p) * (1 - q)
    return (np.mean(first == second) - chance) / (1 - chance)


def test_error_consistency_and_its_range():
    checked = 0
    for table in tables(people=2):
        kappas, ends = [], []
        for row in table.people:
            known = ~(np.isnan(table.answers) | np.isnan(row))
            mine = ((table.answers >= 0.5) == table.truth)[known]
            theirs = (row == table.truth)[known]
            if len(set(mine)) == len(set(theirs)) == 2:
                kappas.append(kappa(mine, theirs))
                # The least and the most alike that the same marks can be sorted.
                mine, theirs = np.sort(mine), np.sort(theirs)
                ends.append([kappa(mine, theirs[::-1]), kappa(mine, theirs)])
                if checked < 50:
                    assert kappas[-1] == pytest.approx(
                        sk.cohen_kappa_score(
                            (row == table.truth)[known],
                            ((table.answers >= 0.5) == table.truth)[known],
                        )
                    )
        got = m.error_consistency(table.answers, table.people, table.truth, **FEW)
        span = m.error_consistency_range(table.answers, table.people, table.truth)
        if not kappas:
            assert np.isnan(got.value)
            assert got.reason == span.lowest.reason != ""
            continue
        assert got.value == pytest.approx(np.mean(kappas), abs=1e-9)
        assert [each.value for each in span] == pytest.approx(np.mean(ends, axis=0), abs=1e-9)
        assert span.lowest.value - 1e-9 <= got.value <= span.highest.value + 1e-9
        checked += 1
    assert checked > 0.8 * TABLES


def test_human_likelihood_and_mcfadden():
    checked = 0
    for table in tables():
        known = ~(np.isnan(table.people) | np.isnan(table.answers))
        p, choice = np.broadcast_to(table.answers, known.shape)[known], table.people[known]
        got = m.human_likelihood(table.answers, table.people, **FEW)
        assert got.value == pytest.approx(bernoulli.logpmf(choice, p).mean(), abs=1e-9)
        r2 = m.mcfadden_r2(table.answers, table.people, **FEW)
        if np.ptp(choice) == 0:
            assert r2.reason == "all people give the same answer throughout"
            continue
        base = bernoulli.logpmf(choice, choice.mean()).mean()
        assert r2.value == pytest.approx(1 - got.value / base, abs=1e-9)
        if checked < 20:
            model = Logit(choice, np.ones(len(choice))).fit(disp=0)
            assert base == pytest.approx(model.llf / len(choice), abs=1e-9)
        checked += 1
    assert checked > 0.9 * TABLES


def test_psychometric_slope():
    checked = 0
    for table in tables():
        p, margin = both(table.answers, table.margin)
        got = m.psychometric_slope(table.answers, table.margin, **FEW)
        if np.ptp(p) == 0:
            assert np.isnan(got.value)
            continue
        fitted = GLM(p, add_constant(margin), family=families.Binomial()).fit()
        assert got.value == pytest.approx(fitted.params[1], rel=1e-6, abs=1e-7)
        checked += 1
    assert checked > 0.9 * TABLES


def test_split_half_and_noise_ceiling():
    for table in tables(people=5):
        given = (~np.isnan(table.people)).sum(axis=0) > 1
        people = table.people[:, given]
        halves = [
            [np.nanmean(people[half > 0], axis=0) for half in pair]
            for pair in zip(*_halves(5, 12, 0), strict=True)
            if all((~np.isnan(people[half > 0])).any(axis=0).all() for half in pair)
        ]
        if len(halves) < 12:  # with gaps our sum is over other stimuli; held elsewhere
            continue
        a, b = np.moveaxis(np.array(halves), 1, 0)
        varies = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
        if not varies.any():
            continue
        r = pearsonr(a[varies], b[varies], axis=1)[0].mean()
        expected = 2.5 * r / (1 + 1.5 * r)
        got = m.split_half(table.people, splits=12, **FEW)
        assert got.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "oracle"), [("pearson", pearsonr), ("spearman", spearmanr), ("kendall", kendalltau)]
)
def test_leave_one_out(kind, oracle):
    checked = 0
    for number, table in enumerate(tables()):
        each = m.observer_to_rest(table.people, kind=kind)
        row = number % 3
        rest = m.Panel((), tuple(table.margin), np.delete(table.people, row, axis=0)).proportion
        want = varied(lambda a, b: oracle(a, b)[0], table.people[row], rest)
        assert each[row] == pytest.approx(want, abs=1e-9) or (np.isnan(each[row]) and want is None)
        if not np.isnan(each).all():
            value = LeaveOneOutStatistic(table.people, kind).value
            assert value == pytest.approx(np.nanmean(each))
            checked += 1
    assert checked > 0.9 * TABLES


@pytest.mark.parametrize(
    ("function", "method"), [(m.holm, "holm"), (m.benjamini_hochberg, "fdr_bh")]
)
def test_corrections_for_many_tests(function, method, monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels collects garbage at every call
    source = np.random.default_rng(0)
    for _ in range(TABLES):
        p = np.round(source.random((3, 4)) ** 3, 2)
        p[source.random(p.shape) < 0.2] = np.nan
        got, known = function(p), ~np.isnan(p)
        np.testing.assert_array_equal(np.isnan(got), ~known)
        if known.any():
            np.testing.assert_allclose(got[known], multipletests(p[known], method=method)[1])

"""Metrics of choices and of people against SciPy, scikit-learn, statsmodels: 1,000 random tables.

Where those take a millisecond a call, plain arithmetic stands in for them and is held to them on
the first tables.
"""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import mode, pearsonr, rankdata, spearmanr
from sklearn.metrics import accuracy_score, cohen_kappa_score, log_loss
from statsmodels.api import GLM, add_constant, families

from cogtrain import metrics as m
from cogtrain.metrics import ceiling
from cogtrain.metrics.accuracy import CorrectStatistic
from tests.metrics.tables import TABLES, tables

FEW = {"replicates": 2}
HELD = 40  # tables on which the arithmetic is held to the libraries


def share(first, second):
    """Of places that are equal; scikit-learn's `accuracy_score`."""
    return np.mean(first == second) if len(first) else np.nan


def pearson(x, y):
    x, y = x - x.mean(), y - y.mean()
    return x @ y / np.sqrt((x @ x) * (y @ y))


def spearman(x, y):
    return pearson(rankdata(x), rankdata(y))


def log_likelihood(choice, p):
    return np.log(np.where(choice == 1, p, 1 - p)).mean()


def test_the_arithmetic_is_that_of_the_libraries(drawn):
    for table in drawn[:HELD]:
        x, y, choice = np.nan_to_num(table.answers), table.margin, table.truth
        assert share(x >= 0.5, choice) == pytest.approx(accuracy_score(choice, x >= 0.5))
        assert pearson(x, y) == pytest.approx(pearsonr(x, y)[0])
        assert spearman(x, choice) == pytest.approx(spearmanr(x, choice)[0])
        p = 0.1 + 0.8 * x
        assert log_likelihood(choice, p) == pytest.approx(-log_loss(choice, p, labels=[0, 1]))


@pytest.fixture(scope="module")
def drawn():
    """Four people, so that majorities tie."""
    return list(tables(people=4))


def agree(drawn, function, oracle, *, least=0.9):
    """Holds both over all tables: the same number, or undefined in both, with a reason."""
    defined = 0
    for table in drawn:
        got, want = function(table), oracle(table)
        if want is None or np.isnan(want):
            assert np.isnan(got.value), (table, got)
            assert got.reason
        else:
            assert got.value == pytest.approx(want, abs=1e-9), (table, got)
            defined += 1
    assert len(drawn) == TABLES
    assert defined > least * TABLES


def mean_of(values):
    """Mean of those that are defined; `nan` of none."""
    known = [value for value in values if value is not None and not np.isnan(value)]
    return np.mean(known) if known else np.nan


def varied(function, x, y):
    """`function` of what both know, if both vary over at least three."""
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    return function(x, y) if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0 else None


def test_accuracy(drawn):
    def oracle(table):
        choice = np.where(np.isnan(table.answers), -1, table.answers >= 0.5)
        return share(choice, table.truth)

    agree(drawn, lambda table: m.accuracy(table.answers, table.truth), oracle)


def test_accuracy_of_choices_among_several(drawn):
    def named(values):
        return [None if np.isnan(each) else str(int(each)) for each in values]

    def both(table):
        return named(np.round(table.answers * 3)), named(np.round(table.margin) + 1)

    def oracle(table):
        said, truth = both(table)
        return share(np.array([each or "-" for each in said]), np.array(truth))

    agree(drawn, lambda table: m.choice_accuracy(*both(table), options=8), oracle)


def each_persons(table):
    for row in table.people:
        known = ~np.isnan(row)
        yield row[known], table.truth[known]


def test_accuracy_of_people(drawn):
    def each(table):
        return [share(row, truth) for row, truth in each_persons(table)]

    for table in drawn:
        np.testing.assert_allclose(m.observer_accuracies(table.people, table.truth), each(table))
    agree(
        drawn,
        lambda table: m.human_accuracy(table.people, table.truth, **FEW),
        lambda table: mean_of(each(table)),
    )


def test_accuracy_of_the_majority(drawn):
    held = iter(range(HELD))

    def oracle(table):
        yes = (table.people == 1).sum(axis=0)
        no = (table.people == 0).sum(axis=0)
        given = yes + no > 0
        if next(held, None) is not None:  # of two commonest answers SciPy names the smaller
            least = mode(table.people[:, given], axis=0, nan_policy="omit").mode
            np.testing.assert_array_equal(least == 1, (yes > no)[given])
        says = np.where(yes == no, 0.5, yes > no)
        return np.where(says == 0.5, 0.5, says == table.truth)[given].mean()

    agree(drawn, lambda table: m.human_majority_accuracy(table.people, table.truth), oracle)


@pytest.mark.parametrize("function", [m.human_d_prime, m.human_criterion])
def test_signal_detection_by_people(drawn, function):
    def of(row, truth):
        true, false = row[truth == 1], row[truth == 0]
        if not len(true) or not len(false) or np.ptp(row) == 0:
            return np.nan
        hit, alarm = (ndtri((side.sum() + 0.5) / (len(side) + 1)) for side in (true, false))
        return hit - alarm if function is m.human_d_prime else -(hit + alarm) / 2

    agree(
        drawn,
        lambda table: function(table.people, table.truth, **FEW),
        lambda table: mean_of(of(*each) for each in each_persons(table)),
    )


def kappa(first, second):
    """Cohen's, from its definition; scikit-learn's takes a millisecond."""
    p, q = np.mean(first), np.mean(second)
    chance = p * q + (1 - p) * (1 - q)
    return (np.mean(first == second) - chance) / (1 - chance)


def test_error_consistency_between_people(drawn):
    checked = [0]

    def of(table, pair):
        known = ~np.isnan(table.people[list(pair)]).any(axis=0)
        first, second = (table.people[row][known] == table.truth[known] for row in pair)
        if len(set(first)) < 2 or len(set(second)) < 2:
            return np.nan
        if checked[0] < 50:
            checked[0] += 1
            assert kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
        return kappa(first, second)

    # Ours counts in single precision, which is exact, and divides in it.
    for table in drawn:
        got = m.error_consistency_ceiling(table.people, table.truth, **FEW)
        want = mean_of(of(table, pair) for pair in combinations(range(4), 2))
        assert got.value == pytest.approx(want, abs=1e-6, nan_ok=True), table
        assert got.reason or not np.isnan(want)
    assert checked[0] == 50


def pairs_of(table, told):
    """Every given answer with what is `told` of its stimulus: ``(told, given)``."""
    known = ~(np.isnan(table.people) | np.isnan(told))
    return np.broadcast_to(told, known.shape)[known], table.people[known]


def rest_of(table, *, add=0.0):
    """Per person and stimulus, the share of the others who said yes; `nan` without others."""
    given = (~np.isnan(table.people)).sum(axis=0) - 1
    yes = np.nan_to_num(table.people).sum(axis=0) - table.people
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(given > 0, (yes + add) / (given + 2 * add), np.nan)


def rank_correlation(table, told):
    return varied(spearman, *pairs_of(table, told))


def test_rank_correlation_with_individuals(drawn):
    def whole(table):
        return np.nan_to_num(table.answers, nan=0.4)

    agree(
        drawn,
        lambda table: m.spearman_to_individuals(whole(table), table.people, **FEW),
        lambda table: rank_correlation(table, whole(table)),
    )
    for table in drawn[1::3][:50]:
        if np.isnan(table.answers).any():
            got = m.spearman_to_individuals(table.answers, table.people, **FEW)
            assert got.reason.endswith("stimuli not answered, and this statistic needs all")


def test_ceilings_of_rank_correlation_with_individuals(drawn):
    agree(
        drawn,
        lambda table: m.spearman_to_individuals_ceiling(table.people, **FEW),
        lambda table: rank_correlation(table, rest_of(table)),
    )
    agree(
        drawn,
        lambda table: m.spearman_to_individuals_naive_ceiling(table.people, **FEW),
        lambda table: rank_correlation(table, m.Panel((), (), table.people).proportion),
    )


def test_ceilings_of_likelihood(drawn):
    def oracle(table):
        p, choice = pairs_of(table, rest_of(table, add=0.5))
        return log_likelihood(choice, p), choice

    def r2(table):
        log, choice = oracle(table)
        if np.ptp(choice) == 0:
            return np.nan
        return 1 - log / log_likelihood(choice, choice.mean())

    ceilings = (m.human_likelihood_ceiling, m.mcfadden_r2_ceiling)
    for function, want in zip(ceilings, (lambda table: oracle(table)[0], r2), strict=True):
        agree(drawn, lambda table, one=function: one(table.people, **FEW), want)


def reliability(people, halves):
    """Spearman-Brown of the mean over splits, each over the stimuli that both halves answered."""
    people = people[:, (~np.isnan(people)).sum(axis=0) > 1]
    r = []
    for pair in zip(*halves, strict=True):
        rows = [people[half > 0] for half in pair]
        answered = np.all([(~np.isnan(each)).any(axis=0) for each in rows], axis=0)
        a, b = (np.nanmean(each[:, answered], axis=0) for each in rows)
        if answered.sum() > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            r.append(pearson(a, b))
    mean = mean_of(r)
    return 2 * mean / (1 + mean)


def test_noise_ceiling_and_the_correlation_over_it(drawn, monkeypatch):
    splits = 4
    monkeypatch.setattr(ceiling.SplitHalfStatistic.__init__, "__defaults__", (splits, 0))
    halves = ceiling._halves(4, splits, 0)
    defined = 0
    for table in drawn:
        given = (~np.isnan(table.people)).sum(axis=0) > 1
        got = m.noise_ceiling(table.people, **FEW)
        want = reliability(table.people, halves)
        if not want > 1e-9:
            assert got.reason or got.value < 1e-4
        else:
            assert got.value == pytest.approx(np.sqrt(want), abs=1e-9)
        used = given & ~np.isnan(table.answers)
        shared, own = table.people[:, used], table.answers[used]
        r = varied(pearson, own, m.Panel((), (), shared).proportion)
        root = reliability(shared, halves)
        over = m.normalised_correlation(table.answers, table.people, **FEW)
        if r is None or not root > 1e-9:
            assert over.reason or abs(over.value) > 1e4
        else:
            assert over.value == pytest.approx(r / np.sqrt(root), abs=1e-9)
            defined += 1
    assert defined > 0.7 * TABLES


@pytest.mark.parametrize(("kind", "oracle"), [("pearson", pearson), ("spearman", spearman)])
def test_naive_ceiling(drawn, kind, oracle):
    def want(table):
        people = table.people[:, (~np.isnan(table.people)).sum(axis=0) > 1]
        everybody = m.Panel((), (), people).proportion
        return mean_of(varied(oracle, row, everybody) for row in people)

    agree(drawn, lambda table: m.naive_ceiling(table.people, kind=kind, **FEW), want)


def test_slope_over_that_of_people(drawn):
    checked = 0
    for table in drawn:
        known = ~np.isnan(table.answers) & (~np.isnan(table.people)).any(axis=0)
        margin = np.broadcast_to(table.margin, table.people.shape)[:, known]
        people, answered = table.people[:, known], ~np.isnan(table.people[:, known])
        got = m.psychometric_slope_ratio(table.answers, table.people, table.margin, **FEW)
        if np.isnan(got.value):
            assert got.reason
            continue
        own = m.psychometric_slope(table.answers[known], table.margin[known], **FEW)
        design = add_constant(margin[answered], has_constant="add")
        theirs = GLM(people[answered], design, family=families.Binomial()).fit()
        assert got.value == pytest.approx(own.value / theirs.params[1], rel=1e-5, abs=1e-7)
        checked += 1
    assert checked > 0.8 * TABLES


def test_paired_difference(drawn):
    for table in drawn:
        pair = np.nan_to_num(table.answers), np.clip(0.5 + table.margin / 9, 0, 1)
        got = m.paired_difference(*(CorrectStatistic(each, table.truth) for each in pair), **FEW)
        want = np.subtract(*(share(each >= 0.5, table.truth) for each in pair))
        assert got.value == pytest.approx(want, abs=1e-9)

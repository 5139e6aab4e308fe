"""Rows of the mixed model: what is paired with what, what is left out, what cannot be fitted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cogtrain.evaluation.mixed.cells import Layout, cells_of
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.metrics import Panel


def panel(answers):
    answers = np.asarray(answers, dtype=float)
    people, stimuli = answers.shape
    return Panel(tuple(f"p{i}" for i in range(people)), tuple(map(str, range(stimuli))), answers)


PEOPLE = panel([[1, 0, 1, 0], [1, 1, 0, np.nan], [0, 1, 1, 0]])


def rows(trials):
    table = trials.table()
    return set(table.itertuples(index=False, name=None))


def test_an_observer_is_paired_with_everyone_who_answered():
    trials = Trials.of_observer(np.array([1, 0, 1, 1]), PEOPLE)
    assert trials.family == "bernoulli"
    assert len(trials.outcome) == 11
    assert ("3", "p0", 0.0, 1.0, 1) in rows(trials)
    assert ("2", "p1", 0.0, 1.0, 1) in rows(trials)
    assert trials.note == "left out: 1 of 12 pairs of stimulus and person without both"
    assert (trials.n_stimuli, trials.n_people) == (4, 3)


def test_people_are_summed_with_and_without_oneself():
    naive, others = Trials.of_people(PEOPLE), Trials.of_people(PEOPLE, leave_one_out=True)
    assert naive.family == others.family == "binomial"
    assert ("0", "p0", 1.0, 2.0, 3) in rows(naive)
    assert ("0", "p0", 1.0, 1.0, 2) in rows(others)
    assert ("3", "p0", 0.0, 0.0, 2) in rows(naive)  # one of the three was not asked
    assert ("3", "p0", 0.0, 0.0, 1) in rows(others)


def test_graded_answers_are_z_scored_as_r_does_within_each_person():
    ratings = panel([[0.1, 0.9, 0.4, 0.2], [0.5, 0.6, 0.7, 0.1]])
    answers = np.array([0.2, 0.8, 0.5, 0.4])
    trials = Trials.of_observer(answers, ratings)
    assert trials.family == "gaussian"
    np.testing.assert_allclose(trials.human, stats.zscore(ratings.answers, axis=1, ddof=1).ravel())
    np.testing.assert_allclose(trials.outcome, stats.zscore(np.tile(answers, 2), ddof=1))
    mean = Trials.of_people(ratings)
    expected = stats.zscore(np.tile(ratings.answers.mean(axis=0), 2), ddof=1)
    np.testing.assert_allclose(mean.outcome, expected)
    others = Trials.of_people(ratings, leave_one_out=True)
    expected = stats.zscore(ratings.answers[::-1].ravel(), ddof=1)
    np.testing.assert_allclose(others.outcome, expected)


def test_a_person_who_never_varies_is_counted_as_left_out():
    ratings = panel([[0.1, 0.9, 0.4], [0.3, 0.3, 0.3], [0.2, 0.8, 0.1]])
    trials = Trials.of_observer(np.array([0.2, 0.8, 0.5]), ratings)
    assert trials.n_people == 2
    assert trials.note == "left out: 1 people without an answer that varies (`p1`)"


@pytest.mark.parametrize(
    ("answers", "people", "reason"),
    [
        ([1, 1, 1, 1], PEOPLE, "the observer is constant: 1 for all 4 stimuli"),
        ([0.3, 0.3, 0.3, 0.3], PEOPLE, "the observer is constant: one graded answer to all 4"),
        ([np.nan] * 4, PEOPLE, "needs 3 stimuli that both answered, got 0"),
        ([1, 0, np.nan, np.nan], PEOPLE, "needs 3 stimuli that both answered, got 2"),
        ([1, 0, 1, 0], panel([[1, 0, 0, 1]]), "needs 2 people for random effects, got 1"),
        (
            [1, 0, 1, 0],
            panel([[1, 0, 0, 1], [np.nan] * 4]),
            "needs 2 people for random effects, got 1",
        ),
        ([1, 0, 1, 0], panel(np.ones((3, 4))), "people are constant: 1 in all 12 answers"),
        ([1, 0, 1, 0], panel([[1, 0, 1, 0]] * 3), "separated: some human answer always goes with"),
        ([0, 1, 1, 1], panel([[1, 0, 0, 0], [1, 0, 1, 0]]), "separated"),
    ],
)
def test_what_cannot_be_fitted_says_why(answers, people, reason):
    assert Trials.of_observer(np.array(answers, dtype=float), people).fault.startswith(reason)


def test_what_can_be_fitted_has_no_fault():
    assert Trials.of_observer(np.array([1, 0, 1, 1]), PEOPLE).fault == ""


def brms_bayes_r2(outcome, expected):
    """`brms:::.bayes_R2`, row by row: variances with n - 1."""
    fitted = expected.var(axis=1, ddof=1)
    return fitted / (fitted + (outcome - expected).var(axis=1, ddof=1))


@given(seed=st.integers(0, 2**32 - 1), leave_one_out=st.booleans())
def test_r2_of_cells_is_that_of_rows(seed, leave_one_out):
    stream = np.random.default_rng(seed)
    answers = stream.integers(0, 2, (4, 9)).astype(float)
    answers[stream.random(answers.shape) < 0.2] = np.nan
    of_people = Trials.of_people(panel(answers), leave_one_out=leave_one_out)
    for trials in (of_people, Trials.of_observer(stream.random(9), panel(answers))):
        cells, layout = cells_of(trials), Layout(trials)
        expected = stream.random((5, len(cells.t)))
        per_row = expected[:, layout.cell] * trials.trials
        found = cells.bayes_r2(expected)
        np.testing.assert_allclose(found, brms_bayes_r2(trials.outcome, per_row), rtol=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_resample_is_the_table_with_rows_repeated(seed):
    stream = np.random.default_rng(seed)
    answers = stream.integers(0, 2, (3, 6)).astype(float)
    answers[:, 0] = (0, 1, 0)
    observer = stream.integers(0, 2, 6).astype(float)
    stimuli, people = stream.integers(0, 3, 6), stream.integers(0, 3, 3)
    stimuli[0] = people[0] = 1
    drawn = panel(np.repeat(np.repeat(answers, people, axis=0), stimuli, axis=1))
    expected = cells_of(Trials.of_observer(np.repeat(observer, stimuli), drawn))
    trials = Trials.of_observer(observer, panel(answers))
    found = Layout(trials).cells(stimuli, people)
    order = np.lexsort((found.human, found.person))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours[order], theirs)

"""Cells: trials with the same person and the same human answer, held as one.

A logistic likelihood sees of such rows only their sums, so 107 x 100 yes or no answers are 214
cells: the same estimates, fifty times faster.
"""

from typing import NamedTuple

import numpy as np

from cogtrain.evaluation.mixed.trials import Trials


class Cells(NamedTuple):
    """Sums over the rows of each cell, ``(cells,)`` each.

    Attributes:
        person: Code of the person, from 0 without gaps.
        human: The human answer.
        rows: How many rows.
        y, t: Sum of the outcomes, and of their trials.
        yy, tt, yt: Sums of squares and products, for variances.
    """

    person: np.ndarray
    human: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    t: np.ndarray
    yy: np.ndarray
    tt: np.ndarray
    yt: np.ndarray

    def bayes_r2(self, expected: np.ndarray) -> np.ndarray:
        """Bayesian R2 per draw: Var(fitted) / (Var(fitted) + Var(residual)) over all rows.

        The definition of `brms::bayes_R2`: residuals are those of the observed outcome, not the
        variance p (1 - p) that a Bernoulli model implies (`rstanarm`). Counts of a binomial model
        are compared as counts.

        Args:
            expected: Expected outcome per trial of each cell, ``(draws, cells)``.

        Returns:
            ``(draws,)``.

        Source: Gelman, Goodrich, Gabry & Vehtari (2019), The American Statistician 73(3), 307-309.
        """
        n = self.rows.sum()
        mean = expected @ self.t / n
        explained = expected**2 @ self.tt / n - mean**2
        bias = self.y.sum() / n - mean
        squares = self.yy.sum() - 2 * (expected @ self.yt) + expected**2 @ self.tt
        residual = squares / n - bias**2
        return explained / (explained + residual)


def cells_of(trials: Trials) -> Cells:
    """The cells of `trials`; of graded answers, each row is its own."""
    return Layout(trials).cells()


class Layout:
    """Which row belongs to which cell: found once, summed for every resample."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials
        _, person = np.unique(trials.person, return_inverse=True)
        self.n_people = int(person.max()) + 1
        if trials.family == "gaussian":
            self.cell = np.arange(len(person))
            self.person, self.human = person, trials.human
            return
        values, answer = np.unique(trials.human, return_inverse=True)
        codes, self.cell = np.unique(person * len(values) + answer, return_inverse=True)
        self.person, self.human = codes // len(values), values[codes % len(values)]

    def cells(self, stimuli: np.ndarray | None = None, people: np.ndarray | None = None) -> Cells:
        """Sums over the rows; of a resample, given how often each stimulus and person was drawn.

        A person drawn twice is two people with effects of their own.

        Args:
            stimuli: Counts over `trials.stimuli`; by default 1 each.
            people: Counts over the people who have rows, ``(n_people,)``; by default 1 each.
        """
        of = self.trials
        weight = np.ones(len(of.outcome)) if stimuli is None else stimuli[of.stimulus].astype(float)
        y, t = of.outcome, of.trials
        sums = [
            np.bincount(self.cell, weights=weight * each, minlength=len(self.person))
            for each in (np.ones_like(y), y, t, y * y, t * t, y * t)
        ]
        copies = np.ones(self.n_people, dtype=int) if people is None else people.astype(int)
        times = np.where(sums[0] > 0, copies[self.person], 0)
        which = np.repeat(np.arange(len(self.person)), times)
        copy = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
        names = self.person[which] * (int(copies.max(initial=1)) + 1) + copy
        _, person = np.unique(names, return_inverse=True)
        return Cells(person, self.human[which], *(each[which] for each in sums))

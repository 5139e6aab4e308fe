"""Trials: the rows of a mixed model, one per stimulus and person."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cogtrain.metrics.correlation import constant_reason
from cogtrain.metrics.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = ("bernoulli", "binomial", "gaussian")
_FEWEST_STIMULI, _FEWEST_PEOPLE = 3, 2


@dataclass(frozen=True, eq=False)
class Trials:
    """What somebody answered to a stimulus, beside what each person answered to it.

    Attributes:
        family: `bernoulli` for yes or no, `binomial` for a number of yes answers, `gaussian` for
            graded answers, which are z-scored: the outcome over all rows, people's answers within
            each person.
        stimuli, people: Names behind the codes below.
        stimulus, person: Which stimulus and person a row is about, ``(rows,)`` int.
        human: That person's answer, ``(rows,)``.
        outcome: The answer to predict: 1 or 0, the number of yes answers, or a z-score.
        trials: Out of how many the outcome counts; 1 unless `binomial`.
        note: What was left out, or nothing.
    """

    family: str
    stimuli: tuple[str, ...]
    people: tuple[str, ...]
    stimulus: np.ndarray
    person: np.ndarray
    human: np.ndarray
    outcome: np.ndarray
    trials: np.ndarray
    note: str = ""

    @classmethod
    def of_observer(cls, answers: np.ndarray, people: Panel) -> "Trials":
        """An observer's answers against each person's.

        Args:
            answers: P(first option), or 1 and 0, of `people.stimuli`; `nan` where not answered.
            people: People's answers.
        """
        outcome = np.broadcast_to(np.asarray(answers, dtype=float), people.answers.shape)
        return cls._from_matrices(outcome, np.ones_like(outcome), people)

    @classmethod
    def of_people(cls, people: Panel, *, leave_one_out: bool = False) -> "Trials":
        """All people's answers against each person's: what a human reaches as an observer.

        Yes and no answers are summed (`binomial`), graded ones averaged (`gaussian`).

        Args:
            people: People's answers.
            leave_one_out: Count only the others. The published convention counts the person too,
                who then predicts in part his or her own answer.
        """
        answered = ~np.isnan(people.answers)
        own = np.nan_to_num(people.answers)
        total = np.broadcast_to(own.sum(axis=0), own.shape)
        trials = np.broadcast_to(answered.sum(axis=0), own.shape).astype(float)
        if leave_one_out:
            total, trials = total - own, trials - answered
        total = np.where(trials > 0, total, np.nan)
        if _is_binary(people.answers):
            return cls._from_matrices(total, trials, people)
        mean = np.divide(total, trials, out=np.full(own.shape, np.nan), where=trials > 0)
        return cls._from_matrices(mean, np.ones_like(mean), people, family="gaussian")

    @classmethod
    def _from_matrices(
        cls, outcome: np.ndarray, trials: np.ndarray, people: Panel, family: str = ""
    ) -> "Trials":
        """Rows of the cells that both sides answered; matrices are ``(people, stimuli)``."""
        family = family or _family(outcome, trials)
        human = people.answers
        if family == "gaussian":
            human = _z_scores(human, axis=1)
        used = ~(np.isnan(outcome) | np.isnan(human))
        person, stimulus = np.nonzero(used)
        values = outcome[used]
        if family == "gaussian":
            values = _z_scores(values, axis=0)
        useless = np.asarray(np.isnan(human).all(axis=1))
        note = _left_out(used, useless, people)
        columns = (stimulus, person, human[person, stimulus], values, trials[person, stimulus])
        return cls(family, people.stimuli, people.observers, *columns, note=note)

    def noting(self, left_out: str) -> "Trials":
        """The same trials, with one more thing in `note`."""
        return replace(
            self, note=f"{self.note}; {left_out}" if self.note else f"left out: {left_out}"
        )

    @property
    def n_stimuli(self) -> int:
        """Stimuli that at least one row is about."""
        return len(np.unique(self.stimulus))

    @property
    def n_people(self) -> int:
        """People whom at least one row is about."""
        return len(np.unique(self.person))

    @property
    def fault(self) -> str:
        """Why no mixed model can be fitted, or nothing."""
        if len(self.people) < _FEWEST_PEOPLE:
            return f"needs {_FEWEST_PEOPLE} people for random effects, got {len(self.people)}"
        if self.n_stimuli < _FEWEST_STIMULI:
            return f"needs {_FEWEST_STIMULI} stimuli that both answered, got {self.n_stimuli}"
        if self.n_people < _FEWEST_PEOPLE:
            return f"needs {_FEWEST_PEOPLE} people for random effects, got {self.n_people}"
        share = self.outcome / self.trials
        if np.isnan(share).any():
            return f"the observer is constant: one graded answer to all {self.n_stimuli} stimuli"
        _, first = np.unique(self.stimulus, return_index=True)
        if (share == share[0]).all():
            return constant_reason("the observer", share[first])
        if (self.human == self.human[0]).all():
            return f"people are constant: {self.human[0]:g} in all {len(self.human)} answers"
        return "" if self.family == "gaussian" else self._separation

    @property
    def _separation(self) -> str:
        """Whether a threshold on the human answer predicts the outcome: the slope is infinite."""
        no, yes = self.human[self.outcome < self.trials], self.human[self.outcome > 0]
        if no.max() <= yes.min() or yes.max() <= no.min():
            return "separated: some human answer always goes with the same answer; no finite slope"
        return ""

    def table(self) -> "pd.DataFrame":
        """The rows as a tidy table: `stimulus, observer, human, model, trials`."""
        import pandas as pd

        columns: dict[str, Any] = {
            "stimulus": np.array(self.stimuli, dtype=object)[self.stimulus],
            "observer": np.array(self.people, dtype=object)[self.person],
            "human": self.human,
            "model": self.outcome,
            "trials": self.trials.astype(int),
        }
        return pd.DataFrame(columns)


def _is_binary(values: np.ndarray) -> bool:
    return bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())


def _family(outcome: np.ndarray, trials: np.ndarray) -> str:
    if (trials > 1).any():
        return "binomial"
    return "bernoulli" if _is_binary(outcome) else "gaussian"


def _z_scores(values: np.ndarray, *, axis: int) -> np.ndarray:
    """R's `scale` (n - 1) along `axis`; all `nan` where there is no variance."""
    known = ~np.isnan(values)
    n = known.sum(axis=axis, keepdims=True)
    mean = np.nan_to_num(values).sum(axis=axis, keepdims=True) / np.maximum(n, 1)
    deviation = values - mean
    sum_of_squares = np.nan_to_num(deviation**2).sum(axis=axis, keepdims=True)
    sd = np.sqrt(sum_of_squares / np.maximum(n - 1, 1))
    # Equal numbers differ from their own mean by rounding only.
    spread = sd > 1e-12 * np.maximum(1.0, np.abs(mean))
    return np.divide(deviation, sd, out=np.full_like(values, np.nan), where=spread)


def _left_out(used: np.ndarray, useless: np.ndarray, people: Panel) -> str:
    """Counts what has no row: never a silent drop."""
    remarks = []
    missing = int((~used[~useless]).sum())
    if missing:
        remarks.append(f"{missing} of {used.size} pairs of stimulus and person without both")
    if useless.any():
        names = ", ".join(f"`{people.observers[i]}`" for i in np.flatnonzero(useless)[:3])
        remarks.append(f"{int(useless.sum())} people without an answer that varies ({names})")
    return f"left out: {'; '.join(remarks)}" if remarks else ""

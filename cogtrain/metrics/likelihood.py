"""How probable an observer makes what people chose."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.calibration import CHOICES_ONLY, nats
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.statistic import Resampling, Statistic


class LikelihoodStatistic(Statistic):
    """Log-likelihood of people's choices per judgment, clustered by stimulus and person.

    Judgments with the same answer to the same stimulus are held as one.

    Args:
        answers: P(first option), ``(stimuli,)``; `nan` is left out.
        humans: ``(observers, stimuli)``; a rating counts as that share of a choice.
        over_base_rate: McFadden's R2 in place of the log-likelihood.
    """

    has_observer = True

    def __init__(
        self, answers: ArrayLike, humans: ArrayLike, *, over_base_rate: bool = False
    ) -> None:
        p, people = np.asarray(answers, dtype=float), np.asarray(humans, dtype=float)
        used = ~np.isnan(p) & (~np.isnan(people)).any(axis=0)
        self.answers, people = p[used], people[:, used]
        self.people, self.n = people.shape
        given = np.unique(people[~np.isnan(people)])
        self._levels, self._given = len(given), np.repeat(given, self.n)
        none = np.zeros((self.people, 0))
        gave = [none, *(people == answer for answer in given)]
        self._gave = np.concatenate(gave, axis=1, dtype=float)
        self._log = self._log_of_judgments(np.tile(self.answers, self._levels))
        self._over_base_rate = over_base_rate
        self.chance = 0.0 if over_base_rate else -float(np.log(2))

    @classmethod
    def of_rest(cls, humans: ArrayLike, *, over_base_rate: bool = False) -> "LikelihoodStatistic":
        """Each person's choices under the share of the others who chose the same.

        One half is added to the others' counts of either answer (Krichevsky & Trofimov 1981), so
        that nothing unanimous is called certain.
        """
        people = np.asarray(humans, dtype=float)
        people = people[:, (~np.isnan(people)).sum(axis=0) > 1]
        each = cls(np.full(people.shape[1], 0.5), people, over_base_rate=over_base_rate)
        each.has_observer = False
        count, total = (~np.isnan(people)).sum(axis=0), np.nan_to_num(people).sum(axis=0)
        others = np.tile(total, each._levels) - each._given + 0.5
        each._log = each._log_of_judgments(others / np.tile(count, each._levels))
        return each

    def _log_of_judgments(self, p: np.ndarray) -> np.ndarray:
        """Log probability of each judgment, ``(..., judgments)``; 0 for one that nobody gave."""
        gave = self._gave.any(axis=0)
        return -nats(np.where(gave, p, self._given), self._given)

    @property
    def cells(self) -> int:
        """Judgments held per resample."""
        return max(1, self._given.size, self.people)

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        weights = np.tile(stimuli, self._levels) * (people @ self._gave)
        return self._compared(weights @ self._log, weights)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        weights = self._gave.sum(axis=0, keepdims=True)
        log = self._log_of_judgments(np.tile(answers, self._levels))
        return self._compared((log * weights).sum(axis=1), weights)

    def _compared(self, log: np.ndarray, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        empty = np.full(len(log), np.nan)
        if not self._over_base_rate:
            return np.divide(log, total, out=empty, where=total > 0)
        first = weights @ self._given
        rate = np.divide(first, total, out=np.full(len(total), 0.5), where=total > 0)
        base = -total * nats(rate, rate)
        return 1 - np.divide(log, base, out=empty, where=base < 0)

    def why_undefined(self) -> str:
        """Nobody to compare with, choices in place of probabilities, or infinite."""
        if self.n == 0 or self.people == 0:
            return "no stimulus that the observer and a person answered"
        if self.has_observer and np.isin(self.answers, (0, 1)).all():
            return CHOICES_ONLY
        impossible = np.isinf(self._log).reshape(self._levels, self.n)
        if impossible.any():
            stimuli = int(impossible.any(axis=0).sum())
            return f"minus infinity: P = 0 for what a person chose at {stimuli} of {self.n} stimuli"
        if self._over_base_rate and len(set(self._given.tolist())) < 2:
            return "all people give the same answer throughout"
        return ""


def human_likelihood(
    answers: ArrayLike, humans: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """Mean log probability that an observer gives to what people chose, in nats per judgment.

    0 is certainty about every choice of every person, which no observer can reach while people
    differ; chance is -log 2, of always saying one half. Not clipped: P = 0 for a choice that was
    made has no value. The interval resamples stimuli and people.

    Args:
        answers: P(first option), ``(stimuli,)``; `nan` is left out.
        humans: 1 and 0, or ratings, ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    return LikelihoodStatistic(answers, humans).estimate(**resampling)


def mcfadden_r2(
    answers: ArrayLike, humans: ArrayLike, **resampling: Unpack[Resampling]
) -> Estimate:
    """McFadden's R2 of people's choices: 1 - log-likelihood / that of the base rate (1974).

    The base-rate model knows only how often people choose the first option, over all stimuli, and
    is refitted in every resample. Below 0 an observer predicts people worse than that; not clipped.
    See `human_likelihood`.
    """
    return LikelihoodStatistic(answers, humans, over_base_rate=True).estimate(**resampling)


def human_likelihood_ceiling(humans: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """`human_likelihood` of each person's choices under the share of the others who chose the same.

    One half is added to the others' counts of either answer. The interval resamples stimuli and
    people; the others stay.

    Args:
        humans: 1 and 0, or ratings, ``(observers, stimuli)``; `nan` where skipped.
        resampling: See `Resampling`.
    """
    return LikelihoodStatistic.of_rest(humans).estimate(**resampling)


def mcfadden_r2_ceiling(humans: ArrayLike, **resampling: Unpack[Resampling]) -> Estimate:
    """`mcfadden_r2` of the others' shares; see `human_likelihood_ceiling`."""
    return LikelihoodStatistic.of_rest(humans, over_base_rate=True).estimate(**resampling)

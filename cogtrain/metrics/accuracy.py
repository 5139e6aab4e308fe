"""Proportion of right answers, with Wilson's interval."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.estimate import Estimate, undefined
from cogtrain.metrics.statistic import Statistic

_Z = 1.959963984540054  # 97.5 % point of the standard normal


def decide(answers: ArrayLike, *, tie: float = 1.0) -> np.ndarray:
    """Turns P(first option) into a choice: 1 the first option, 0 the second, `nan` no answer.

    Args:
        answers: P(first option), or 1 and 0; any shape.
        tie: What exactly one half means. A model's forced choice takes the option that is listed
            first (1); a person who rates one half has not decided (`nan`).
    """
    values = np.asarray(answers, dtype=float)
    choice = np.where(values > 0.5, 1.0, 0.0)
    choice[values == 0.5] = tie
    choice[np.isnan(values)] = np.nan
    return choice


def correctness(answers: ArrayLike, truth: ArrayLike, *, tie: float = 1.0) -> np.ndarray:
    """Whether each answer is right: 1, 0, or `nan` without an answer or without a truth.

    Args:
        answers: P(first option), ``(stimuli,)`` or ``(observers, stimuli)``.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        tie: As in `decide`.
    """
    choice, truth = decide(answers, tie=tie), np.asarray(truth, dtype=float)
    right = (choice == truth).astype(float)
    right[np.isnan(choice) | np.isnan(np.broadcast_to(truth, choice.shape))] = np.nan
    return right


def wilson(right: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for `right` successes in `n` trials (Wilson 1927).

    It keeps within 0 and 1 and has a width at 0 % and 100 %, where the normal one has none.
    """
    share, z2 = right / n, _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At 0 and n the ends are exactly 0 and 1; rounding must not carry them past.
    low = 0.0 if right == 0 else middle - half
    high = 1.0 if right == n else middle + half
    return low, high


def proportion_correct(right: ArrayLike, *, chance: float = 0.5) -> Estimate:
    """Mean of `right`, with Wilson's 95 % interval.

    Args:
        right: Per stimulus 1 (right), 0 (wrong) or a share in between; `nan` is left out.
        chance: Expected from guessing: one over the number of options.
    """
    values = np.asarray(right, dtype=float)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return undefined("no stimulus has a known answer", chance=chance)
    total = float(values.sum())
    return Estimate(total / len(values), *wilson(total, len(values)), len(values), chance)


def accuracy(answers: ArrayLike, truth: ArrayLike, *, chance: float = 0.5) -> Estimate:
    """Share of stimuli that one observer answers rightly.

    A stimulus that was put to the observer and not answered (`nan`) counts as wrong, as in the
    published figures: an observer must not gain by silence. A stimulus without a known truth is
    left out.

    Args:
        answers: P(first option) or 1 and 0, ``(stimuli,)``; one half counts as the first option.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        chance: Expected from guessing.
    """
    values, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
    right = np.nan_to_num(correctness(values, truth), nan=0.0)
    estimate = proportion_correct(np.where(np.isnan(truth), np.nan, right), chance=chance)
    silent = int((np.isnan(values) & ~np.isnan(truth)).sum())
    note = f"{silent} of {estimate.n} not answered, counted as wrong" if silent else ""
    return estimate._replace(reason=estimate.reason or note)


class CorrectStatistic(Statistic):
    """Share of right answers as a statistic, for differences and tests; its value is `accuracy`.

    Args:
        answers: P(first option), or 1 and 0, ``(stimuli,)``; `nan` is wrong.
        truth: ``(stimuli,)``; `nan` is left out.
        chance: Expected from guessing.
    """

    has_observer = True

    def __init__(self, answers: ArrayLike, truth: ArrayLike, chance: float = 0.5) -> None:
        values, truth = np.asarray(answers, dtype=float), np.asarray(truth, dtype=float)
        known = ~np.isnan(truth)
        self.answers, self._truth, self.chance = values[known], truth[known], chance
        self.n = int(known.sum())

    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Per resample."""
        right = decide(self.answers) == self._truth
        return stimuli @ right / stimuli.sum(axis=1)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Per row of other answers."""
        return (decide(answers) == self._truth).mean(axis=1)

    def why_undefined(self) -> str:
        """No truth."""
        return "" if self.n else "no stimulus has a known answer"


def choice_accuracy(
    responses: Sequence[str | None], truth: Sequence[str | None], *, options: int | None
) -> Estimate:
    """Share of stimuli for which one observer names the right one of several options.

    Also for counts: a number is right or wrong, however near. Silence counts as wrong and a
    stimulus without a known truth is left out, as in `accuracy`. Chance is a uniform guess, one
    over the number of options; the reason says what the commonest answer alone would get, which in
    a set with few different answers is far more.

    Args:
        responses: One per stimulus, `None` without an answer.
        truth: The right ones, `None` where unknown.
        options: How many answers there are to choose from; `None` if unknown: no chance level.

    Example:
        >>> choice_accuracy(["3", "4"], ["3", "3"], options=16).value
        0.5
    """
    pairs = zip(responses, truth, strict=True)
    known = [(said, true) for said, true in pairs if true is not None]
    chance = 1 / options if options else math.nan
    estimate = proportion_correct([float(said == true) for said, true in known], chance=chance)
    if not known:
        return estimate
    counts = Counter(true for _, true in known)
    answer, times = max(counts.items(), key=lambda each: (each[1], each[0]))
    note = f"always answering `{answer}` gets {times / len(known):.2%}"
    if options:
        note = f"chance is a guess among {options}; {note}"
    silent = sum(said is None for said, _ in known)
    if silent:
        note = f"{silent} of {estimate.n} not answered, counted as wrong; {note}"
    return estimate._replace(reason=note)

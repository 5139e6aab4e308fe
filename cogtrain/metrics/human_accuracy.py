"""How well people answer: their mean accuracy, its range, and the majority's."""

import numpy as np
from numpy.typing import ArrayLike

from cogtrain.metrics.accuracy import correctness, proportion_correct
from cogtrain.metrics.estimate import Estimate, bootstrapped, undefined
from cogtrain.metrics.resample import REPLICATES, over_stimuli_and_observers


def observer_accuracies(humans: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Each person's share of right answers among those that he or she gave, ``(observers,)``.

    A skipped stimulus (`nan`) and an undecided rating (one half) are left out; a person without
    any answer is `nan`.
    """
    right = correctness(humans, truth, tie=np.nan)
    answered = (~np.isnan(right)).sum(axis=1)
    total = np.nan_to_num(right).sum(axis=1)
    return np.divide(total, answered, out=np.full(len(right), np.nan), where=answered > 0)


def human_accuracy(
    humans: ArrayLike,
    truth: ArrayLike,
    *,
    chance: float = 0.5,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Mean over people of their accuracy; the interval resamples stimuli and people.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; `nan` where skipped.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        chance: Expected from guessing.
        replicates: Bootstrap resamples.
        seed: Fixes the resamples.
    """
    right = correctness(humans, truth, tie=np.nan)
    answered = (~np.isnan(right)).astype(float)
    n = int(answered.any(axis=0).sum())
    accuracies = observer_accuracies(humans, truth)
    if n == 0:
        return undefined("no stimulus with a known truth was answered", chance=chance)
    right, means = np.nan_to_num(right), []
    draws = over_stimuli_and_observers(right.shape[1], len(right), replicates=replicates, seed=seed)
    for w, v in draws:
        asked = w @ answered.T
        each = np.divide(w @ right.T, asked, out=np.zeros_like(asked), where=asked > 0)
        weight = v * (asked > 0)
        total = weight.sum(axis=1)
        mean = np.full(len(total), np.nan)
        means.append(np.divide((each * weight).sum(axis=1), total, out=mean, where=total > 0))
    return bootstrapped(float(np.nanmean(accuracies)), np.concatenate(means), n=n, chance=chance)


def human_majority_accuracy(
    humans: ArrayLike, truth: ArrayLike, *, chance: float = 0.5
) -> Estimate:
    """Share of stimuli on which the majority of people is right, with Wilson's interval.

    A tie counts one half, which is what breaking it by a coin gives on average; `reason` says how
    many there were. A graded answer is a vote for the option that it favours.

    Args:
        humans: P(first option), or 1 and 0, ``(observers, stimuli)``; `nan` where skipped.
        truth: 1 where the first option is true, 0 where the second is, ``(stimuli,)``.
        chance: Expected from guessing.
    """
    right = correctness(humans, truth, tie=np.nan)
    votes = (~np.isnan(right)).sum(axis=0)
    margin = 2 * np.nan_to_num(right).sum(axis=0) - votes
    verdict = np.where(votes > 0, (np.sign(margin) + 1) / 2, np.nan)
    ties = int((verdict == 0.5).sum())
    estimate = proportion_correct(verdict, chance=chance)
    note = f"{ties} ties counted one half" if ties else ""
    return estimate._replace(reason=estimate.reason or note)

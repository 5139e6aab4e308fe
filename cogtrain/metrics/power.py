"""How many stimuli and people does an effect need? By formula; the tests hold it to simulation.

All tests are two-sided. Every function gives the power for a design; `needed` turns it round.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

from cogtrain.metrics.ceiling import spearman_brown

_NORMAL = NormalDist()


def power_of_accuracy(
    accuracy: float, stimuli: int, *, chance: float = 0.5, alpha: float = 0.05
) -> float:
    """Power to tell one observer's accuracy from chance: the normal test of one proportion.

    Args:
        accuracy: Expected share of right answers.
        stimuli: How many are judged.
        chance: Expected from guessing.
        alpha: Level of the test.

    Raises:
        ValueError: If a share is outside (0, 1) or there is no stimulus.

    Example:
        >>> round(power_of_accuracy(0.6, 200), 2)
        0.81
    """
    _require_shares(accuracy=accuracy, chance=chance, alpha=alpha)
    _require_counts(stimuli=stimuli)
    under_chance = math.sqrt(chance * (1 - chance) / stimuli)
    under_effect = math.sqrt(accuracy * (1 - accuracy) / stimuli)
    return _two_tails(accuracy - chance, under_chance, under_effect, alpha)


def power_of_accuracy_difference(
    difference: float, disagreement: float, stimuli: int, *, alpha: float = 0.05
) -> float:
    """Power to tell two observers' accuracies on the same stimuli apart: McNemar (Connor 1987).

    Args:
        difference: Expected difference of the two shares of right answers.
        disagreement: Share of stimuli on which exactly one of the two is right; at least the
            difference, and about ``p (1 - q) + q (1 - p)`` for unrelated observers.
        stimuli: How many both judge.
        alpha: Level of the test.

    Raises:
        ValueError: If a share is outside (0, 1), or less disagreement than difference is expected.
    """
    _require_shares(disagreement=disagreement, alpha=alpha)
    _require_counts(stimuli=stimuli)
    if abs(difference) > disagreement:
        raise ValueError(
            f"expected `disagreement` of at least the difference {abs(difference):g}, got "
            f"{disagreement:g}; observers who differ by so much disagree on at least so many"
        )
    under_none = math.sqrt(disagreement / stimuli)
    under_effect = math.sqrt((disagreement - difference**2) / stimuli)
    return _two_tails(difference, under_none, under_effect, alpha)


def power_of_correlation(
    correlation: float, stimuli: int, people: int, *, agreement: float, alpha: float = 0.05
) -> float:
    """Power to find a correlation with the human mean: Fisher's z, attenuated by human noise.

    Args:
        correlation: With the mean of endlessly many people.
        stimuli: How many are judged.
        people: How many judge each.
        agreement: Correlation of single people's answers with each other over stimuli: what
            Spearman-Brown makes into the reliability of the mean of `people`.
        alpha: Level of the test.

    Raises:
        ValueError: If a share is outside (0, 1), or there are fewer than four stimuli or no people.

    Example:
        >>> round(power_of_correlation(0.3, 100, 20, agreement=0.2), 2)
        0.79
    """
    _require_shares(agreement=agreement, alpha=alpha)
    _require_counts(people=people)
    _require_counts(4, stimuli=stimuli)
    if not -1 < correlation < 1:
        raise ValueError(
            f"expected `correlation` between -1 and 1, got {correlation:g}; correct the effect"
        )
    observed = correlation * math.sqrt(spearman_brown(agreement, people))
    error = 1 / math.sqrt(stimuli - 3)
    return _two_tails(math.atanh(observed), error, error, alpha)


def power_of_human_accuracy(
    difference: float,
    stimuli: int,
    people: int,
    *,
    variances: tuple[float, float, float],
    alpha: float = 0.05,
) -> float:
    """Power to tell people's mean accuracy from a level: crossed random stimuli and people.

    Westfall, Kenny & Judd (2014): the variance of the mean is that of stimuli over their number,
    plus that of people over theirs, plus the rest over both. More people cannot make up for few
    stimuli, nor the other way round.

    Args:
        difference: Expected distance of the mean accuracy from the level.
        stimuli: How many are judged.
        people: How many judge all of them.
        variances: Of stimuli, of people, and what is left, in squared accuracy.
        alpha: Level of the test.

    Raises:
        ValueError: If a variance is negative, or there are no stimuli or people.
    """
    _require_shares(alpha=alpha)
    _require_counts(stimuli=stimuli, people=people)
    if min(variances) < 0:
        raise ValueError(f"expected variances of at least 0, got {min(variances):g}; correct it")
    by_stimulus, by_person, rest = variances
    error = math.sqrt(by_stimulus / stimuli + by_person / people + rest / (stimuli * people))
    return _two_tails(difference, error, error, alpha)


def needed(
    power_at: Callable[[int], float], *, power: float = 0.8, at_least: int = 4, most: int = 100_000
) -> int | None:
    """Smallest design whose power reaches `power`; `None` if none up to `most` does.

    Args:
        power_at: Power as a function of a number of stimuli or people, increasing.
        power: Wanted.
        at_least: Where to begin.
        most: Where to give up.

    Example:
        >>> needed(lambda stimuli: power_of_accuracy(0.6, stimuli))
        194
        >>> needed(lambda people: power_of_correlation(0.2, 80, people, agreement=0.2))
    """
    if power_at(most) < power:
        return None
    low, high = at_least, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle + 1, high)
    return low


def _two_tails(effect: float, under_none: float, under_effect: float, alpha: float) -> float:
    """Probability that a normal estimate of `effect` lies beyond either end of the null's."""
    if under_effect == 0:
        return float(abs(effect) > -_NORMAL.inv_cdf(alpha / 2) * under_none)
    end = -_NORMAL.inv_cdf(alpha / 2) * under_none
    above, below = (effect - end) / under_effect, (-effect - end) / under_effect
    return _NORMAL.cdf(above) + _NORMAL.cdf(below)


def _require_shares(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ValueError(f"expected `{name}` between 0 and 1, got {value:g}; give a share")


def _require_counts(least: int = 1, /, **counts: int) -> None:
    for name, value in counts.items():
        if value < least:
            raise ValueError(f"expected `{name}` to be at least {least}, got {value}; ask for more")

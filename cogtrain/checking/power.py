"""How small an effect the tested sets can show."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cogtrain import prompts
from cogtrain.metrics.power import power_of_accuracy, power_of_accuracy_difference
from cogtrain.stimuli import StimulusSet

_POWER = 0.8
_HALVINGS = 30  # far below what is printed


def rows(tested: Iterable[StimulusSet]) -> Iterator[dict[str, Any]]:
    """One row per set and question: the least accuracy told from chance, the least gain.

    Both with a power of 80 % at the level of 5 %, two-sided. The gain is over a base at chance on
    the same stimuli (McNemar), right about other ones than the tuned model is; where the two agree
    more, smaller gains show.
    """
    for each in tested:
        for question in each[0].answers:
            chance, count = 1 / len(prompts.answer_forms(question)), len(each)
            accuracy, gain = least_accuracy(count, chance), least_gain(count, chance)
            yield {
                "set": each.name,
                "question": question,
                "stimuli": f"{count:,}",
                "chance": _percent(chance),
                "accuracy": _percent(accuracy),
                "gain over the base": _percent(gain),
            }


def least_accuracy(stimuli: int, chance: float) -> float | None:
    """The least accuracy above ``chance`` that is told from it; nothing if none is.

    >>> round(least_accuracy(1000, 0.5), 3)
    0.544
    """
    above = _least(lambda x: power_of_accuracy(chance + x, stimuli, chance=chance), 1 - chance)
    return None if above is None else chance + above


def least_gain(stimuli: int, chance: float) -> float | None:
    """The least gain over a base at ``chance`` that is told from none; nothing if none is."""

    def power(gain: float) -> float:
        share = disagreement(chance, chance + gain)
        return power_of_accuracy_difference(gain, share, stimuli)

    return _least(power, 1 - chance)


def disagreement(one: float, other: float) -> float:
    """Share of stimuli about which exactly one of two unrelated observers is right."""
    return one * (1 - other) + other * (1 - one)


def _least(power_at: Callable[[float], float], most: float) -> float | None:
    """The smallest effect below ``most`` with a power of 80 %, of a power that grows with it."""
    low, high = 0.0, most * (1 - 1e-9)
    if power_at(high) < _POWER:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if power_at(middle) >= _POWER else (middle, high)
    return high


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"

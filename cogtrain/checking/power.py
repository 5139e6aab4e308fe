"""How small an effect the tested sets can show."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cogtrain.metrics.power import power_of_accuracy, power_of_accuracy_difference
from cogtrain.stimuli import StimulusSet

_POWER = 0.8
_STEPS = 30  # halvings: far below what is printed
# Of base and tuned model on one set: what two unrelated observers at 50 and 80 % would have.
DISAGREEMENT = 0.5


def rows(tested: Iterable[StimulusSet]) -> Iterator[dict[str, Any]]:
    """One row per set: the least accuracy told from 50 %, the least difference to the base.

    Both with a power of 80 % at the level of 5 %, two-sided; the difference is that of two models
    on the same stimuli (McNemar), of which exactly one is right about half.
    """
    for each in tested:
        count = len(each)
        accuracy = least(lambda x, n=count: power_of_accuracy(0.5 + x, n), 0.5)
        difference = least(
            lambda x, n=count: power_of_accuracy_difference(x, DISAGREEMENT, n), DISAGREEMENT
        )
        yield {
            "set": each.name,
            "stimuli": f"{count:,}",
            "accuracy above 50 %": "none"
            if accuracy is None
            else f"{100 * (0.5 + accuracy):.1f} %",
            "difference to the base": "none" if difference is None else f"{100 * difference:.1f} %",
        }


def least(power_at: Callable[[float], float], most: float) -> float | None:
    """The smallest effect with a power of 80 %, of a power that grows with it.

    Args:
        power_at: Power by effect.
        most: Effects are below it.

    Returns:
        The effect; nothing if no effect suffices.

    >>> round(least(lambda effect: effect, 1.0), 3)
    0.8
    """
    low, high = 0.0, most * (1 - 1e-9)
    if power_at(high) < _POWER:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if power_at(middle) >= _POWER else (middle, high)
    return high

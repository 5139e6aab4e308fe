"""Comparison: do two observers of the same stimuli differ? Every pair, every headline metric."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Unpack

from cogtrain.evaluation.observer import Observed, builders_of
from cogtrain.metrics import Estimate, Resampling, exchange_test, paired_difference

COMPARED = ("accuracy", "d_prime", "spearman", "error_consistency")
"""What is compared: how well, how well apart from bias, how alike, how alike in errors."""

MOST_PAIRS = 15
"""Pairs that are compared unasked: those of six observers."""


def compare(
    observers: Mapping[str, Observed], pairs: Sequence[tuple[str, str]], **resampling: Any
) -> Iterator[dict[str, Any]]:
    """Paired differences, first less second, over the stimuli that were put to both.

    What either did not answer is left out, except for accuracy, where silence is wrong.

    Args:
        observers: By name.
        pairs: Which to compare.
        resampling: See `Resampling`.

    Yields:
        Per pair and metric: `observer_id, versus, metric`, the fields of `Estimate`, `p`.
    """
    for first, second in pairs:
        known = frozenset(observers[second].stimuli)
        shared = [name for name in observers[first].stimuli if name in known]
        one, other = (observers[name].at(shared) for name in (first, second))
        for metric in COMPARED:
            result = _compared(one, other, metric, **resampling)
            if result is not None:
                estimate, p = result
                place = {"observer_id": first, "versus": second, "metric": metric}
                yield place | estimate._asdict() | {"p": p}


def pairs_of(observers: Sequence[str], against: str | None) -> list[tuple[str, str]]:
    """Pairs to compare: all with `against`, or every one if they are few; else none.

    Raises:
        ValueError: If `against` is none of the observers.
    """
    if against is None:
        pairs = list(combinations(observers, 2))
        return pairs if len(pairs) <= MOST_PAIRS else []
    if against not in observers:
        raise ValueError(
            f"expected `against` to be one of {', '.join(observers) or 'no observers'}, got "
            f"{against!r}; name an observer of the tables"
        )
    return [(name, against) for name in observers if name != against]


def _compared(
    first: Observed, second: Observed, metric: str, **resampling: Unpack[Resampling]
) -> tuple[Estimate, float] | None:
    seed = resampling.get("seed", 0)
    if metric != "accuracy":
        answered = [
            name
            for name, one, other in zip(first.stimuli, first.graded, second.graded, strict=True)
            if one == one and other == other
        ]
        first, second = first.at(answered), second.at(answered)
    builders = [builders_of(each, seed=seed) for each in (first, second)]
    if not all(metric in each for each in builders):
        return None
    pair = [each[metric]() for each in builders]
    permutations = resampling.get("replicates", 1000)
    p = exchange_test(pair[0], pair[1], permutations=permutations, seed=seed)
    return paired_difference(pair[0], pair[1], **resampling), p

"""Passes: which rows of a batch are read together, so that little of what is read is padding.

Rows differ in length where processors tile images or keep their own size, and where images have
different questions. Rows of like length then are read together and the others in passes of their
own. The loss of a step is a sum over items, so how they are grouped changes nothing of it.
"""

from collections.abc import Sequence

# What one more pass costs, in tokens that could have been read instead: kernels begin once more.
PASS_COST = 256


def partition(
    lengths: Sequence[int], most_tokens: int | None = None, pass_cost: int = PASS_COST
) -> list[list[int]]:
    """The cheapest grouping of rows, by tokens that are read and passes that are made.

    Args:
        lengths: Tokens of each row.
        most_tokens: Of a pass, padding included; a single row may have more.
        pass_cost: Of each pass, in tokens.

    Returns:
        Rows of each pass, the pass with the longest first: memory that does not suffice is noticed
        at once.

    Example:
        >>> partition([900, 100, 900, 100, 100])
        [[0, 2], [1, 3, 4]]
        >>> partition([100, 90, 100])
        [[0, 1, 2]]
        >>> partition([100, 100, 100], most_tokens=200)
        [[0, 1], [2]]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    groups = [
        order[begin:end] for begin, end in _cheapest([lengths[row] for row in order], pass_cost)
    ]
    if most_tokens is not None:
        groups = [part for group in groups for part in _within(group, lengths, most_tokens)]
    return [sorted(group) for group in groups]


def _cheapest(lengths: Sequence[int], pass_cost: int) -> list[tuple[int, int]]:
    """Begin and end of the groups of ``lengths``, which fall, by dynamic programming."""
    edges = [0, *(i for i in range(1, len(lengths)) if lengths[i] != lengths[i - 1]), len(lengths)]
    best, came_from = {0: 0}, {}
    for place, end in enumerate(edges[1:], start=1):
        costs = {
            begin: best[begin] + (end - begin) * lengths[begin] + pass_cost
            for begin in edges[:place]
        }
        came_from[end] = min(costs, key=lambda begin: costs[begin])
        best[end] = costs[came_from[end]]
    groups, end = [], len(lengths)
    while end:
        groups.append((came_from[end], end))
        end = came_from[end]
    return groups[::-1]


def _within(rows: Sequence[int], lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """``rows``, the longest first, in as few parts as do not exceed ``most_tokens``, all alike."""
    fit = max(1, most_tokens // lengths[rows[0]])
    parts = -(-len(rows) // fit)
    size = -(-len(rows) // parts)
    return [list(rows[begin : begin + size]) for begin in range(0, len(rows), size)]

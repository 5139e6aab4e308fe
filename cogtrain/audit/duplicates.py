"""Stimuli that look the same: equal pixels by hash, near-equal ones by their thumbnails.

All pairs are compared, a block of rows at a time: 20,000 stimuli are 200 million distances, which
a matrix product does in seconds without holding them.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cogtrain.audit.finding import Finding, Section, Table, ranked
from cogtrain.audit.measure import Measurements

NEAR = 1.0
"""Root mean square difference of two 16 × 16 thumbnails, in levels of 0 … 255, up to which two
pictures are near-duplicates: recompression stays below it, a block that moved does not."""

_ROWS = 1024
_SHOWN = 10
_MOST = 100_000  # pairs that are kept: enough to see that something is badly wrong


class Pair(NamedTuple):
    """Two stimuli, by index, and how far their thumbnails are apart."""

    first: int
    second: int
    distance: float


def duplicates(seen: Measurements) -> Section:
    """Exact and near duplicates within one set; declared twins are counted apart."""
    exact = _equal_pixels(seen)
    near = [pair for pair in near_pairs(seen.thumbnails) if not _same(seen, pair)]
    twins, strangers = _split(seen, near)
    equal_twins, equal = _split(seen, exact)
    scenes = _repeated_scenes(seen)
    findings = [
        _verdict("fail", len(equal), "pairs have exactly the same pixels", seen, equal),
        _verdict(
            "warn", len(strangers), f"pairs are near-duplicates (≤ {NEAR:g})", seen, strangers
        ),
        _verdict("fail", scenes, "scenes occur again under another id or look", seen, []),
    ]
    if twins or equal_twins:
        count = len(twins) + len(equal_twins)
        findings.append(Finding("pass", f"{count} such pairs are declared twins, as they should"))
    rows = [
        (seen.looks[p.first].id, seen.looks[p.second].id, f"{p.distance:.2f}")
        for p in [*equal, *strangers][:_SHOWN]
    ]
    tables = [Table(("stimulus", "looks like", "difference"), rows)] if rows else []
    data = {"exact": len(equal), "near": len(strangers), "twins": len(twins) + len(equal_twins)}
    return Section("Near-duplicates", ranked(findings), tables, data=data | {"scenes": scenes})


def near_pairs(thumbnails: np.ndarray, others: np.ndarray | None = None) -> list[Pair]:
    """Pairs at most `NEAR` apart: within ``(n, 768)`` uint8, or between it and ``others``."""
    if not len(thumbnails) or (others is not None and not len(others)):
        return []
    middle = thumbnails.mean(axis=0, dtype=np.float64).astype(np.float32)
    one = thumbnails.astype(np.float32) - middle
    two = one if others is None else others.astype(np.float32) - middle
    pairs: list[Pair] = []
    for start, distances in _blocks(one, two):
        limit = NEAR**2 * one.shape[1]
        rows, columns = np.nonzero(distances <= limit)
        kept = columns > rows + start if others is None else np.ones(len(rows), dtype=bool)
        squares = np.maximum(distances[rows, columns], 0) / one.shape[1]
        found = zip(rows[kept] + start, columns[kept], np.sqrt(squares[kept]), strict=True)
        pairs += [Pair(int(i), int(j), float(d)) for i, j, d in found]
        if len(pairs) > _MOST:
            break
    return pairs


def _blocks(one: np.ndarray, two: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """First row and squared distances ``(rows, len(two))`` of each block of ``one``."""
    lengths = np.einsum("ij,ij->i", two, two)
    for start in range(0, len(one), _ROWS):
        block = one[start : start + _ROWS]
        products = block @ two.T
        products *= -2
        products += lengths
        products += np.einsum("ij,ij->i", block, block)[:, None]
        yield start, products


def _equal_pixels(seen: Measurements) -> list[Pair]:
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, look in enumerate(seen.looks):
        groups[look.pixels].append(index)
    return [Pair(group[0], other, 0.0) for group in groups.values() for other in group[1:]]


def _same(seen: Measurements, pair: Pair) -> bool:
    return seen.looks[pair.first].pixels == seen.looks[pair.second].pixels


def _split(seen: Measurements, pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Declared twins, and the others."""
    twins = [p for p in pairs if (own := seen.looks[p.first].pair) and own == seen.looks[p[1]].pair]
    declared = set(twins)
    return twins, [pair for pair in pairs if pair not in declared]


def _repeated_scenes(seen: Measurements) -> int:
    """Scenes that come again outside the pair that declares them."""
    owners: defaultdict[bytes, set[str]] = defaultdict(set)
    for index, look in enumerate(seen.looks):
        if look.scene:
            owners[look.scene].add(look.pair or f"#{index}")
    return sum(len(each) - 1 for each in owners.values())


def _verdict(level: Any, count: int, what: str, seen: Measurements, pairs: list[Pair]) -> Finding:
    if not count:
        return Finding("pass", f"no {what}")
    first = pairs[0] if pairs else None
    names = f", e.g. `{seen.looks[first[0]].id}` and `{seen.looks[first[1]].id}`" if first else ""
    return Finding(level, f"{count} {what}{names}")

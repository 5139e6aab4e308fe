"""What two sets share, which should share nothing: ids, pixels, pairs, scenes, looks."""

from itertools import combinations

from cogtrain.audit.duplicates import NEAR, near_pairs
from cogtrain.audit.finding import Finding, Level, Section, Table, ranked
from cogtrain.audit.measure import Measurements

_PARTS: tuple[tuple[str, str, Level], ...] = (
    ("id", "ids", "fail"),
    ("pixels", "pictures, pixel by pixel", "fail"),
    ("pair", "pairs of twins, one member each", "fail"),
    ("scene", "scenes, perhaps under another look", "warn"),
)
_SHORT = 8  # a pair's id shorter than this is a running number, which means nothing elsewhere


def leakage(sets: list[Measurements]) -> Section:
    """Compares every two of the sets.

    Equal ids, equal pixels and twins on both sides are failures. The same scene under another look
    may be meant, and distinct towers of two blocks may look alike: these are warnings.
    """
    findings: list[Finding] = []
    rows: list[tuple[str, ...]] = []
    for one, other in combinations(sets, 2):
        shared = {part: _shared(one, other, part) for part, _, _ in _PARTS}
        near = near_pairs(one.thumbnails, other.thumbnails)
        near = [p for p in near if one.looks[p.first].pixels != other.looks[p.second].pixels]
        names = f"`{one.name}` and `{other.name}`"
        found = [
            Finding(level, f"{names} share {len(shared[part])} {words}")
            for part, words, level in _PARTS
            if shared[part]
        ]
        if near:
            found.append(Finding("warn", f"{names} share {len(near)} near-duplicates (≤ {NEAR:g})"))
        findings += found or [Finding("pass", f"{names} share nothing")]
        sizes = (*(str(len(shared[part])) for part, _, _ in _PARTS), str(len(near)))
        rows.append((one.name, other.name, *sizes))
    columns = ("set", "and", "ids", "pixels", "pairs", "scenes", "near-duplicates")
    data = {"shared": [dict(zip(columns, row, strict=True)) for row in rows]}
    return Section("Leakage between sets", ranked(findings), [Table(columns, rows)], data=data)


def _shared(one: Measurements, other: Measurements, part: str) -> set[str | bytes]:
    values = [{getattr(look, part) for look in seen.looks} for seen in (one, other)]
    shared = values[0] & values[1]
    if part == "pair":
        return {pair for pair in shared if len(pair) >= _SHORT}
    return shared - {b"", ""}

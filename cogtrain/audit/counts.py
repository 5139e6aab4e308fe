"""How many stimuli there are per answer and per level of each factor."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cogtrain.audit.finding import Finding, Section, Table, ranked
from cogtrain.audit.measure import Measurements

MOST_LEVELS = 12
"""More different values than this are a continuous factor, which has no cells."""

_RATIO = 1.1  # the fullest cell may hold a tenth more than the emptiest
_SPARE = 2  # and two more besides: cells of a count that does not divide evenly


def counts(seen: Measurements, question: str) -> Section:
    """Stimuli per cell of answer × level, for every factor with few levels.

    A cell that is empty while its row and column are not, or a row whose answers differ in number,
    is a warning: a level then says something about the answer.
    """
    answers = seen.answers(question)
    options = sorted({answer for answer in answers if answer is not None})
    total = Counter(answer for answer in answers if answer is not None)
    findings = [_balance(f"answers to `{question}`", [total[o] for o in options], options)]
    tables, data = [], {"answers": dict(total), "factors": {}}
    for name in seen.factors:
        values = seen.factor(name)
        levels = levels_of(values)
        if levels is None or len(levels) < 2:
            continue
        cells = Counter(zip(values, answers, strict=True))
        rows = [[cells[level, option] for option in options] for level in levels]
        tables.append(_table(name, levels, options, rows))
        data["factors"][name] = {str(v): r for v, r in zip(levels, rows, strict=True)}
        worst = [_balance(f"`{name}` = {v}", r, options) for v, r in zip(levels, rows, strict=True)]
        findings += [finding for finding in worst if finding.level != "pass"]
        if all(finding.level == "pass" for finding in worst):
            findings.append(Finding("pass", f"answers are balanced in every level of `{name}`"))
    return Section("Counts per cell", ranked(findings), tables, data=data)


def levels_of(values: Sequence[Any]) -> list[Any] | None:
    """Different values in order, or `None` if there are too many to be levels."""
    found = {value for value in values if value is not None}
    if len(found) > MOST_LEVELS or any(isinstance(v, float) and not v.is_integer() for v in found):
        return None
    return sorted(found, key=lambda value: (str(type(value)), value))


def _balance(what: str, row: Sequence[int], options: Sequence[str]) -> Finding:
    words = ", ".join(f"{option}: {n}" for option, n in zip(options, row, strict=True))
    if row and max(row) > _RATIO * min(row) + _SPARE:
        return Finding("warn", f"{what} are not balanced: {words}")
    return Finding("pass", f"{what} are balanced: {words}")


def _table(
    name: str, levels: Sequence[Any], options: Sequence[str], rows: Sequence[Sequence[int]]
) -> Table:
    shown = [
        (str(level), *map(str, row), str(sum(row))) for level, row in zip(levels, rows, strict=True)
    ]
    return Table((f"`{name}`", *options, "all"), shown)

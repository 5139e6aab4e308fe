"""What is left of a relation between the answer and each factor or measure."""

import math
from typing import Any, NamedTuple

import numpy as np

from cogtrain.audit.counts import levels_of
from cogtrain.audit.finding import Finding, Section, Table, ranked
from cogtrain.audit.measure import Measurements

NOTABLE = 0.1
"""|correlation| from which a factor is worth a warning: with two balanced answers, knowing it is
worth about four points of accuracy."""

_SURE = 0.001  # and its p value: one false alarm in a thousand factors
_BINS = 10
_TRUTH = frozenset({"margin", "margin_m", "margin_fraction", "whole_margin_m"})


class Relation(NamedTuple):
    """Strength of one relation.

    Attributes:
        statistic: `point-biserial r` (signed; positive: the first answer has larger values) or
            `Cramér's V` (bias-corrected, from 0).
        value: `nan` if either side is constant.
        p: Of no relation.
        n: Stimuli that have both.
    """

    statistic: str
    value: float
    p: float
    n: int


def correlations(seen: Measurements, question: str) -> Section:
    """Relates the answers to `question` to every factor and every measure of the screen.

    A number meets two answers in a point-biserial correlation; all else is Cramér's V, numbers cut
    into tenths. Margins decide the answer and are shown for their size, not judged.
    """
    answers = seen.answers(question)
    found = {name: relation(values, answers) for name, values in _columns(seen).items()}
    findings = [
        Finding("warn", f"`{name}` goes with the answer: {r.statistic} = {r.value:.3f}, n = {r.n}")
        for name, r in found.items()
        if name not in _TRUTH and abs(r.value) >= NOTABLE and r.p < _SURE
    ]
    clean = Finding("pass", f"no factor or measure goes with the answer (|r|, V < {NOTABLE:g})")
    rows = [
        (f"`{name}`" + (" (decides)" if name in _TRUTH else ""), r.statistic, *_figures(r))
        for name, r in found.items()
    ]
    columns = ("factor or measure", "statistic", "value", "p", "n")
    data = {name: r._asdict() for name, r in found.items()}
    title = f"Residual correlation with `{question}`"
    return Section(title, ranked(findings) or [clean], [Table(columns, rows)], data=data)


def relation(values: list[Any], answers: list[str | None]) -> Relation:
    """Strength of the relation between a column and answers; rows that lack either are left out."""
    pairs = [(v, a) for v, a in zip(values, answers, strict=True) if v is not None and a]
    options = sorted({answer for _, answer in pairs}, reverse=True)  # `yes` before `no`
    is_numeric = all(isinstance(value, int | float) for value, _ in pairs)
    if is_numeric and len(options) == 2:
        numbers = np.array([float(value) for value, _ in pairs])
        return _point_biserial(numbers, np.array([answer == options[0] for _, answer in pairs]))
    column = [value for value, _ in pairs]
    if is_numeric and levels_of(column) is None:
        column = _tenths(np.array(column, dtype=float))
    return _cramer(column, [answer for _, answer in pairs])


def _columns(seen: Measurements) -> dict[str, list[Any]]:
    factors = {name: seen.factor(name) for name in seen.factors}
    margin = [None if look.margin != look.margin else look.margin for look in seen.looks]
    measures: dict[str, list[Any]] = {
        "margin_m": margin,
        "|margin_m|": [None if value is None else abs(value) for value in margin],
        "red": [float(look.colour[0]) for look in seen.looks],
        "green": [float(look.colour[1]) for look in seen.looks],
        "blue": [float(look.colour[2]) for look in seen.looks],
        "luminance": [look.luminance for look in seen.looks],
        "contrast": [look.contrast for look in seen.looks],
        "height on screen": [look.extent.height for look in seen.looks],
        "area on screen": [look.extent.area for look in seen.looks],
        "centroid x": [look.extent.x for look in seen.looks],
        "centroid y": [look.extent.y for look in seen.looks],
    }
    filled = {k: v for k, v in measures.items() if any(value is not None for value in v)}
    factors.pop("pair", None)  # a name, not a property
    return factors | filled


def _point_biserial(numbers: np.ndarray, is_first: np.ndarray) -> Relation:
    from scipy.stats import pearsonr

    name, n = "point-biserial r", len(numbers)
    if n < 3 or np.ptp(numbers) <= 1e-12 * max(1.0, float(np.abs(numbers).max())):
        return Relation(name, math.nan, math.nan, n)
    result: Any = pearsonr(numbers, is_first.astype(float))
    return Relation(name, float(result.statistic), float(result.pvalue), n)


def _cramer(column: list[Any], answers: list[str]) -> Relation:
    """Bias-corrected after Bergsma 2013."""
    from scipy.stats import chi2_contingency

    name, n = "Cramér's V", len(column)
    levels, row = np.unique(np.array([str(v) for v in column]), return_inverse=True)
    options, place = np.unique(np.array(answers), return_inverse=True)
    r, k = len(levels), len(options)
    if r < 2 or k < 2:
        return Relation(name, math.nan, math.nan, n)
    table = np.bincount(row * k + place, minlength=r * k).reshape(r, k)
    result: Any = chi2_contingency(table, correction=False)
    phi = max(0.0, result.statistic / n - (r - 1) * (k - 1) / (n - 1))
    smallest = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    value = math.sqrt(phi / smallest) if smallest > 0 else math.nan
    return Relation(name, value, float(result.pvalue), n)


def _tenths(numbers: np.ndarray) -> list[int]:
    edges = np.quantile(numbers, np.arange(1, _BINS) / _BINS)
    return np.searchsorted(edges, numbers).tolist()


def _figures(r: Relation) -> tuple[str, str, str]:
    if math.isnan(r.value):
        return "undefined (constant)", "–", str(r.n)
    return f"{r.value:.3f}", f"{r.p:.2g}", str(r.n)

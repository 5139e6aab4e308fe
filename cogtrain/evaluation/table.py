"""Estimates as plain text and as Markdown: the same cells in both."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cogtrain.metrics.calibration import CHOICES_ONLY
from cogtrain.metrics.estimate import Estimate

HUMAN_FIGURE = {
    "accuracy": "human_accuracy",
    "d_prime": "human_d_prime",
    "criterion": "human_criterion",
    "auroc": "crowd_auroc",
    "brier": "crowd_brier",
    "log_loss": "crowd_log_loss",
    "calibration_error": "crowd_calibration_error",
    "spearman": "spearman_leave_one_out",
    "pearson": "pearson_leave_one_out",
    "kendall": "kendall_leave_one_out",
    "spearman_to_individuals": "spearman_to_individuals_ceiling",
    "error_consistency": "error_consistency_ceiling",
    "human_likelihood": "human_likelihood_ceiling",
    "mcfadden_r2": "mcfadden_r2_ceiling",
    "psychometric_slope": "human_psychometric_slope",
}
"""Which estimate of people stands beside which estimate of a model."""

SECTIONS = {
    "accuracy": ("accuracy", "mean_absolute_error"),
    "sensitivity and bias": (
        *("d_prime", "criterion", "auroc"),
        *("psychometric_slope", "psychometric_slope_ratio"),
    ),
    "probabilities": ("brier", "log_loss", "calibration_error"),
    "alignment with people": (
        *("spearman", "pearson", "normalised_correlation", "kendall", "spearman_to_individuals"),
        *("error_consistency", "human_likelihood", "mcfadden_r2"),
    ),
}
"""Metrics of one observer, in the order printed."""

_ALONE = ("human_majority_accuracy", "split_half", "noise_ceiling")
_NAIVE = "spearman_to_individuals_naive_ceiling"
_RANGE = ("error_consistency_lowest", "error_consistency_highest")
_OWNER = {figure: metric for metric, figure in HUMAN_FIGURE.items()} | {
    "human_majority_accuracy": "accuracy",
    "human_accuracy_lowest": "accuracy",
    "human_accuracy_highest": "accuracy",
    "split_half": "pearson",
    "noise_ceiling": "pearson",
    _NAIVE: "spearman_to_individuals",
    **dict.fromkeys(_RANGE, "error_consistency"),
}
_HEADER = ("metric", "value", "95 % interval", "chance", "n", "human")
_LEFT = (  # words; numbers line up at the right
    *("set", "observer", "difference", "metric", "human"),
    *("run", "id", "trained on", "condition", "tested on"),
)

Results = Mapping[str, Mapping[str, Estimate]]
"""Estimates by set and metric."""

P = tuple[float, float]
"""p, and p corrected by Holm over all tests of its metric."""


class Difference(NamedTuple):
    """A paired difference as it is printed."""

    set: str
    pair: tuple[str, str]
    metric: str
    estimate: Estimate
    p: P


def format_table(results: Results) -> str:
    """Estimates as a table of plain text: set, metric, value, interval, chance, n, human figure.

    Estimates of people stand in the last column beside the model's. What is undefined says so, and
    why, below the table.

    Args:
        results: Set → metric → estimate, as `SetMetrics.compute` gives them per set.
    """
    rows, remarks = [], []
    for name, estimates in results.items():
        rows += [[name, *cells] for cells in metric_rows(estimates)]
        remarks += [f"{name}, {line}" for line in remarks_of(estimates)]
    return lay_out(("set", *_HEADER), rows, remarks)


def format_scores(
    results: Mapping[tuple[str, str], Mapping[str, Estimate]],
    p: Mapping[tuple[str, str], Mapping[str, P]] | None = None,
) -> str:
    """Like `format_table` for several observers, in sections; what was tested has its p.

    Args:
        results: (Observer, set) → metric → estimate, people's figures among them.
        p: (Observer, set) → metric → p and corrected p.
    """
    parts = [_section(title, names, results, p or {}) for title, names in SECTIONS.items()]
    parts += [_people_section(results), "\n".join(_remarks(results))]
    return "\n\n".join(filter(None, parts))


def format_comparisons(differences: Sequence[Difference]) -> str:
    """Paired differences between observers, one line each; nothing if there are none."""
    if not differences:
        return ""
    rows, remarks = [], []
    for each in differences:
        pair, metric, estimate = " - ".join(each.pair), each.metric, each.estimate
        number = [show(metric, estimate.value), show_interval(metric, estimate)]
        place = [pair, each.set or "-", metric]
        rows.append([*place, *number, *_show_p(each.p), str(estimate.n)])
        if estimate.reason:
            remarks.append(f"{pair}, {metric}: {estimate.reason}")
    header = ("difference", "set", "metric", "value", "95 % interval", "p", "Holm", "n")
    title = "paired differences, the same stimuli"
    return f"{title}\n\n{lay_out(header, rows, remarks)}"


def metric_rows(estimates: Mapping[str, Estimate]) -> list[list[str]]:
    """Cells of one set: metric, value, interval, chance, n, human figure."""
    rows = []
    for metric, estimate in estimates.items():
        if _OWNER.get(metric) in estimates:
            continue
        rows.append([metric, *_number(metric, estimate), human_figure(metric, estimates)])
        if metric == "error_consistency" and _RANGE[0] in estimates:
            rows.append(_attainable(estimates))
    return rows


def remarks_of(estimates: Mapping[str, Estimate]) -> list[str]:
    """One line per reason, with every estimate that has it."""
    reasons: dict[str, list[str]] = {}
    for metric, each in estimates.items():
        if each.reason and metric not in _RANGE:
            reasons.setdefault(each.reason, []).append(metric)
    return [f"{', '.join(metrics)}: {reason}" for reason, metrics in reasons.items()]


def is_share(metric: str) -> bool:
    """Whether `metric` is a share, shown in per cent."""
    return "accuracy" in metric


def show(metric: str, value: float, *, missing: str = "undefined") -> str:
    """`value` in the metric's own unit; four digits, as figures are published."""
    if math.isnan(value):
        return missing
    return f"{100 * value:.2f} %" if is_share(metric) else f"{value:.4f}"


def show_interval(metric: str, estimate: Estimate) -> str:
    """The 95 % interval, in brackets."""
    if math.isnan(estimate.low):
        return "-"
    if is_share(metric):
        return f"[{100 * estimate.low:.2f}, {100 * estimate.high:.2f}]"
    return f"[{estimate.low:.4f}, {estimate.high:.4f}]"


def human_figure(metric: str, estimates: Mapping[str, Estimate]) -> str:
    """What people reach on `metric`, or a dash."""
    people = estimates.get(HUMAN_FIGURE.get(metric, ""))
    if people is None:
        return "-"
    notes = [] if metric == "accuracy" else [show_interval(metric, people)]
    notes += [f"({', '.join(found)})" for found in [_beside(metric, estimates)] if found]
    crowd = ["crowd"] if HUMAN_FIGURE[metric].startswith("crowd") else []
    return " ".join([*crowd, show(metric, people.value), *notes])


def _beside(metric: str, estimates: Mapping[str, Estimate]) -> list[str]:
    """What else is known of people on `metric`."""
    if metric == "accuracy":
        lowest, highest = (estimates.get(f"human_accuracy_{end}") for end in ("lowest", "highest"))
        ends = (
            f"range {100 * lowest.value:.0f} to {100 * highest.value:.0f}"
            if (lowest and highest)
            else ""
        )
        return [ends] * bool(ends) + _named("majority", "human_majority_accuracy", estimates)
    if metric == "pearson":
        return _named("noise ceiling", "noise_ceiling", estimates)
    return _named("naive", _NAIVE, estimates) if metric == "spearman_to_individuals" else []


def _named(name: str, figure: str, estimates: Mapping[str, Estimate]) -> list[str]:
    found = estimates.get(figure)
    return [f"{name} {show(figure, found.value)}"] if found else []


def _number(metric: str, estimate: Estimate) -> list[str]:
    """Value, interval, chance and n."""
    ends = [show(metric, estimate.value), show_interval(metric, estimate)]
    return [*ends, show(metric, estimate.chance, missing="-"), str(estimate.n)]


def _attainable(estimates: Mapping[str, Estimate]) -> list[str]:
    low, high = (estimates[end] for end in _RANGE)
    span = "-" if not low.is_defined else f"[{low.value:.4f}, {high.value:.4f}]"
    return ["- attainable", "", span, "", str(low.n), "-"]


def _section(
    title: str,
    names: Sequence[str],
    results: Mapping[tuple[str, str], Mapping[str, Estimate]],
    p: Mapping[tuple[str, str], Mapping[str, P]],
) -> str:
    rows = []
    for place, estimates in results.items():
        shown = {name: estimates[name] for name in names if _is_shown(estimates.get(name))}
        beside = {name: each for name, each in estimates.items() if _OWNER.get(name) in shown}
        for cells in metric_rows(shown | beside):
            tested = _show_p(p.get(place, {}).get(cells[0], (math.nan, math.nan)))
            rows.append([place[0], place[1] or "-", *cells[:-2], *tested, *cells[-2:]])
    if not rows:
        return ""
    header = ("observer", "set", *_HEADER[:-2], "p", "Holm", *_HEADER[-2:])
    return f"{title}\n\n{lay_out(header, rows)}"


def _is_shown(estimate: Estimate | None) -> bool:
    """Whether a row is worth it: that a choice is no probability is said once, below."""
    return estimate is not None and (estimate.is_defined or estimate.reason != CHOICES_ONLY)


def _people_section(results: Mapping[tuple[str, str], Mapping[str, Estimate]]) -> str:
    """What is known of people of each set and stands beside no observer's number."""
    rows = []
    sets: dict[str, Mapping[str, Estimate]] = {}
    for (_, name), estimates in results.items():
        sets.setdefault(name, estimates)
    for name, estimates in sets.items():
        figures = [
            figure
            for figure in estimates
            if figure in (*_ALONE, _NAIVE) or (figure in _OWNER and _OWNER[figure] not in estimates)
        ]
        rows += [[name or "-", each, *_number(each, estimates[each])] for each in figures]
    return f"people\n\n{lay_out(('set', *_HEADER[:-1]), rows)}" if rows else ""


def _remarks(results: Mapping[tuple[str, str], Mapping[str, Estimate]]) -> list[str]:
    """Reasons, people's once per set."""
    lines: dict[str, None] = {}
    for (observer, name), estimates in results.items():
        people = {metric: each for metric, each in estimates.items() if metric in _OWNER}
        own = {metric: each for metric, each in estimates.items() if metric not in _OWNER}
        for who, found in ((observer, own), ("people", people)):
            place = " ".join(filter(None, (who, name)))
            lines |= {f"{place}, {line}": None for line in remarks_of(found)}
    return list(lines)


def _show_p(p: P) -> list[str]:
    return ["-" if math.isnan(each) else f"{each:.3f}" for each in p]


def lay_out(
    header: Sequence[str], rows: Sequence[Sequence[str]], remarks: Sequence[str] = ()
) -> str:
    """Aligns `rows` under `header`; words to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    left = [name in _LEFT for name in header]
    rule = ["-" * width for width in widths]
    lines = [
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in [header, rule, *rows]
    ]
    return "\n".join([*lines, *remarks])


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same rows as a Markdown table."""
    marks = [":--" if name.lower() in _LEFT else "--:" for name in header]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, marks, *cells])

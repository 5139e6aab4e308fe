"""Estimates as plain text and as Markdown: the same cells in both."""

import math
from collections.abc import Mapping, Sequence

from cogtrain.metrics.estimate import Estimate

HUMAN_FIGURE = {
    "accuracy": "human_accuracy",
    "error_consistency": "error_consistency_ceiling",
    "spearman_to_individuals": "spearman_to_individuals_ceiling",
}
"""Which estimate of people stands beside which estimate of a model."""

_OF_PEOPLE = (
    *HUMAN_FIGURE.values(),
    "human_majority_accuracy",
    "human_accuracy_lowest",
    "human_accuracy_highest",
)
_HEADER = ("metric", "value", "95 % interval", "chance", "n", "human")
_LEFT = ("set", "observer", "metric", "human")  # words; numbers line up at the right

Results = Mapping[str, Mapping[str, Estimate]]
"""Estimates by set and metric."""


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


def format_scores(results: Mapping[tuple[str, str], Mapping[str, Estimate]]) -> str:
    """Like `format_table` for several observers: (observer, set) → metric → estimate."""
    rows, remarks = [], []
    for (observer, name), estimates in results.items():
        rows += [[observer, name or "-", *cells] for cells in metric_rows(estimates)]
        remarks += [f"{observer}, {line}" for line in remarks_of(estimates)]
    return lay_out(("observer", "set", *_HEADER), rows, remarks)


def metric_rows(estimates: Mapping[str, Estimate]) -> list[list[str]]:
    """Cells of one set: metric, value, interval, chance, n, human figure."""
    rows = []
    for metric, estimate in estimates.items():
        if metric in _OF_PEOPLE and _stands_beside(metric, estimates):
            continue
        number = [show(metric, estimate.value), show_interval(metric, estimate)]
        chance = show(metric, estimate.chance, missing="-")
        rows.append([metric, *number, chance, str(estimate.n), human_figure(metric, estimates)])
    return rows


def remarks_of(estimates: Mapping[str, Estimate]) -> list[str]:
    """One line per estimate that has a reason."""
    return [f"{metric}: {each.reason}" for metric, each in estimates.items() if each.reason]


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
    if metric != "accuracy":
        return f"{show(metric, people.value)} {show_interval(metric, people)}"
    notes = []
    lowest, highest = (estimates.get(f"human_accuracy_{end}") for end in ("lowest", "highest"))
    majority = estimates.get("human_majority_accuracy")
    if lowest and highest:
        notes.append(f"range {100 * lowest.value:.0f} to {100 * highest.value:.0f}")
    if majority:
        notes.append(f"majority {show(metric, majority.value)}")
    return " ".join([show(metric, people.value), f"({', '.join(notes)})" if notes else ""]).strip()


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
    marks = [":--" if name.lower() in (*_LEFT, "run") else "--:" for name in header]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, marks, *cells])


def _stands_beside(metric: str, estimates: Mapping[str, Estimate]) -> bool:
    """Whether a model's metric in `estimates` shows this figure of people in its row."""
    owner = next((name for name, figure in HUMAN_FIGURE.items() if figure == metric), "accuracy")
    return owner in estimates

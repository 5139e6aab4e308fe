"""Figures of estimates: bars by set beside people and chance, and curves over training.

Drawn on bare `Figure` objects: no window system is asked for, and no global state is touched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cogtrain import palette
from cogtrain.evaluation.table import HUMAN_FIGURE, is_share
from cogtrain.metrics import Estimate
from cogtrain.metrics.calibration import ReliabilityCurve

if TYPE_CHECKING:
    from cogtrain.evaluation.run import Run

Results = Mapping[str, Mapping[str, Estimate]]
"""Estimates by set and metric."""

_WIDTH = 0.8  # of the room between two sets, shared by the bars of a set
_LONG = 12  # characters that fit below a narrow group
_MARKS = ("majority of people", "chance")
_LABELS = {
    "accuracy": "accuracy",
    "error_consistency": "error consistency (kappa)",
    "spearman": "Spearman with human proportion",
    "pearson": "Pearson with human proportion",
}


def draw_bars(runs: Mapping[str, Results], metric: str, out: Path) -> bool:
    """Bars of `metric` by set and run with 95 % intervals, people's figure, and chance.

    Args:
        runs: Estimates by run, set and metric.
        metric: Which one.
        out: PNG file to write.

    Returns:
        Whether there was anything to draw; nothing is written otherwise.
    """
    sets = list(dict.fromkeys(name for each in runs.values() for name in _with(each, metric)))
    if not sets:
        return False
    from matplotlib.figure import Figure

    groups = [_group(runs, name, metric) for name in sets]
    most = max(len(group) for group in groups)
    with palette.house_style():
        figure = Figure(figsize=(2.2 + len(sets) * max(1.1, 0.5 * most), 3.6))
        axes = figure.add_subplot()
        for place, group in enumerate(groups):
            for offset, bar in enumerate(group):
                _draw_bar(axes, place + (offset - (len(group) - 1) / 2) * _WIDTH / most, bar, most)
            _draw_chance(axes, place, group[0].estimate.chance)
        _finish(axes, sets, metric)
        figure.savefig(out)
    return True


def draw_curves(runs: "Sequence[Run]", out: Path) -> bool:
    """Validation accuracy over optimizer steps, one line per run and set, interval shaded.

    Args:
        runs: Runs with logged estimates.
        out: PNG file to write.

    Returns:
        Whether any set was validated more than once; nothing is written otherwise.
    """
    curves = [
        (run.name, index, name, points)
        for index, run in enumerate(runs)
        for name, points in run.curve("accuracy").items()
        if len(points) > 1
    ]
    if not curves:
        return False
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(name for _, _, name, _ in curves))
    with palette.house_style():
        figure = Figure(figsize=(7, 3.6))
        axes = figure.add_subplot()
        for run, index, name, points in curves:
            style = ("-", "--", ":", "-.")[sets.index(name) % 4]
            steps = [step for step, _ in points]
            low, high = ([getattr(each, end) for _, each in points] for end in ("low", "high"))
            values = [each.value for _, each in points]
            colour, label = palette.of_run(index), name if len(runs) == 1 else f"{run}, {name}"
            axes.plot(steps, values, style, color=colour, label=label, marker="o", markersize=3)
            axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.axhline(curves[0][3][0][1].chance, color=palette.CHANCE, linestyle="--", linewidth=1)
        axes.set_xlabel("optimizer steps")
        axes.set_ylabel("validation accuracy")
        _percent(axes)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=9)
        figure.savefig(out)
    return True


def draw_reliability(curves: Mapping[str, ReliabilityCurve], out: Path) -> bool:
    """How often the first answer was true, by how probable each observer called it.

    Args:
        curves: By observer; whiskers are Wilson's intervals, on the diagonal words and facts agree.
        out: PNG file to write.

    Returns:
        Whether any curve had a point; nothing is written otherwise.
    """
    drawn = {name: curve for name, curve in curves.items() if len(curve.n)}
    if not drawn:
        return False
    from matplotlib.figure import Figure

    with palette.house_style():
        figure = Figure(figsize=(5.4, 3.8))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=palette.CHANCE, linestyle="--", linewidth=1)
        for index, (name, curve) in enumerate(drawn.items()):
            ends = np.maximum([curve.frequency - curve.low, curve.high - curve.frequency], 0)
            style = {"color": palette.of_run(index), "label": name, "markersize": 4, "capsize": 2}
            axes.errorbar(curve.probability, curve.frequency, ends, marker="o", **style)
        axes.set_xlabel("P(first answer)")
        axes.set_ylabel("share where it was true")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=9)
        figure.savefig(out)
    return True


class _Bar(NamedTuple):
    """One bar of a group: whose, how high, and the mark of the majority above people's."""

    label: str
    colour: str
    estimate: Estimate
    majority: Estimate | None = None


def _with(results: Results, metric: str) -> list[str]:
    return [name for name, estimates in results.items() if metric in estimates]


def _group(runs: Mapping[str, Results], name: str, metric: str) -> list[_Bar]:
    """Bars of one set: the runs that have it, then people, who are the same in all runs."""
    bars, people = [], None
    for index, (run, results) in enumerate(runs.items()):
        estimates = results.get(name, {})
        if metric in estimates:
            bars.append(_Bar(run, palette.of_run(index), estimates[metric]))
        figure = estimates.get(HUMAN_FIGURE.get(metric, ""))
        if figure is not None and people is None:
            majority = estimates.get("human_majority_accuracy") if metric == "accuracy" else None
            people = _Bar("people", palette.PEOPLE, figure, majority)
    return [*bars, people] if people else bars


def _draw_bar(axes: Any, x: float, bar: _Bar, most: int) -> None:
    each, width = bar.estimate, 0.92 * _WIDTH / most
    if not each.is_defined:
        axes.text(x, 0.01, "undefined", rotation=90, ha="center", va="bottom", fontsize=8)
        return
    axes.bar(x, each.value, width=width, color=bar.colour, label=bar.label)
    if not np.isnan(each.low):
        ends = np.maximum([[each.value - each.low], [each.high - each.value]], 0)
        axes.errorbar(x, each.value, ends, fmt="none", ecolor="#222222", elinewidth=1, capsize=2)
    if bar.majority is not None and bar.majority.is_defined:
        style = {"color": "white", "edgecolor": "#222222", "zorder": 5, "s": 28, "marker": "D"}
        axes.scatter([x], [bar.majority.value], label="majority of people", **style)


def _draw_chance(axes: Any, place: float, level: float) -> None:
    style = {"color": palette.CHANCE, "linestyle": "--", "linewidth": 1.2, "zorder": 4}
    axes.plot([place - 0.47, place + 0.47], [level, level], label="chance", **style)


def _finish(axes: Any, sets: Sequence[str], metric: str) -> None:
    axes.set_xticks(range(len(sets)), [_wrapped(name) for name in sets])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(_LABELS.get(metric, metric))
    axes.set_xlim(-0.6, len(sets) - 0.4)
    if is_share(metric):
        _percent(axes)
        axes.set_ylim(0, 1.02)  # the cap of a whisker at 100 % stays visible
        axes.set_yticks(np.arange(0, 1.01, 0.2))
    else:
        axes.axhline(0, color="#888888", linewidth=0.8)
    # Each set draws its own bars; the legend names each kind once.
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    last = {label: once.pop(label) for label in ("people", *_MARKS) if label in once}
    once |= last
    style = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": 9}
    axes.legend(list(once.values()), list(once), **style)


def _wrapped(name: str) -> str:
    """`name` on two lines if it is too long for one."""
    return name.replace("-", "-\n", 1) if len(name) > _LONG else name


def _percent(axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))

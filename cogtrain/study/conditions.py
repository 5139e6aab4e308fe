"""Conditions: the part of a study's report that compares them, over seeds and stimuli."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from cogtrain.evaluation import charts
from cogtrain.evaluation.browser import table as browsable
from cogtrain.evaluation.generalization import ALONG
from cogtrain.evaluation.page import Figure, Section
from cogtrain.evaluation.repetitions import repetitions_by_axis
from cogtrain.evaluation.run import Run
from cogtrain.study.grid import PlannedRun

AXES = "study_axes.csv"
_SETS = ("train", "val", "test", "photographs")
_SECTIONS = ("optimizer", "lr_scheduler", "trainer", "eval")
_HERE = ("condition", "tuning", "stimuli")
_LONGEST_TICK = 24
_CAPTIONS = {
    "gains": "Gain of accuracy over the base along each axis of generalization; lines: 95 % "
    "interval over seeds and stimuli.",
    "gaps": "Overfitting: how much more was gained on unseen stimuli like those trained on than "
    "along each axis, by what was tuned how; lines: 95 % interval over seeds and stimuli.",
    "learning": "Accuracy over the number of training stimuli; dashed: the base; lines: 95 % "
    "interval over seeds.",
}


def conditions(
    planned: Sequence[PlannedRun], summary: Any, runs: Mapping[str, Run], folder: Path
) -> Section:
    """Writes `study_axes.csv` and its charts; returns what to show.

    Args:
        planned: The runs that are finished.
        summary: As from `summarise`: mean accuracy over seeds per condition and tested set.
        runs: The same, opened, by name.
        folder: Where the files go.
    """
    table = axes_table(planned, runs)
    table.to_csv(folder / AXES, index=False)
    drawn = {"gains": _gains(table), "gaps": _gaps(table), "learning": _learning(planned, summary)}
    figures = [
        Figure(
            f"study_{name}", _CAPTIONS[name], chart, charts.save(chart, folder, f"study_{name}")[0]
        )
        for name, chart in drawn.items()
        if chart is not None
    ]
    named = ("table-of-conditions", "Conditions along axes")
    shown = browsable(_shown(table), *named) if len(table) else ""
    return Section("Conditions", [*_sentences(table)], table=shown, figures=figures)


def axes_table(planned: Sequence[PlannedRun], runs: Mapping[str, Run]) -> Any:
    """A row per condition, number of stimuli and axis.

    Args:
        planned: The runs to compare, the base among them.
        runs: The same, opened, by name.

    Returns:
        Columns `condition, tuning, stimuli` and those of `repetitions_by_axis`.
    """
    tuning = tunings(planned)
    groups: dict[str, list[str]] = {}
    about: dict[str, dict[str, Any]] = {}
    for run in planned:
        if not run.is_base:
            group = f"{run.condition}, {run.stimuli}"
            groups.setdefault(group, []).append(run.name)
            values = (run.condition, tuning[run.condition], run.stimuli)
            about[group] = dict(zip(_HERE, values, strict=True))
    table = repetitions_by_axis(runs, groups, bases_among(planned))
    for column in reversed(_HERE):
        table.insert(0, column, [about[group][column] for group in table["group"]])
    return table.drop(columns="group")


def bases_among(planned: Sequence[PlannedRun]) -> dict[str, str]:
    """Per run the base that it is compared with, if that is among them, too."""
    names = {run.name for run in planned}
    return {run.name: run.base for run in planned if run.base in names}


def tunings(planned: Sequence[PlannedRun]) -> dict[str, str]:
    """How each condition is tuned, in words: the options in which conditions differ, if they do.

    Args:
        planned: Runs of a study; the base does not count.
    """
    options = {run.condition: _options(run.config) for run in planned if not run.is_base}
    names = list(dict.fromkeys(name for each in options.values() for name in each))
    differ = [name for name in names if len({str(each.get(name)) for each in options.values()}) > 1]
    return {
        condition: ", ".join(f"{name} {each.get(name)}" for name in differ) or "all tuned alike"
        for condition, each in options.items()
    }


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a condition or a base may choose for itself, except its sets and its target."""
    model = config["model"]
    data = {key: each for key, each in config["data"].items() if key not in _SETS}
    parts = [model.get("tuning"), data, *(config.get(name) for name in _SECTIONS)]
    options = {key: each for key, each in model.items() if key not in ("tuning", "objective")}
    return {key: each for part in (options, *parts) for key, each in _flat(part).items()}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """`{"tune": {"vision": "lora"}}` as `{"tune.vision": "lora"}`."""
    if not isinstance(value, Mapping):
        return {name: value} if name else {}
    parts = [_flat(each, f"{name}.{key}" if name else str(key)) for key, each in value.items()]
    return {key: each for part in parts for key, each in part.items()}


def _gains(table: Any) -> Any:
    found = table.rename(columns={"gain": "value", "gain_low": "low", "gain_high": "high"})
    found = found.assign(panel=_in_thousands(found), observer=found["condition"])
    return charts.points(found, "axis", "gain over the base")


def _gaps(table: Any) -> Any:
    found = table.rename(columns={"gap": "value", "gap_low": "low", "gap_high": "high"})
    several = table["stimuli"].nunique() > 1
    observer = found["condition"] + (", " + _in_thousands(found) if several else "")
    found = found.assign(panel="gap to: " + found["axis"], observer=observer)
    # What differs in several options is too long to stand below an axis.
    across = "tuning" if table["tuning"].str.len().max() <= _LONGEST_TICK else "condition"
    return charts.points(found, across, "gap to unseen stimuli of the same kind")


def _in_thousands(table: Any) -> Any:
    return table["stimuli"].map(lambda stimuli: f"{stimuli:,} training stimuli")


def _learning(planned: Sequence[PlannedRun], summary: Any) -> Any:
    accuracy = summary[summary["metric"] == "accuracy"]
    base_of = {run.condition: run.base for run in planned}
    is_base = accuracy["condition"].map(base_of) == accuracy["condition"]
    before = accuracy[is_base].set_index(["condition", "tested_on", "question"])["mean"]
    rows = accuracy[~is_base]
    bases = rows["condition"].map(base_of)
    places = zip(bases, rows["tested_on"], rows["question"], strict=True)
    several = rows["question"].nunique() > 1
    panel = rows["tested_on"] + (": " + rows["question"] if several else "")
    rows = rows.assign(
        value=rows["mean"],
        observer=rows["condition"],
        panel=panel,
        base=[before.get(place, float("nan")) for place in places],
    )
    return charts.learning_curves(rows)


def _shown(table: Any) -> Any:
    """The table to sort and filter, in four digits."""
    texts = ["condition", "tuning", "axis", "reason"]
    shown = table.assign(**{name: table[name].map(escape) for name in texts})
    numbers = [name for name in shown if name.startswith(("gain", "gap"))]
    return shown.assign(**{name: shown[name].round(4) for name in numbers})


def _sentences(table: Any) -> Iterator[str]:
    """Which axis moves and by how much, condition by condition."""
    several = table["stimuli"].nunique() > 1
    for row in table.to_dict("records"):
        who = f"{row['condition']} ({row['stimuli']:,} stimuli)" if several else row["condition"]
        seeds = f"{row['seeds']} seed{'s' if row['seeds'] > 1 else ''}"
        between = "" if row["seeds"] < 2 else f", sd between seeds {100 * row['gain_sd']:.1f}"
        gain, gap = _points_of(row, "gain"), _points_of(row, "gap")
        less = f"; the gap to unseen stimuli of the same kind is {gap}" if gap else ""
        yield f"{who} {ALONG[row['axis']]}: {gain} points ({seeds}{between}){less}."


def _points_of(row: Mapping[str, Any], name: str) -> str:
    numbers = [100 * row[each] for each in (name, f"{name}_low", f"{name}_high")]
    if any(number != number for number in numbers):
        return ""
    return f"{numbers[0]:+.1f} [{numbers[1]:+.1f}, {numbers[2]:+.1f}]"

"""Charts of estimates: one specification each, for the page, for print and for slides.

Vega-Lite specifications by Altair. The page draws them in the browser; `save` writes the same as
PNG and PDF, without a browser and without a network.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogtrain import palette
from cogtrain.evaluation.score import PEOPLE
from cogtrain.evaluation.table import is_share

if TYPE_CHECKING:
    import altair as alt

FORMATS = ("png", "pdf")
_DPI = 200
_LABELS = {
    "accuracy": "accuracy",
    "error_consistency": "error consistency (kappa)",
    "spearman": "Spearman with the share of people",
    "pearson": "Pearson with the share of people",
    "spearman_to_individuals": "Spearman with individuals",
}
_FONT = {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"}


def bars(table: Any, metric: str) -> "alt.LayerChart | None":
    """Bars of one metric by set and observer: 95 % intervals, people beside, chance as a line.

    Args:
        table: Columns `set, observer, metric, value, low, high, chance, n`; the observer `people`
            is drawn in grey.
        metric: Which one.
    """
    import altair as alt

    rows = table[(table["metric"] == metric) & table["value"].notna()]
    if not len(rows):
        return None
    title = label(metric)
    numbers = ".0%" if is_share(metric) else ".2f"
    base = alt.Chart(rows).encode(
        x=alt.X("set:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelLimit=150)),
        xOffset=alt.XOffset("observer:N", sort=None),
    )
    value = alt.Y("value:Q", title=title, axis=alt.Axis(format=numbers))
    bar = base.mark_bar().encode(y=value, color=_colour(rows), tooltip=_tooltip(numbers))
    ends = base.mark_rule(color="#222222").encode(y="low:Q", y2="high:Q")
    chance = base.mark_tick(color=palette.CHANCE, thickness=2).encode(y="chance:Q")
    return _finished(alt.layer(bar, ends, chance), f"{title} by set and observer", step=34)


def curves(table: Any) -> "alt.LayerChart | None":
    """Validation accuracy over optimizer steps, one line per run and set.

    Args:
        table: Columns `run, set, step, value, low, high, chance`.
    """
    import altair as alt

    often = table.groupby(["run", "set"])["step"].transform("nunique") > 1
    rows = table[often].assign(observer=table["run"])
    if not len(rows):
        return None
    base = alt.Chart(rows).encode(
        x=alt.X("step:Q", title="optimizer steps"),
        color=_colour(rows),
        detail="set:N",
    )
    y = alt.Y("value:Q", title="validation accuracy", axis=alt.Axis(format=".0%"))
    line = base.mark_line(point=True).encode(y=y, strokeDash=alt.StrokeDash("set:N", title="set"))
    band = base.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q")
    chance = _level(rows["chance"].dropna())
    layers = [band, line] if chance is None else [band, line, chance]
    return _finished(alt.layer(*layers), "validation accuracy over training", width=520)


def over_margin(table: Any, *, title: str, axis: str, chance: float) -> "alt.FacetChart | None":
    """Curves of every observer over the margin, one panel per set.

    Args:
        table: As from `psychometric` or `accuracy_over_margin`.
        title: Of the vertical axis.
        axis: Of the horizontal one.
        chance: Where the dashed line is.
    """
    import altair as alt

    return _panels(table, alt.X("at:Q", title=axis), title, [_level([chance])])


def calibration(table: Any) -> "alt.FacetChart | None":
    """How often the first option is true over the probability it was given; dashed: calibrated.

    Args:
        table: As from `calibration`.
    """
    import altair as alt
    import pandas as pd

    ends = pd.DataFrame({"at": [0.0, 1.0], "value": [0.0, 1.0]})
    style = {"color": palette.CHANCE, "strokeDash": [4, 3]}
    diagonal = alt.Chart(ends).mark_line(**style).encode(x="at:Q", y="value:Q")
    across = alt.X("at:Q", title="probability given", axis=alt.Axis(format=".0%"))
    return _panels(table, across, "how often it was true", [diagonal])


def matrix(table: Any, *, title: str, share: bool) -> "alt.LayerChart | None":
    """Heat map of trained-on (rows) by tested-on (columns), numbers in the cells.

    Args:
        table: Columns `trained_on, tested_on, value, low, high, n, told` (text of the cell).
        title: Of the colour scale.
        share: Whether values are shares, coloured from 0 to 1; else from -1 to 1 about 0.
    """
    import altair as alt

    rows = table[table["value"].notna()]
    if not len(rows):
        return None
    scale = (
        alt.Scale(scheme="viridis", domain=[0, 1])
        if share
        else alt.Scale(scheme="blueorange", domain=[-1, 1])
    )
    base = alt.Chart(rows).encode(
        x=alt.X("tested_on:N", title="tested on", sort=None, axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("trained_on:N", title="trained on", sort=None),
    )
    cells = base.mark_rect(stroke="white").encode(
        color=alt.Color("value:Q", title=title, scale=scale),
        tooltip=["trained_on", "tested_on", "value", "low", "high", "n"],
    )
    # Where black and white stand out alike: either has a contrast of at least 4.5 then.
    dark = "luminance(scale('color', datum.value)) < 0.179"
    words = base.mark_text(fontSize=11, lineBreak="\n").encode(
        text="told:N", color=alt.condition(dark, alt.value("white"), alt.value("black"))
    )
    return _finished(
        alt.layer(cells, words), f"{title}, trained on by tested on", step=92, height=alt.Step(64)
    )


def points(table: Any, across: str, title: str) -> "alt.FacetChart | None":
    """Points with their 95 % intervals side by side, one panel per value of the column `panel`.

    Args:
        table: Columns `panel, observer, value, low, high, n` and `across`.
        across: Column of the horizontal axis.
        title: Of the vertical axis, in percentage points.
    """
    import altair as alt

    rows = table[table["value"].notna()]
    if not len(rows):
        return None
    x = alt.X(f"{across}:N", title=None, sort=None, axis=alt.Axis(labelAngle=-30))
    base = alt.Chart().encode(x=x, color=_colour(rows))
    is_crowded = rows.groupby(["panel", across])["observer"].nunique().max() > 1
    if is_crowded:
        base = base.encode(xOffset=alt.XOffset("observer:N", sort=None))
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format="+.0%"))
    point = base.mark_point(filled=True, size=45).encode(y=y, tooltip=_tooltip("+.1%"))
    ends = base.mark_rule().encode(y="low:Q", y2="high:Q")
    layers = alt.layer(_level([0.0]), ends, point, data=rows).properties(
        width=alt.Step(12 if is_crowded else 36), height=190
    )
    return _faceted(layers, rows, title)


def learning_curves(table: Any) -> "alt.FacetChart | None":
    """Accuracy over the number of training stimuli, one panel per tested set; dashed: bases.

    Args:
        table: Columns `panel, observer, stimuli, value, low, high, n, base`.
    """
    import altair as alt

    rows = table[table["value"].notna()]
    if rows.groupby(["panel", "observer"])["stimuli"].nunique().max() in (0, 1) or not len(rows):
        return None
    scale = alt.Scale(type="log", nice=False)
    ticks = alt.Axis(values=sorted(set(rows["stimuli"])), format=",", labelAngle=-30)
    x = alt.X("stimuli:Q", title="training stimuli", scale=scale, axis=ticks)
    base = alt.Chart().encode(x=x, color=_colour(rows))
    y = alt.Y("value:Q", title="accuracy", axis=alt.Axis(format=".0%"))
    line = base.mark_line(point=True).encode(y=y, tooltip=_tooltip(".1%"))
    ends = base.mark_rule(opacity=0.5).encode(y="low:Q", y2="high:Q")
    style = {"color": palette.CHANCE, "strokeDash": [4, 3]}
    before = alt.Chart().mark_rule(**style).encode(y="mean(base):Q", detail="base:N")
    layers = alt.layer(before, ends, line, data=rows).properties(width=230, height=190)
    return _faceted(layers, rows, "accuracy over the number of training stimuli")


def save(chart: Any, folder: Path, name: str) -> list[Path]:
    """Writes `name.png` (200 dots per inch) and `name.pdf` into `folder`."""
    paths = [folder / f"{name}.{suffix}" for suffix in FORMATS]
    for path in paths:
        chart.save(path, ppi=_DPI)
    return paths


def label(metric: str) -> str:
    """What an axis calls `metric`.

    >>> label("error_consistency")
    'error consistency (kappa)'
    """
    return _LABELS.get(metric, metric.replace("_", " "))


def _panels(table: Any, across: Any, title: str, behind: Sequence[Any]) -> "alt.FacetChart | None":
    import altair as alt

    if not len(table):
        return None
    several = table["question"].nunique() > 1
    rows = table.assign(panel=table["set"] + (": " + table["question"] if several else ""))
    base = alt.Chart().encode(x=across, color=_colour(rows))
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1]))
    line = base.mark_line(point=True).encode(y=y, tooltip=_tooltip(".1%"))
    ends = base.mark_rule(opacity=0.5).encode(y="low:Q", y2="high:Q")
    layers = alt.layer(*behind, ends, line, data=rows).properties(width=230, height=190)
    return _faceted(layers, rows, title)


def _faceted(layers: Any, rows: Any, told: str) -> Any:
    """One panel per value of `panel`, in the order of the rows."""
    import altair as alt

    panels = list(dict.fromkeys(rows["panel"]))
    chart = layers.facet(facet=alt.Facet("panel:N", title=None, sort=panels), columns=3)
    return _styled(chart, told)


def _level(levels: Any) -> Any:
    """A dashed line at the first of `levels`, or nothing."""
    import altair as alt
    import pandas as pd

    values = list(levels)
    if not values:
        return None
    style = {"color": palette.CHANCE, "strokeDash": [4, 3]}
    return alt.Chart(pd.DataFrame({"level": values[:1]})).mark_rule(**style).encode(y="level:Q")


def _colour(rows: Any) -> Any:
    import altair as alt

    names = [name for name in dict.fromkeys(rows["observer"]) if name != PEOPLE]
    colours = [palette.of_run(index) for index in range(len(names))]
    if PEOPLE in set(rows["observer"]):
        names, colours = [*names, PEOPLE], [*colours, palette.PEOPLE]
    return alt.Color("observer:N", title=None, scale=alt.Scale(domain=names, range=colours))


def _tooltip(numbers: str) -> list[Any]:
    import altair as alt

    shown = [alt.Tooltip(f"{name}:Q", format=numbers) for name in ("value", "low", "high")]
    return [alt.Tooltip("observer:N"), *shown, alt.Tooltip("n:Q", format=".0f")]


def _finished(
    chart: Any, told: str, *, step: int | None = None, width: int = 0, height: Any = 230
) -> Any:
    import altair as alt

    sized = chart.properties(width=alt.Step(step) if step else width, height=height)
    return _styled(sized, told)


def _styled(chart: Any, told: str) -> Any:
    return (
        chart.properties(description=told)
        .configure_view(stroke=None)
        .configure_axis(gridColor="#e6e6e6", domainColor="#888888", tickColor="#888888", **_FONT)
        .configure_legend(symbolOpacity=1, labelFontSize=11, titleFontSize=11, labelLimit=220)
        .configure_header(labelFontSize=12)
    )

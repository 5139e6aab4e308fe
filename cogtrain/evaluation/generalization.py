"""Generalization: the part of a report that shows the matrix and what it says."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from cogtrain.evaluation import charts
from cogtrain.evaluation.browser import table as browsable
from cogtrain.evaluation.page import Figure, Section
from cogtrain.evaluation.run import Run
from cogtrain.evaluation.table import is_share
from cogtrain.evaluation.transfer import METRICS, Bases, bases_of, transfer, transfer_by_axis

_CAPTIONS = {
    "value": "{label}, trained on (rows) by tested on (columns), with 95 % intervals.",
    "change": "Change of {label} from {base} on the same stimuli, with 95 % intervals; *: "
    "p < 0.05 after Holm's correction over the matrix.",
}
ALONG = {
    "same": "on unseen stimuli like those it was trained on",
    "size": "on structures of another size",
    "looks": "where the same task looks different",
    "domain": "in the other cognitive domain",
    "perception": "on perception checks",
}


def generalization(runs: Mapping[str, Run], folder: Path, base: Bases = None) -> Section:
    """Writes `transfer.csv`, `transfer_by_axis.csv` and the heat maps; returns what to show.

    Args:
        runs: At least two, by the name of their row.
        folder: Where the files go.
        base: As for `transfer`.
    """
    bases = bases_of(runs, base)
    table, along = transfer(runs, bases), transfer_by_axis(runs, bases)
    table.to_csv(folder / "transfer.csv", index=False)
    along.to_csv(folder / "transfer_by_axis.csv", index=False)
    figures = list(_figures(table, folder, bases))
    shown = (
        browsable(_shown(table), "table-of-transfer", "Generalization matrix") if len(table) else ""
    )
    alone = [name for name in runs if name not in bases and name not in bases.values()]
    sentences = [*_sentences(along, bases, alone if bases else []), *_under_controls(table)]
    return Section("Generalization", sentences, table=shown, figures=figures)


def _figures(table: Any, folder: Path, bases: Mapping[str, str]) -> Iterator[Figure]:
    names = [*dict.fromkeys(bases.values())]
    base = f"`{names[0]}`" if len(names) == 1 else "the base of each"
    for metric in METRICS:
        rows = table[table["metric"] == metric]
        for what in ("value", "change") if bases else ("value",):
            drawn = _matrix(rows, what, metric)
            if drawn is not None:
                name = f"matrix_{metric}" if what == "value" else f"matrix_{metric}_change"
                caption = _CAPTIONS[what].format(label=charts.label(metric), base=base)
                caption = caption[0].upper() + caption[1:]
                yield Figure(name, caption, drawn, charts.save(drawn, folder, name)[0])


def _matrix(rows: Any, what: str, metric: str) -> Any:
    low, high = ("low", "high") if what == "value" else ("change_low", "change_high")
    found = rows.assign(value=rows[what], low=rows[low], high=rows[high])
    several = found["question"].nunique() > 1
    asked = found["tested_on"] + (": " + found["question"] if several else "")
    share = is_share(metric)
    told = [_told(row, share, is_change=what == "change") for row in found.to_dict("records")]
    title = charts.label(metric) + (" (change)" if what == "change" else "")
    kept = found.assign(tested_on=asked, told=told)
    columns = ["trained_on", "tested_on", "value", "low", "high", "n", "told"]
    return charts.matrix(kept[columns], title=title, share=share and what == "value")


def _told(row: Mapping[str, Any], share: bool, *, is_change: bool) -> str:
    """A cell's number above its interval."""
    sign = "+" if is_change else ""
    numbers = [row["value"], row["low"], row["high"]]
    value, low, high = (
        f"{100 * each:{sign}.0f}" if share else f"{each:{sign}.2f}" for each in numbers
    )
    star = "*" if is_change and row["p_holm"] < 0.05 else ""
    return f"{value}{' %' if share and not is_change else ''}{star}\n[{low}, {high}]"


def _shown(table: Any) -> Any:
    """The matrix as a table to sort and filter, every number with four digits."""
    shown = table.drop(columns=["reason"]).dropna(axis="columns", how="all")
    texts = ["trained_on", "tested_on", "question", "axis", "metric"]
    shown = shown.assign(**{name: shown[name].map(escape) for name in texts})
    numbers = [name for name in shown if name not in (*texts, "n")]
    return shown.assign(**{name: shown[name].round(4) for name in numbers})


def _sentences(along: Any, bases: Mapping[str, str], alone: Sequence[str]) -> Iterator[str]:
    """What training carried over, run by run and axis by axis."""
    if not bases:
        yield (
            "No run is the base that changes could be measured from: add a `test` run of the model "
            "before training."
        )
    if alone:
        yield (
            f"No change is shown for {', '.join(alone)}: add a `test` run of the checkpoint that "
            "was trained from."
        )
    for row in along.to_dict("records"):
        low, high = 100 * row["low"], 100 * row["high"]
        verdict = "no change that could be told from none"
        if low > 0 or high < 0:
            verdict = "a gain" if low > 0 else "a loss"
        sets = f"{row['sets']} set{'s' if row['sets'] > 1 else ''}, {row['n']} stimuli"
        yield (
            f"{row['trained_on']} {ALONG[row['axis']]} ({sets}): accuracy changed by "
            f"{100 * row['value']:+.1f} points [{low:+.1f}, {high:+.1f}] from {row['base']}, "
            f"{verdict}."
        )


def _under_controls(table: Any) -> Iterator[str]:
    """How well each run answers when the images are not what they were."""
    found = table[(table["axis"] == "control") & (table["metric"] == "accuracy")]
    for row in found.to_dict("records"):
        verdict = "which chance would give, too"
        if row["low"] > row["chance"] or row["high"] < row["chance"]:
            verdict = f"{'better' if row['low'] > row['chance'] else 'worse'} than chance"
        yield (
            f"{row['trained_on']} on {row['tested_on']} ({row['question']}, {row['n']} stimuli): "
            f"accuracy {100 * row['value']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
            f" where chance gives {100 * row['chance']:.1f} %, {verdict}."
        )

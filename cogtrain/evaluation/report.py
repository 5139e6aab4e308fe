"""Report: saved runs → one page to read and share, and its figures and tables for a paper.

Works from what a run folder holds: no model, no GPU. A part that is missing costs a line, not the
report.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cogtrain.evaluation import binned, charts, words
from cogtrain.evaluation.answers import answers_of
from cogtrain.evaluation.browser import browser
from cogtrain.evaluation.browser import table as browsable
from cogtrain.evaluation.generalization import generalization
from cogtrain.evaluation.page import Figure, Section, page
from cogtrain.evaluation.results import Results, curve_table, results_table
from cogtrain.evaluation.run import Run
from cogtrain.evaluation.sheets import contact_sheets
from cogtrain.evaluation.table import markdown, metric_rows, remarks_of, show, show_interval
from cogtrain.evaluation.transfer import Bases

_HEADER = ("set", "run", "metric", "value", "95 % interval", "chance", "n", "human")
_SCALE = "margin (m): below 0 it falls, above 0 it stands"


class Written(NamedTuple):
    """What `report` has written.

    Attributes:
        page: `report.html`, complete in itself.
        markdown: `report.md`, with its figures beside it.
    """

    page: Path
    markdown: Path


_MOST_NAMES = 3  # of runs in a heading
More = Callable[[Mapping[str, Run], Path], Sequence[Section]]
"""Runs by name and the folder of the report → further sections, whose files are written there."""


def report(
    runs: Sequence[Path],
    out: Path | None = None,
    *,
    base: Bases = None,
    more: More | None = None,
) -> Written:
    """Writes `report.html`, `report.md`, `results.csv`, `answers.csv` and figures as PNG and PDF.

    Args:
        runs: Run folders; stimuli are framed by whether the first that judged them is right.
        out: Folder to write; by default `report` within a single run, or here for several.
        base: What others are compared with; see `transfer`.
        more: Further sections, which come first: what a study knows of its runs.

    Raises:
        FileNotFoundError: If a run is not there.
        ValueError: If a folder is no run, none is given, or `base` is none of them.
    """
    if not runs:
        raise ValueError("expected at least one run folder, got none; name one")
    opened = [Run.open(Path(path)) for path in runs]
    folder = out or (opened[0].path / "report" if len(opened) == 1 else Path("report"))
    folder.mkdir(parents=True, exist_ok=True)
    named = dict(zip(_names(opened), opened, strict=True))
    results = {name: run.results() for name, run in named.items()}
    answers = answers_of(named)
    results_table(results).to_csv(folder / "results.csv", index=False)
    answers.drop(columns="file").to_csv(folder / "answers.csv", index=False)
    figures = _figures(named, results, answers, folder)
    general = [generalization(named, folder, base)] if len(named) > 1 else []
    general = [*(more(named, folder) if more else []), *general]
    title = " and ".join(named) if len(named) <= _MOST_NAMES else f"{len(named)} runs"
    written = Written(folder / "report.html", folder / "report.md")
    told = _told(named, results, figures)
    sections = [told[0], *general, *told[1:], _stimuli(answers)]
    written.page.write_text(page(title, sections), encoding="utf-8")
    lines = [f"# {title}", "", *_in_markdown(named, results)]
    lines += [line for section in general for line in _in_prose(section)]
    lines += [*_in_prose(Section("Figures", figures=figures)), "## Methods", ""]
    lines += [words.methods(named), ""]
    lines += contact_sheets(answers, folder)
    written.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return written


def _names(runs: Sequence[Run]) -> list[str]:
    """Folder names; with a number behind those that occur again."""
    names: list[str] = []
    for run in runs:
        again = sum(name == run.name or name.startswith(f"{run.name} (") for name in names)
        names.append(f"{run.name} ({again + 1})" if again else run.name)
    return names


def _figures(runs: Mapping[str, Run], results: Results, answers: Any, folder: Path) -> list[Figure]:
    """Every chart that there is something to draw for, written as PNG and PDF."""
    table = results_table(results)
    drawn: dict[str, tuple[Any, str]] = {
        metric: (
            charts.bars(table, metric),
            f"{charts.label(metric).capitalize()} by set. Lines: 95 % interval; dark: chance; "
            "grey: people.",
        )
        for metric in ("accuracy", "spearman", "error_consistency")
    }
    drawn["psychometric"] = (
        charts.over_margin(
            binned.psychometric(answers), title="P(first answer)", axis=_SCALE, chance=0.5
        ),
        "Psychometric curves: how the answer changes with the margin. Lines: 95 % interval.",
    )
    drawn["margin"] = (
        charts.over_margin(
            binned.accuracy_over_margin(answers), title="accuracy", axis="|margin| (m)", chance=0.5
        ),
        "Accuracy over the size of the margin: near 0 a stimulus is hard. Lines: 95 % interval.",
    )
    drawn["calibration"] = (
        charts.calibration(binned.calibration(answers)),
        "Calibration: how often the first answer is true where it was given a probability like "
        "this; dashed: perfectly calibrated.",
    )
    drawn["training"] = (
        charts.curves(curve_table(runs)),
        "Validation accuracy over training; shaded: 95 % interval.",
    )
    return [
        Figure(name, caption, chart, charts.save(chart, folder, name)[0])
        for name, (chart, caption) in drawn.items()
        if chart is not None
    ]


def _told(runs: Mapping[str, Run], results: Results, figures: Sequence[Figure]) -> list[Section]:
    notes = [note for name, run in runs.items() for note in _about(name, run)]
    said = list(words.sentences(results))
    remarks = _remarks(results)
    return [
        Section("Results", said, remarks, _numbers(results)),
        Section("Figures", figures=figures),
        Section("Methods", [words.methods(runs)]),
        Section("Runs", notes=notes),
    ]


def _about(name: str, run: Run) -> list[str]:
    return [words.about(name, run), *(f"{name}: {note}" for note in run.notes)]


def _numbers(results: Results) -> str:
    """The table of all estimates, to sort and to filter."""
    import pandas as pd

    rows = [
        {
            "set": place,
            "run": run,
            "metric": charts.label(metric),
            "value": show(metric, each.value),
            "95 % interval": show_interval(metric, each),
            "chance": show(metric, each.chance, missing="-"),
            "n": each.n,
        }
        for run, sets in results.items()
        for place, estimates in sets.items()
        for metric, each in estimates.items()
    ]
    if not rows:
        return "<p>No estimates: the runs hold neither metrics nor judgments.</p>"
    return browsable(_escaped(pd.DataFrame(rows)), "table-of-estimates", "Estimates")


def _escaped(frame: Any) -> Any:
    """`frame` with text that is shown as it is, whatever names a user has chosen."""
    from html import escape

    texts = [name for name in frame if frame[name].map(lambda value: isinstance(value, str)).any()]
    return frame.assign(**{name: frame[name].map(escape) for name in texts})


def _stimuli(answers: Any) -> Section:
    found, cards = browser(answers)
    if not found:
        return Section("Stimuli", ["No pictures: the runs kept no stimuli."])
    text = (
        "Every stimulus that the runs kept a picture of, as the model saw it. The buttons at a "
        "column sort and filter by it, a picture opens by a click. P is the "
        "probability of the first answer, for people the share that gave it; disagreement is how "
        "far the first run and people are apart."
    )
    return Section("Stimuli", [text], table=found, cards=cards)


def _in_markdown(runs: Mapping[str, Run], results: Results) -> list[str]:
    lines = [f"- {line}" for name, run in runs.items() for line in _about(name, run)]
    rows = [
        [place, run, *cells]
        for run, sets in results.items()
        for place, estimates in sets.items()
        for cells in metric_rows(estimates)
    ]
    order = list(dict.fromkeys(row[0] for row in rows))
    rows.sort(key=lambda row: order.index(row[0]))
    stages = sorted({run.stage for run in runs.values()} - {""})
    lines += ["", f"## Results ({' and '.join(stages)})" if stages else "## Results", ""]
    if not rows:
        return [*lines, "No estimates: the runs hold neither metrics nor judgments.", ""]
    remarks = [f"- {line}" for line in _remarks(results)]
    said = [f"- {line}" for line in words.sentences(results)]
    return [*lines, *said, "", markdown(_HEADER, rows), "", *remarks, ""]


def _in_prose(section: Section) -> list[str]:
    """A section as Markdown: its sentences, then its figures from the files beside."""
    lines = [f"## {section.title}", "", *(f"- {text}" for text in section.paragraphs), ""]
    for figure in section.figures:
        lines += [f"![{figure.caption}]({figure.png.name})", "", figure.caption, ""]
    return lines if section.paragraphs or section.figures else [*lines, "Nothing to draw.", ""]


def _remarks(results: Results) -> list[str]:
    return [
        f"{run}, {place}, {line}"
        for run, sets in results.items()
        for place, estimates in sets.items()
        for line in remarks_of(estimates)
    ]

"""Report: saved runs → one Markdown page with figures, several runs side by side.

Works from what a run folder holds: no model, no GPU. A part that is missing costs a line, not the
report.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cogtrain import palette
from cogtrain.evaluation.contact_sheet import Cell, draw_contact_sheet
from cogtrain.evaluation.figures import draw_bars, draw_curves
from cogtrain.evaluation.run import Run
from cogtrain.evaluation.table import markdown, metric_rows, remarks_of
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, Panel

ImageOf = Callable[[str, str], np.ndarray | None]
"""Pixels of a stimulus, ``(H, W, 3)`` uint8, by set and stimulus id; or nothing."""

_SHOWN = 24
_ALIGNMENT = ("spearman", "error_consistency")
_HEADER = ("set", "run", "metric", "value", "95 % interval", "chance", "n", "human")
_MANIFEST = (("git_commit", "commit"), ("command", "command"))


def report(
    runs: Sequence[Path], out: Path | None = None, *, image_of: ImageOf | None = None
) -> Path:
    """Writes `report.md` and its figures.

    Args:
        runs: Run folders; stimuli are framed by whether the first that judged them is right.
        out: Folder to write; by default `report` within a single run, or here for several.
        image_of: Where the contact sheets get pixels; by default the stimuli that a run kept.

    Returns:
        Path of `report.md`.

    Raises:
        FileNotFoundError: If a run is not there.
        ValueError: If a folder is no run, or none is given.
    """
    if not runs:
        raise ValueError("expected at least one run folder, got none; name one")
    opened = [Run.open(Path(path)) for path in runs]
    folder = out or (opened[0].path / "report" if len(opened) == 1 else Path("report"))
    folder.mkdir(parents=True, exist_ok=True)
    names = _names(opened)
    results = {name: run.results() for name, run in zip(names, opened, strict=True)}
    lines = [f"# {' and '.join(names)}", "", *_about(names, opened), ""]
    lines += [*_numbers(names, opened, results), ""]
    lines += [*_figures(opened, results, folder), ""]
    lines += _sheets(dict(zip(names, opened, strict=True)), folder, image_of)
    page = folder / "report.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def _names(runs: Sequence[Run]) -> list[str]:
    """Folder names; with a number behind those that occur again."""
    names: list[str] = []
    for run in runs:
        again = sum(name == run.name or name.startswith(f"{run.name} (") for name in names)
        names.append(f"{run.name} ({again + 1})" if again else run.name)
    return names


def _about(names: Sequence[str], runs: Sequence[Run]) -> list[str]:
    lines = []
    for name, run in zip(names, runs, strict=True):
        facts = [
            f"{label} `{_fact(run.manifest[key])}`"
            for key, label in _MANIFEST
            if run.manifest.get(key)
        ]
        version = run.manifest.get("versions", {}).get("cogtrain")
        facts = [f"cogtrain {version}", *facts] if version else facts
        lines.append(f"- **{name}**: {', '.join(facts) or 'no manifest'}")
        lines += [f"  - {note}" for note in run.notes]
    return lines


def _facts(manifest: Mapping[str, Any]) -> list[str]:
    versions = manifest.get("versions")
    version = versions.get("cogtrain") if isinstance(versions, dict) else None
    shown = [(label, manifest[key]) for key, label in _MANIFEST if manifest.get(key)]
    facts = [f"{label} `{_fact(value)}`" for label, value in shown]
    return [f"cogtrain {version}", *facts] if version else facts


def _fact(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _numbers(
    names: Sequence[str], runs: Sequence[Run], results: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    rows, remarks = [], []
    for name in names:
        for each, estimates in results[name].items():
            rows += [[each, name, *cells] for cells in metric_rows(estimates)]
            remarks += [f"- {name}, {each}, {line}" for line in remarks_of(estimates)]
    if not rows:
        return ["## Results", "", "No estimates: the runs hold neither metrics nor judgments."]
    order = list(dict.fromkeys(row[0] for row in rows))
    rows.sort(key=lambda row: order.index(row[0]))
    stages = {run.stage for run in runs} - {""}
    title = f"## Results ({' and '.join(sorted(stages))})" if stages else "## Results"
    notes = ["", *remarks] if remarks else []
    return [title, "", markdown(_HEADER, rows), *notes]


def _figures(
    runs: Sequence[Run], results: Mapping[str, Mapping[str, dict[str, Estimate]]], folder: Path
) -> list[str]:
    lines = ["## Figures", ""]
    if draw_bars(results, "accuracy", folder / "accuracy.png"):
        text = "Accuracy by set. Whiskers: 95 % interval; dashed: chance."
        lines += [f"![{text}](accuracy.png)", "", text, ""]
    else:
        lines += ["No accuracy to draw.", ""]
    for metric in _ALIGNMENT:
        if draw_bars(results, metric, folder / f"{metric}.png"):
            text = f"Alignment with people, `{metric}`. Whiskers: 95 % interval; dashed: chance."
            lines += [f"![{text}]({metric}.png)", "", text, ""]
    if draw_curves(runs, folder / "training.png"):
        text = "Validation accuracy over training; shaded: 95 % interval."
        lines += [f"![{text}](training.png)", "", text]
    return lines


def _sheets(runs: Mapping[str, Run], folder: Path, image_of: ImageOf | None) -> list[str]:
    """Contact sheets, one per set that has pictures."""
    lines = ["## Stimuli", ""]
    listed = [key for run in runs.values() for key in run.images]
    if image_of is not None:
        listed += [key for run in runs.values() for key in _judged(run)]
    sets: dict[str, list[str]] = {}
    for name, stimulus in dict.fromkeys(listed):
        sets.setdefault(name, []).append(stimulus)
    pixels = image_of or (lambda name, stimulus: _kept(runs.values(), name, stimulus))
    for name, stimuli in sets.items():
        cells, colours = _cells(runs, name, stimuli, pixels)
        if cells:
            file = f"stimuli-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.png"
            draw_contact_sheet(cells, colours, folder / file)
            first = next(iter(colours))
            text = f"`{name}`: bars are P(yes); the frame is green where {first} is right."
            lines += [f"![Stimuli of {name}]({file})", "", text, ""]
        else:
            lines += [f"`{name}`: no picture can be read, or none of them was judged.", ""]
    return lines if sets else [*lines, "No pictures: the runs kept no stimuli."]


def _judged(run: Run) -> list[tuple[str, str]]:
    if run.judgments is None:
        return []
    table = run.judgments.split_people()[1].table[["set", "stimulus_id"]].fillna("")
    return list(dict.fromkeys(table.itertuples(index=False, name=None)))


def _kept(runs: Any, name: str, stimulus: str) -> np.ndarray | None:
    from PIL import Image

    for run in runs:
        path = run.images.get((name, stimulus))
        if path is None:
            continue
        try:
            with Image.open(path) as image:
                return np.asarray(image.convert("RGB"))
        except OSError:
            continue
    return None


def _cells(
    runs: Mapping[str, Run], name: str, stimuli: Sequence[str], pixels: ImageOf
) -> tuple[list[Cell], dict[str, str]]:
    """What the sheet of set `name` shows, and the colour of each observer in it."""
    said: dict[str, dict[str, float]] = {}
    people: dict[str, float] = {}
    truth: dict[str, str] = {}
    for run_name, run in runs.items():
        models, humans, known = _answers(run, name)
        truth, people = known | truth, humans | people
        said[run_name] = models
    colours = {run: palette.of_run(index) for index, run in enumerate(runs) if said[run]}
    if not colours:
        return [], {}
    if people:
        said["people"], colours["people"] = people, palette.PEOPLE
    cells = []
    for stimulus in stimuli[:_SHOWN]:
        image = pixels(name, stimulus)
        if image is not None:
            answer = truth.get(stimulus, "")
            values = {who: said[who].get(stimulus, np.nan) for who in colours}
            first = answer == "yes" if answer in ("yes", "no") else None
            cells.append(Cell(image, answer, first, values))
    return cells, colours


def _answers(run: Run, name: str) -> tuple[dict[str, float], dict[str, float], dict[str, str]]:
    """P(first answer) of the run's model, of people, and the truth, by stimulus of set `name`."""
    if run.judgments is None:
        return {}, {}, {}
    cell = run.judgments.select(set=name)
    known = cell.table.dropna(subset=["truth"])
    truth = dict(zip(known["stimulus_id"], known["truth"], strict=True))
    humans, models = cell.split_people()
    return _proportions(models), _proportions(humans), truth


def _proportions(judgments: Judgments) -> dict[str, float]:
    try:
        panel = Panel.from_judgments(judgments)
    except ValueError:  # several questions, or answers that no bar can show
        return {}
    return dict(zip(panel.stimuli, panel.proportion.tolist(), strict=True))

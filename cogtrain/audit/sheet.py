"""A contact sheet that spans the set: below each picture what is true of it, never its id."""

from pathlib import Path
from typing import Any

import numpy as np

from cogtrain import palette
from cogtrain.audit.measure import Look, Measurements
from cogtrain.sheet import LINE, Sheet, show
from cogtrain.stimuli import StimulusSet

MOST = 48
"""Pictures on a sheet: eight rows of six, which a page holds."""

_LINES = 4  # of factors below a picture
_WIDE = 27  # characters in a line
_COLOURS = ("#b8444f", "#2f6fb0", *palette.RUNS[2:])


def draw_sheet(stimuli: StimulusSet, seen: Measurements, question: str, out: Path) -> int:
    """Draws up to 48 stimuli at even distances, framed by the answer to `question`.

    Returns:
        How many there are on the sheet; without any, no file is written.
    """
    chosen = _chosen(stimuli, seen)
    if not chosen:
        return 0
    options = sorted({look.answers.get(question, "") for _, look in chosen}, reverse=True)
    sheet = Sheet(len(chosen), below=LINE * (_LINES + 1.6))
    with palette.house_style():
        figure = sheet.figure()
        for (index, look), (picture, words) in zip(chosen, sheet.cells(figure), strict=True):
            place = options.index(look.answers.get(question, ""))
            show(picture, stimuli[index].image, frame=_COLOURS[place % len(_COLOURS)])
            _write(words, caption(look, question))
        figure.savefig(out)
    return len(chosen)


def caption(look: Look, question: str) -> list[str]:
    """The answer, then margin and factors, as many as fit."""
    parts = [] if np.isnan(look.margin) else [f"margin {look.margin:+.3f} m"]
    parts += [f"{name} {_short(value)}" for name, value in look.factors.items() if name != "margin"]
    lines = [f"{question}: {look.answers.get(question, 'unknown')}"]
    for part in parts:
        cut = part if len(part) <= _WIDE else part[: _WIDE - 1] + "…"
        joined = f"{lines[-1]}, {cut}"
        if len(lines) > 1 and len(joined) <= _WIDE:
            lines[-1] = joined
        else:
            lines.append(cut)
    return lines[: 1 + _LINES]


def _chosen(stimuli: StimulusSet, seen: Measurements) -> list[tuple[int, Look]]:
    """Indices at even distances; an odd distance, so that designs that alternate are not halved."""
    faults = {index for index, _ in seen.faults}
    readable = [index for index in range(len(stimuli)) if index not in faults]
    step = max(1, -(-len(readable) // MOST))
    step += step % 2 == 0
    return [(readable[k], seen.looks[k]) for k in range(0, len(readable), step)][:MOST]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _write(axes: Any, lines: list[str]) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(_LINES + 1.2, 0)
    for number, line in enumerate(lines):
        weight = "normal" if number else "bold"
        axes.text(0, number + 0.5, line, fontsize=7.5, va="center", weight=weight)

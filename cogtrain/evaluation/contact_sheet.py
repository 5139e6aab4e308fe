"""Contact sheet: stimuli with the truth and what models and people said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cogtrain import palette
from cogtrain.sheet import COLUMNS, LINE, Sheet, show


@dataclass(frozen=True, eq=False)
class Cell:
    """One stimulus of the sheet.

    Attributes:
        image: ``(H, W, 3)`` uint8.
        truth: The true answer; empty if unknown.
        first: Whether the first option is true; `None` if unknown.
        said: P(first option) by observer, in the order of the legend; `nan` if not asked.
    """

    image: np.ndarray
    truth: str
    first: bool | None
    said: Mapping[str, float]


def draw_contact_sheet(
    cells: Sequence[Cell], colours: Mapping[str, str], out: Path, *, option: str = "yes"
) -> None:
    """Draws stimuli with a bar of P(first option) per observer below each.

    The frame of a stimulus is green if the first observer (the model) is on the side of the truth,
    red if not, grey if it is unknown. A bar that passes the middle mark says the first option.

    Args:
        cells: At least one.
        colours: Colour by observer; all are in the legend.
        out: PNG file to write.
        option: The first option, for the legend.
    """
    wide = len(colours) + 2 > COLUMNS
    sheet = Sheet(len(cells), below=LINE * (len(colours) + 1.6), head=0.5 if wide else 0.3)
    with palette.house_style():
        figure = sheet.figure()
        for cell, (picture, bars) in zip(cells, sheet.cells(figure), strict=True):
            show(picture, cell.image, frame=_verdict(cell))
            _draw_answers(bars, cell, colours)
        _legend(figure, colours, option)
        figure.savefig(out)


def _verdict(cell: Cell) -> str:
    model = next(iter(cell.said.values()), float("nan"))
    if cell.first is None or np.isnan(model):
        return palette.PEOPLE
    return palette.RIGHT if (model >= 0.5) == cell.first else palette.WRONG


def _draw_answers(axes: Any, cell: Cell, colours: Mapping[str, str]) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(colours) + 1.1, 0)
    axes.text(0, 0.5, f"truth: {cell.truth or 'unknown'}", fontsize=8, va="center", weight="bold")
    for line, (observer, colour) in enumerate(colours.items(), start=1):
        value = cell.said.get(observer, float("nan"))
        middle = line + 0.5
        axes.barh(middle, 0.74, height=0.6, color="#eeeeee")
        if np.isnan(value):
            axes.text(0.78, middle, "-", fontsize=8, va="center")
            continue
        axes.barh(middle, 0.74 * value, height=0.6, color=colour)
        axes.text(0.78, middle, f"{100 * value:.0f} %", fontsize=8, va="center")
    axes.plot([0.37, 0.37], [1.1, len(colours) + 0.9], color="#555555", linewidth=0.8)


def _legend(figure: Any, colours: Mapping[str, str], option: str) -> None:
    from matplotlib.patches import Patch

    model = next(iter(colours))
    handles = [
        Patch(color=colour, label=f"P({option}), {name}") for name, colour in colours.items()
    ]
    for colour, word in ((palette.RIGHT, "right"), (palette.WRONG, "wrong")):
        handles.append(
            Patch(facecolor="none", edgecolor=colour, linewidth=2, label=f"{model} {word}")
        )
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=min(COLUMNS, len(handles)),
        fontsize=9,
        borderaxespad=0.1,
    )

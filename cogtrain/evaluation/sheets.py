"""Sheets: the first stimuli of every set with what models and people said, for print."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cogtrain import palette
from cogtrain.evaluation.cell import PEOPLE, menu_of
from cogtrain.evaluation.contact_sheet import Cell, draw_contact_sheet

SHOWN = 24
"""Stimuli per sheet: a page."""


def contact_sheets(answers: Any, folder: Path) -> list[str]:
    """Draws one sheet per set and question with two options; returns the Markdown that shows them.

    Args:
        answers: Rows of `answers_of`; only stimuli with a picture (`file`) are drawn.
        folder: Where the PNG files go.
    """
    pictured = answers[answers["file"].fillna("") != ""].dropna(subset=["probability"])
    lines = ["## Stimuli", ""]
    for (name, question), said in pictured.groupby(["set", "question"], sort=False):
        colours = _colours(said)
        cells = _cells(said, colours)
        if not cells:
            lines += [f"`{name}`: no picture can be read.", ""]
            continue
        file = f"stimuli-{re.sub(r'[^A-Za-z0-9._-]', '_', f'{name}-{question}'.strip('-'))}.png"
        option, first = menu_of(question)[0][0], next(iter(colours))
        draw_contact_sheet(cells, colours, folder / file, option=option)
        text = f"`{name}`: bars are P({option}); the frame is green where {first} is right."
        lines += [f"![Stimuli of {name}]({file})", "", text, ""]
    return lines if len(pictured) else [*lines, "No pictures: the runs kept no stimuli."]


def _colours(said: Any) -> dict[str, str]:
    """Colour of every observer, people last, as in every other figure."""
    runs = [name for name in dict.fromkeys(said["observer"]) if name != PEOPLE]
    colours = {name: palette.of_run(index) for index, name in enumerate(runs)}
    return colours | ({PEOPLE: palette.PEOPLE} if PEOPLE in set(said["observer"]) else {})


def _cells(said: Any, colours: Mapping[str, str]) -> list[Cell]:
    cells: list[Cell] = []
    for _, rows in said.groupby("stimulus_id", sort=False):
        picture = _picture(Path(rows["file"].iloc[0]))
        if picture is not None and len(cells) < SHOWN:
            values = dict(zip(rows["observer"], rows["probability"], strict=True))
            truth, first = rows["truth"].iloc[0], rows["first"].iloc[0]
            beliefs = {name: values.get(name, np.nan) for name in colours}
            is_first = None if np.isnan(first) else bool(first)
            cells.append(Cell(picture, "" if truth != truth else truth, is_first, beliefs))
    return cells


def _picture(path: Path) -> Any:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError):  # Pillow's word for a broken PNG
        return None

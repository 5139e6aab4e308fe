"""The page that contact sheets share: a grid of pictures with room for words below each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

COLUMNS = 6
CELL = 1.9  # inches per picture: 24 fill a page's width and stay legible
LINE = 0.17  # inches per line of words below it


@dataclass(frozen=True)
class Sheet:
    """Where things go on a contact sheet.

    Attributes:
        count: Pictures, at least one.
        below: Inches below each picture.
        head: Inches above the first row.
        columns: Pictures per row, where there are as many.
    """

    count: int
    below: float
    head: float = 0.0
    columns: int = COLUMNS

    def figure(self) -> Any:
        """An empty matplotlib figure of the right size, without a window."""
        from matplotlib.figure import Figure

        return Figure(figsize=(self._across * CELL, self._height))

    def cells(self, figure: Any) -> Iterator[tuple[Any, Any]]:
        """Axes for the picture and for the words below it, row by row."""
        for index in range(self.count):
            row, column = divmod(index, self._across)
            top = 1 - (self.head + row * (CELL + self.below)) / self._height
            left, inch, width = (
                (column + 0.04) / self._across,
                1 / self._height,
                0.92 / self._across,
            )
            side, words = (CELL - 0.1) * inch, (self.below - 0.12) * inch
            picture = figure.add_axes((left, top - side, width, side))
            drop = (CELL - 0.05 + self.below - 0.12) * inch
            yield picture, figure.add_axes((left, top - drop, width, words))

    @property
    def _across(self) -> int:
        return min(self.columns, self.count)

    @property
    def _height(self) -> float:
        return -(-self.count // self._across) * (CELL + self.below) + self.head


def show(axes: Any, image: np.ndarray, *, frame: str, width: float = 2.5) -> None:
    """Draws ``image``, ``(H, W, 3)`` uint8, in a frame of colour ``frame``."""
    axes.imshow(image)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=width, color=frame)

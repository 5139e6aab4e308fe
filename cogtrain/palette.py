"""Colours and type of all figures: one place, so that a run keeps its colour throughout."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RUNS = ("#2f6fb0", "#d9792b", "#3b8f5a", "#8e5ea8", "#b8444f", "#6b6f76")
PEOPLE = "#8a9097"
CHANCE = "#444444"
RIGHT, WRONG = "#2e8b57", "#c0392b"

_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "axes.edgecolor": "#888888",
    "legend.frameon": False,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
}


def of_run(index: int) -> str:
    """Colour of the run at `index`."""
    return RUNS[index % len(RUNS)]


@contextmanager
def house_style() -> Iterator[None]:
    """Within, figures are drawn in the house style; the user's own settings are left alone."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _STYLE.items():
            mpl.rcParams[name] = value
        yield

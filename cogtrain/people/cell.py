"""Cell: what is written in one cell of an export, or of a YAML file about it."""

import math
from collections.abc import Mapping
from typing import Any

_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")

Cells = Mapping[str, str]
"""A row of an export by its column names."""


def number(text: str) -> float:
    """The finite number that `text` is; `nan` if it is none."""
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def matches(cells: Cells, wanted: Mapping[str, Any]) -> bool:
    """Whether every column in `wanted` holds its value; true and false in any spelling."""
    return all(_is(cells.get(name, "").strip(), value) for name, value in wanted.items())


def truth(text: str) -> bool | None:
    """What `true`, `yes`, `1` and their opposites say; `None` for anything else."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def spelled(value: Any) -> str:
    """A value of a YAML file as it was written: there, a bare `yes` is true."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value).strip()


def _is(cell: str, value: Any) -> bool:
    return truth(cell) is value if isinstance(value, bool) else cell == str(value)

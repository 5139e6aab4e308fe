"""The table beside a folder of images, read as text, and what its other columns are worth."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Cells = dict[str, str]
Factor = bool | int | float | str

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_CODE = re.compile(r"-?0[0-9]")  # a leading zero is part of a name: `007`
_MISSING = frozenset({"", "na", "nan", "n/a", "none", "null"})


class Row(NamedTuple):
    """One line of a table: where it stands, for errors, and its cells by column."""

    where: str
    cells: Cells


def read_rows(table: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a ``.csv``, ``.tsv`` or ``.parquet`` table; every cell is text.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For another suffix, a file that cannot be read, a column that occurs twice, a
            line with too many or too few cells, or a table without rows.
    """
    suffix = table.suffix.lower()
    if not table.is_file():
        raise FileNotFoundError(f"expected a table at `{table}`, got nothing there; check the path")
    if suffix == ".parquet":
        columns, rows = _read_parquet(table)
    elif suffix in _SEPARATORS:
        columns, rows = _read_text(table, _SEPARATORS[suffix])
    else:
        raise ValueError(
            f"expected a .csv, .tsv or .parquet table, got `{table}`; save it as one of them"
        )
    if not rows and columns:
        raise ValueError(f"expected at least one row in `{table}`, got none; fill it in")
    return columns, rows


def factor_values(rows: Sequence[Cells], columns: Sequence[str]) -> list[dict[str, Factor]]:
    """Values of ``columns`` per row, each column of one type; an empty cell has no entry.

    A column of whole numbers (``007`` is none) holds integers, one of finite numbers floats, one
    of true and false flags; any other holds text.
    """
    factors: list[dict[str, Factor]] = [{} for _ in rows]
    for column in columns:
        texts = [row[column].strip() for row in rows]
        kind = _kind([text for text in texts if text.lower() not in _MISSING])
        for text, entry in zip(texts, factors, strict=True):
            if text.lower() not in _MISSING:
                entry[column] = text.lower() == "true" if kind is bool else kind(text)
    return factors


def _kind(texts: Sequence[str]) -> type[Factor]:
    if all(text.lower() in ("true", "false") for text in texts):
        return bool
    if all(map(_INTEGER.fullmatch, texts)):
        return int
    return float if all(map(_is_number, texts)) else str


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and not _CODE.match(text)
    except ValueError:
        return False


def _read_text(table: Path, separator: str) -> tuple[list[str], list[Row]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, delimiter=separator)
            columns = next(lines, [])
            _check_columns(table, columns)
            return columns, list(_text_rows(table, columns, lines))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"expected text in UTF-8 in `{table}`, got: {error}; save the table as CSV again"
        ) from error


def _text_rows(table: Path, columns: list[str], lines: Any) -> Iterator[Row]:
    for cells in lines:
        if not cells:
            continue
        where = f"line {lines.line_num}"
        if len(cells) != len(columns):
            raise ValueError(
                f"expected {len(columns)} cells on {where} of `{table}`, got {len(cells)}; "
                "check its separators and quotes"
            )
        yield Row(where, dict(zip(columns, cells, strict=True)))


def _read_parquet(table: Path) -> tuple[list[str], list[Row]]:
    import pandas as pd

    try:
        frame = pd.read_parquet(table)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"expected a readable .parquet table in `{table}`, got: {reason}; write it again"
        ) from error
    columns = [str(name) for name in frame.columns]
    _check_columns(table, columns)
    rows = [
        Row(f"row {number}", {c: _text(v) for c, v in zip(columns, values, strict=True)})
        for number, values in enumerate(frame.itertuples(index=False, name=None), start=1)
    ]
    return columns, rows


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def _check_columns(table: Path, columns: Sequence[str]) -> None:
    twice = [name for name in columns if name and columns.count(name) > 1]
    if twice:
        raise ValueError(
            f"expected columns of `{table}` to differ, got `{twice[0]}` twice; rename one"
        )

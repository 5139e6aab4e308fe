"""The judgments table as a file: its columns, their types, reading, and writing in one piece."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("observer_id", "stimulus_id", "response")
NUMBERS = ("probability", "off_menu_mass", "response_time_s")
COLUMNS = (
    "observer_id",
    "observer_kind",
    "stimulus_id",
    "set",
    "question",
    "response",
    "probability",
    "scale",
    "truth",
    "off_menu_mass",
    "response_time_s",
    "session",
    "wording",
)
KEY = ("observer_id", "set", "stimulus_id", "question")
ALLOWED = {
    "observer_kind": ("human", "model", "simulated"),
    "scale": ("binary", "count", "rating", "choice", "sequence"),
}
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_SHOWN = 5  # enough unknown ids to recognise the mistake, few enough for one line


def read_table(path: Path) -> "pd.DataFrame":
    """Reads `.csv`, `.tsv` or `.parquet`; in text files only what is surely a number becomes one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: On another suffix or an unreadable file; names it.
    """
    import pandas as pd

    suffix = table_suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a table at `{path}`, got no such file; check the path")
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        text = pd.read_csv(
            path,
            sep=_SEPARATORS[suffix],
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",  # spreadsheets put a mark before the first column's name
        )
    except PermissionError:
        raise
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"expected a readable {suffix} table in `{path}`, got: {reason}; write it again"
        ) from error
    unknown = [name for name in text if name not in COLUMNS]
    return text.assign(**{name: _infer(text[name]) for name in unknown})


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Writes aside, flushes to disk, renames: `path` is the old file or the whole new one.

    Raises:
        ValueError: If the suffix is not `.csv`, `.tsv` or `.parquet`.
        OSError: If the folder cannot be written.
    """
    suffix = table_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if suffix == ".parquet":
            table.to_parquet(aside, index=False)
        else:
            table.to_csv(aside, sep=_SEPARATORS[suffix], index=False)
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def normalise(table: "pd.DataFrame", source: str) -> "pd.DataFrame":
    """Gives `table` all columns in order and with their types, and checks what it holds.

    Raises:
        ValueError: On a missing column, an empty id, a value outside its domain, or a judgment
            that is given twice; names `source`.
    """
    require_columns(table, source)
    others = [name for name in table if name not in COLUMNS]
    known: dict[str, Any] = {
        name: _numbers(table, name, source) if name in NUMBERS else _text(table, name)
        for name in COLUMNS
    }
    complete: Any = table[others].reset_index(drop=True).assign(**known)
    result = complete[[*COLUMNS, *others]]
    _check_values(result, source)
    _check_unique(result, source)
    return result


def table_suffix(path: Path) -> str:
    """Suffix of a table that can be read and written; a `ValueError` names any other."""
    suffix = path.suffix.lower()
    if suffix not in (*_SEPARATORS, ".parquet"):
        raise ValueError(
            f"expected a judgments file ending in .parquet, .csv or .tsv, got `{path}`; rename it"
        )
    return suffix


def require_columns(table: "pd.DataFrame", source: str, required: Iterable[str] = REQUIRED) -> None:
    """Raises a `ValueError` that names what is missing and what is there, if anything is."""
    present = [str(name) for name in table]
    missing = [name for name in required if name not in present]
    if not missing:
        return
    names = ", ".join(f"`{name}`" for name in missing)
    got = ", ".join(f"`{name}`" for name in present) or "none"
    joined = len(present) == 1 and ";" in present[0]
    advice = "separate the columns by commas" if joined else "add or rename a column"
    raise ValueError(f"expected a column {names} in {source}, got columns {got}; {advice}")


def require_known(ids: Iterable[str], stimuli: Iterable[str] | None, source: str) -> None:
    """Raises a `ValueError` that names some of `ids` that are none of `stimuli`, if any are."""
    if stimuli is None:
        return
    known = frozenset(stimuli)
    unknown = [name for name in dict.fromkeys(ids) if name not in known]
    if unknown:
        shown = ", ".join(f"`{name}`" for name in unknown[:_SHOWN])
        more = ", ..." if len(unknown) > _SHOWN else ""
        raise ValueError(
            f"expected only stimuli of the set in {source}, got {len(unknown)} unknown "
            f"`stimulus_id`: {shown}{more}; correct the ids or remove these rows"
        )


def _text(table: "pd.DataFrame", name: str) -> Any:
    """Column `name` as text; empty is missing, a whole number has no decimals."""
    import pandas as pd

    kind = pd.StringDtype(na_value=np.nan)
    if name not in table:
        return pd.Series([np.nan] * len(table), dtype=kind)
    if table[name].dtype == kind:
        return table[name].where(table[name] != "", np.nan).reset_index(drop=True)
    values = [_word(value) for value in table[name].tolist()]
    return pd.Series(values, dtype=kind)


def _word(value: Any) -> Any:
    if value is None or value != value or value == "":
        return np.nan
    if isinstance(value, float) and value.is_integer():
        # An id column with a gap is stored as floats.
        return str(int(value))
    return str(value)


def _numbers(table: "pd.DataFrame", name: str, source: str) -> Any:
    """Column `name` as float64; empty and NA are `nan`."""
    import pandas as pd

    if name not in table:
        return pd.Series(np.full(len(table), np.nan))
    if table[name].dtype == np.float64:
        return table[name].reset_index(drop=True)
    values = table[name].tolist()
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if value is None or value is pd.NA or str(value).strip().lower() in ("", "na", "nan"):
            continue
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"expected numbers in column `{name}` of {source}, got {value!r} in row {row + 1}; "
                "correct it or leave it empty"
            ) from None
    return pd.Series(numbers)


def _infer(column: Any) -> Any:
    """Numbers, if writing them again gives the same text; else the text: `007` is a name."""
    import pandas as pd

    texts = [str(text) for text in column]
    for kind in (int, float):
        try:
            values = [kind(text) if text else None for text in texts]
        except ValueError:
            continue
        again = ["" if value is None else str(value) for value in values]
        if again == texts:
            has_gap = kind is float or None in values
            return pd.Series(values, dtype="float64" if has_gap else "int64", index=column.index)
    return column.where(column != "", np.nan)


def _check_values(table: "pd.DataFrame", source: str) -> None:
    for name in ("observer_id", "stimulus_id"):
        empty = np.flatnonzero(table[name].isna())
        if len(empty):
            raise ValueError(
                f"expected `{name}` in every row of {source}, got none in row {empty[0] + 1}; "
                "name it or remove the row"
            )
    for name, allowed in ALLOWED.items():
        strange: Any = table[name][table[name].notna() & ~table[name].isin(allowed)]
        if len(strange):
            raise ValueError(
                f"expected `{name}` to be one of {', '.join(allowed)} in {source}, got "
                f"{strange.iloc[0]!r} in row {strange.index[0] + 1}; correct it"
            )
    for name in ("probability", "off_menu_mass"):
        strange: Any = table[name][(table[name] < 0) | (table[name] > 1)]
        if len(strange):
            raise ValueError(
                f"expected `{name}` in [0, 1] in {source}, got {strange.iloc[0]:g} in row "
                f"{strange.index[0] + 1}; divide by the top of the scale"
            )


def _check_unique(table: "pd.DataFrame", source: str) -> None:
    again = table.duplicated(list(KEY))
    if again.any():
        row = table[again].iloc[0]
        raise ValueError(
            f"expected one row per observer, set, stimulus and question in {source}, got "
            f"{int(again.sum())} more, first: observer `{row.observer_id}`, stimulus "
            f"`{row.stimulus_id}`, question `{row.question}`; remove or average them"
        )

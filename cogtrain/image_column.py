"""Images in a column of Parquet or Arrow files, as Hugging Face ``datasets`` keeps them.

The column holds whole image files: ``struct<bytes, path>`` or plain binary. The other columns that
are asked for are read when the set is opened, images one row group at a time when they are wanted.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cogtrain import _core
from cogtrain.photograph_table import factor_values
from cogtrain.photographs import Reading, known_questions, spelled

_FOOTER = 1 << 16


class ColumnFile:
    """One file: its rows in groups, each of which is read whole."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.path = path
        try:
            if path.suffix == ".parquet":
                self._parquet = parquet.ParquetFile(path, memory_map=True)
                self.schema = self._parquet.schema_arrow
                meta = self._parquet.metadata
                sizes = [meta.row_group(n).num_rows for n in range(meta.num_row_groups)]
            else:
                self._parquet = None
                self._table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
                self.schema = self._table.schema
                sizes = [self._table.num_rows]
        except (pa.ArrowException, OSError) as error:
            raise ValueError(
                f"expected a readable Parquet or Arrow file in `{path}`, got: {_line(error)}; "
                "write or download it again"
            ) from error
        self.starts = [sum(sizes[:n]) for n in range(len(sizes))]
        self.rows = sum(sizes)

    def column(self, name: str) -> Any:
        """All values of one column."""
        if self._parquet is None:
            return self._table.column(name)
        return self._parquet.read(columns=[name]).column(0)

    def group(self, number: int, name: str) -> Any:
        """Values of one column in row group ``number``."""
        if self._parquet is None:
            return self._table.column(name)
        return self._parquet.read_row_group(number, columns=[name]).column(0)

    def version(self) -> str:
        """Changes with the file: its length and its end, where Parquet keeps offsets and sums."""
        with self.path.open("rb") as file:
            length = file.seek(0, 2)
            file.seek(max(0, length - _FOOTER))
            end = hashlib.blake2b(file.read(), digest_size=16).hexdigest()
        return f"{length} {end}"


class ImageColumn:
    """The images of all files in order; keeps the row groups that were read last.

    Args:
        files: Where the images are.
        column: Its name.
        limit_bytes: Most bytes of row groups that are kept; the one in use is kept at any length.
    """

    def __init__(self, files: Sequence[ColumnFile], column: str, limit_bytes: int) -> None:
        self._files = files
        self._column = column
        self._limit = limit_bytes
        self._held: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._ends = [sum(f.rows for f in files[: n + 1]) for n in range(len(files))]

    def content(self, index: int) -> bytes:
        """The image file of row ``index`` of all files.

        Raises:
            ValueError: If the cell is empty.
            FileNotFoundError: If it names a file that is not there.
        """
        number, row = self._find(index)
        file = self._files[number]
        group = max(n for n, start in enumerate(file.starts) if start <= row)
        with self._lock:
            cell = self._group(number, group)[row - file.starts[group]].as_py()
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if content is None and isinstance(cell, dict) and cell.get("path"):
            content = (file.path.parent / cell["path"]).read_bytes()
        if not content:
            raise ValueError(f"an empty cell in column `{self._column}`; fill it or drop the row")
        return content

    def place(self, index: int) -> str:
        """File and row, counted from 1."""
        number, row = self._find(index)
        return f"{self._files[number].path}, row {row + 1}"

    @property
    def held_bytes(self) -> int:
        """Bytes of row groups in memory."""
        return sum(values.nbytes for values in self._held.values())

    def _find(self, index: int) -> tuple[int, int]:
        number = next(n for n, end in enumerate(self._ends) if index < end)
        return number, index - (self._ends[number - 1] if number else 0)

    def _group(self, number: int, group: int) -> Any:
        key = number, group
        if key not in self._held:
            values = self._files[number].group(group, self._column)
            while self._held and self.held_bytes + values.nbytes > self._limit:
                self._held.popitem(last=False)
            self._held[key] = values
        self._held.move_to_end(key)
        return self._held[key]


def column_files(path: str | Path | Sequence[str | Path]) -> list[ColumnFile]:
    """The ``.parquet`` or ``.arrow`` files of a folder by name, one file, or a list of files.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If one cannot be read.
    """
    if not isinstance(path, (str, Path)):
        return [file for one in path for file in column_files(one)]
    path = Path(path)
    found = [path]
    if path.is_dir():
        found = sorted(path.glob("*.parquet")) or sorted(path.glob("*.arrow"))
    if not found or not found[0].is_file():
        raise FileNotFoundError(
            f"expected .parquet or .arrow files at `{path}`, got none; check the path"
        )
    return [ColumnFile(one) for one in found]


def column_source(files: Sequence[ColumnFile], reading: Reading, limit_bytes: int) -> _core.Source:
    """Rows of ``files``; ``reading.columns`` takes our names to theirs.

    A name that some task asks is a question, ``image`` the images, ``stimulus_id`` the id (the
    file's name and the row where it is not declared), any other a factor.

    Raises:
        ValueError: If a column is missing, of the wrong type, or holds an answer that is not
            spelled out.
    """
    names = {"image": "image"} | dict(reading.columns)
    for file in files:
        _check_columns(file, names)
    known = known_questions()
    questions = [name for name in names if name in known]
    if not questions:
        raise ValueError(
            f"expected `columns` to name a question ({', '.join(known)}), "
            f"got {', '.join(reading.columns) or 'nothing'}; declare e.g. "
            '{"will_fall": "label"}'
        )
    answers: list[dict[str, str]] = [{} for _ in range(sum(file.rows for file in files))]
    for question in questions:
        told = _answers(files, question, names[question], reading)
        for entry, answer in zip(answers, told, strict=True):
            entry[question] = answer
    factors = [n for n in names if n not in {*questions, "image", "stimulus_id"}]
    cells = {name: [_text(v) for f in files for v in _values(f, names[name])] for name in factors}
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    values = factor_values(rows, factors) if factors else [{} for _ in answers]
    images = ImageColumn(files, names["image"], limit_bytes)
    version = " ".join(file.version() for file in files)
    return _core.Source.encoded(list(_ids(files, names)), answers, values, images, version)


def _ids(files: Sequence[ColumnFile], names: Mapping[str, str]) -> Iterator[str]:
    for file in files:
        if "stimulus_id" in names:
            yield from (_text(value) for value in _values(file, names["stimulus_id"]))
        else:
            yield from (f"{file.path.stem}-{row:06d}" for row in range(file.rows))


def _answers(
    files: Sequence[ColumnFile], question: str, column: str, reading: Reading
) -> Iterator[str]:
    spelling = spelled(question, reading.answers.get(question))
    for file in files:
        classes = _class_names(file, column)
        for row, value in enumerate(_values(file, column), start=1):
            text = _text(value).strip()
            if text not in spelling and classes and text.isdigit() and int(text) < len(classes):
                text = classes[int(text)]
            answer = spelling.get(text, spelling.get(text.lower()))
            if answer is None:
                raise ValueError(
                    f"expected {', '.join(spelling)} in column `{column}` (for `{question}`) in "
                    f"row {row} of `{file.path}`, got {text!r}; say what it means by `answers`"
                )
            yield answer


def _class_names(file: ColumnFile, column: str) -> list[str]:
    """Names of the classes that ``datasets`` notes beside a column of their numbers."""
    notes = (file.schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        feature = json.loads(notes)["info"]["features"][column]
    except (ValueError, KeyError, TypeError):
        return []
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _values(file: ColumnFile, column: str) -> Iterator[Any]:
    import pyarrow as pa

    try:
        yield from file.column(column).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"expected to read column `{column}` of `{file.path}`, got: {_line(error)}; "
            "write or download it again"
        ) from error


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def _check_columns(file: ColumnFile, names: Mapping[str, str]) -> None:
    import pyarrow as pa

    for ours, theirs in names.items():
        if theirs not in file.schema.names:
            raise ValueError(
                f"expected column `{theirs}` (for `{ours}`) in `{file.path}`, "
                f"got {', '.join(file.schema.names)}; correct `columns`"
            )
    kind = file.schema.field(names["image"]).type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else kind
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise ValueError(
            f"expected image files in column `{names['image']}` of `{file.path}` (binary, or "
            f"bytes and path), got {kind}; name the column of the images by `columns`"
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())

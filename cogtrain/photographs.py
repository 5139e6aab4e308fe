"""Image files that were not made here: a table or one folder per class says what is true of them.

Tables come as they are: CSV, TSV or Parquet, columns under any name, answers in any spelling that
is spelled out. What is neither id, image nor answer is kept as a factor.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cogtrain import _core
from cogtrain.complaint import unknown
from cogtrain.photograph_table import Cells, Row, factor_values, read_rows

# How people write truth in tables.
_YES = frozenset({"1", "1.0", "yes", "true"})
_NO = frozenset({"0", "0.0", "no", "false"})
# Columns of a table that are not questions.
_PLAIN_COLUMNS = ("stimulus_id", "image")
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
_FOREIGN = {
    "GIF": b"GIF8",
    "BMP": b"BM",
    "TIFF": b"II*\x00",
    "big-endian TIFF": b"MM\x00*",
}

Spelling = Mapping[str, str]
"""What a table writes → the answer that it means."""


@dataclass(frozen=True)
class Reading:
    """How a foreign table is to be read.

    Attributes:
        columns: Our name → the table's column, e.g. ``{"image": "path", "will_fall": "stable"}``.
        answers: Question → what the table writes → the answer, e.g.
            ``{"will_fall": {"1": "no", "0": "yes"}}`` where 1 means that it stands.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Spelling] = field(default_factory=dict)


def known_questions() -> dict[str, list[str]]:
    """Every question that some task asks, the main ones first, with its possible answers."""
    tasks = [_core.Task(name) for name in _core.Task.names()]
    main = {q: task.questions[q] for task in tasks for q in task.main_questions}
    return main | {q: answers for task in tasks for q, answers in task.questions.items()}


def options(question: str) -> list[str]:
    """Possible answers to ``question``.

    Raises:
        ValueError: For a question that no task asks; names the nearest.
    """
    known = known_questions()
    if question not in known:
        raise ValueError(unknown("question", question, known))
    return known[question]


def spelled(question: str, spelling: Spelling | None) -> dict[str, str]:
    """Every way to write an answer to ``question`` → the answer: as declared, or as is usual.

    Raises:
        ValueError: For a question that no task asks, or an answer that it does not have.
    """
    allowed = options(question)
    if spelling is not None:
        _check_spelling(question, spelling)
        return {str(written): answer for written, answer in spelling.items()}
    if set(allowed) == {"yes", "no"}:
        return dict.fromkeys(sorted(_YES), "yes") | dict.fromkeys(sorted(_NO), "no")
    return {answer: answer for answer in allowed}


def table_source(table: Path, images: Path, reading: Reading) -> _core.Source:
    """Photographs in the folder ``images`` with what ``table`` says of them, as ``reading`` tells.

    Raises:
        FileNotFoundError: If the table or an image does not exist.
        ValueError: If a column is missing, an id repeats, an answer cannot be read, or a file is
            neither PNG, JPEG nor WebP.
    """
    for question, spelling in reading.answers.items():
        _check_spelling(question, spelling)
    columns, rows = read_rows(table)
    rows = [Row(row.where, _renamed(row.cells, reading.columns)) for row in rows]
    columns = _renamed_columns(table, columns, reading.columns)
    questions = _questions(table, columns, reading)
    ids = list(_unique_ids(rows, table))
    answers = [
        {q: _answer(row, q, reading.answers.get(q), table) for q in questions} for row in rows
    ]
    factors = factor_values([row.cells for row in rows], _factor_columns(columns, questions))
    paths = [_image_path(images, row.cells["image"]) for row in rows]
    _require_files(paths)
    _require_readable_formats(paths)
    return _core.Source.photographs(ids, paths, answers, factors)


def class_source(folder: Path, question: str, answers: Spelling) -> _core.Source:
    """Photographs in one subfolder per class; the id is the path from ``folder``.

    Raises:
        FileNotFoundError: If the folder or that of a class does not exist.
        ValueError: If a folder's name is not in ``answers``, a class holds no image, or a file is
            neither PNG, JPEG nor WebP.
    """
    _check_spelling(question, answers)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"expected a folder at `{folder}`, got nothing there; check the path"
        )
    classes = sorted(path.name for path in folder.iterdir() if _is_shown(path) and path.is_dir())
    _check_classes(folder, classes, answers)
    found: dict[Path, str] = {}
    for name in classes:
        paths = [path for path in sorted((folder / name).rglob("*")) if path.is_file()]
        paths = [path for path in paths if _is_shown(path)]
        if not paths:
            raise ValueError(
                f"expected images in `{folder / name}`, got an empty folder; "
                "fill it or take the class away"
            )
        found |= dict.fromkeys(paths, answers[name])
    _require_readable_formats(found)
    ids = [path.relative_to(folder).as_posix() for path in found]
    return _core.Source.photographs(ids, list(found), [{question: a} for a in found.values()])


def _check_spelling(question: str, spelling: Spelling) -> None:
    allowed = options(question)
    for written, answer in spelling.items():
        if answer not in allowed:
            raise ValueError(
                f"expected `answers` of `{question}` to mean {', '.join(allowed)}, "
                f"got `{answer}` for `{written}`; correct the mapping"
            )


def _check_classes(folder: Path, classes: Sequence[str], answers: Spelling) -> None:
    stray = [name for name in classes if name not in answers]
    if stray:
        raise ValueError(
            f"expected folders of `{folder}` to be classes of `answers` ({', '.join(answers)}), "
            f"got `{stray[0]}`; add it to `answers` or move the folder"
        )
    absent = [name for name in answers if name not in classes]
    if absent:
        raise FileNotFoundError(
            f"expected a folder `{absent[0]}` in `{folder}`, got {', '.join(classes) or 'none'}; "
            "one folder per class"
        )


def _renamed_columns(table: Path, columns: list[str], names: Mapping[str, str]) -> list[str]:
    for ours, theirs in names.items():
        if theirs not in columns:
            raise ValueError(
                f"expected column `{theirs}` (for `{ours}`) in `{table}`, "
                f"got {', '.join(columns) or 'none'}; correct `columns`"
            )
    return list(_renamed(dict.fromkeys(columns, ""), names))


def _renamed(cells: Cells, names: Mapping[str, str]) -> Cells:
    taken = set(names.values())
    own = {name: text for name, text in cells.items() if name not in taken}
    return own | {ours: cells.get(theirs, "") for ours, theirs in names.items()}


def _questions(table: Path, columns: list[str], reading: Reading) -> list[str]:
    known = known_questions()
    missing = [name for name in (*_PLAIN_COLUMNS, *reading.answers) if name not in columns]
    questions = [name for name in columns if name in known]
    if missing or not questions:
        wanted = missing or list(known)
        raise ValueError(
            f"expected column `{wanted[0]}` in `{table}`, got {', '.join(columns) or 'none'}; "
            "add it, or name the column that stands for it by `columns`"
        )
    return questions


def _factor_columns(columns: Iterable[str], questions: Sequence[str]) -> list[str]:
    # Second opinions of a rendered set are answers, too: none of them is a factor.
    answers = {*questions, *(f"{q}_simulated" for q in questions), "disagreement"}
    return [name for name in columns if name and name not in {*_PLAIN_COLUMNS, *answers}]


def _unique_ids(rows: Iterable[Row], table: Path) -> Iterator[str]:
    seen: set[str] = set()
    for row in rows:
        stimulus_id = row.cells["stimulus_id"].strip()
        if not stimulus_id or stimulus_id in seen:
            raise ValueError(
                f"expected a unique `stimulus_id` on {row.where} of `{table}`, "
                f"got {stimulus_id!r}; give every image its own id"
            )
        seen.add(stimulus_id)
        yield stimulus_id


def _answer(row: Row, question: str, spelling: Spelling | None, table: Path) -> str:
    text = row.cells[question]
    value, allowed = text.strip(), options(question)
    if spelling is not None:
        meant = {str(written): answer for written, answer in spelling.items()}.get(value)
        wanted = ", ".join(map(str, spelling))
    elif set(allowed) == {"yes", "no"}:
        meant = "yes" if value.lower() in _YES else "no" if value.lower() in _NO else None
        wanted = "1/0, yes/no or true/false"
    else:
        meant, wanted = _chosen(value, allowed), ", ".join(allowed)
    if meant is None:
        raise ValueError(
            f"expected {wanted} in column `{question}` on {row.where} of `{table}`, got {text!r}; "
            "correct the table, or say what it means by `answers`"
        )
    return meant


def _chosen(value: str, allowed: Sequence[str]) -> str | None:
    """One of the options, or several of them in order: what a choice or a sequence answers."""
    parts = [part.strip().lower() for part in value.split(",")]
    return ", ".join(parts) if all(part in allowed for part in parts) else None


def _image_path(folder: Path, image: str) -> Path:
    # Tables often name images relative to themselves (`images/1.png`) while the caller points at
    # the folder of the images: take the bare file name where only that exists.
    path = folder / image
    bare = folder / path.name
    return bare if bare.is_file() and not path.is_file() else path


def _require_files(paths: Sequence[Path]) -> None:
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"expected an image at `{missing[0]}`, got nothing there "
            f"({len(missing)} of {len(paths)} missing); check `images`"
        )


def _require_readable_formats(paths: Iterable[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            head = file.read(12)
        if not head.startswith(_SIGNATURES):
            raise ValueError(
                f"expected a PNG, JPEG or WebP image at `{path}`, got {_format(head)}; convert it"
            )


def _format(head: bytes) -> str:
    name = next((name for name, start in _FOREIGN.items() if head.startswith(start)), None)
    if name:
        return f"a {name} file"
    return f"a file that starts with {head[:8]!r}" if head else "an empty file"


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")

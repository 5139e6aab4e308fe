"""Stimulus sets: a recipe that is rendered on the fly, a set on disk, or photographs with a table.

A set is a value. What it holds is decided by its recipe or its files alone; reading it needs no
torch.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cogtrain import _core

# How people write truth in tables.
_YES = frozenset({"1", "1.0", "yes", "true"})
_NO = frozenset({"0", "0.0", "no", "false"})
# Columns of a table that are not questions.
_PLAIN_COLUMNS = ("stimulus_id", "image")
_ADVICE = "write one with `render`, or read images and a table with `StimulusSet.photographs`"


@dataclass(frozen=True)
class StimulusSet:
    """Named stimuli that can be counted, indexed and loaded.

    Attributes:
        name: Appears in logged metrics (``val/<name>/accuracy``) and in the report.
        source: The native source of stimuli.
        domain: Cognitive domain, e.g. ``physics``; ``None`` where the table does not say.
        humans: Table of human judgments of these stimuli (``observer_id, stimulus_id, response``).
    """

    name: str
    source: _core.Source
    domain: str | None = None
    humans: Path | None = None

    @classmethod
    def recipe(  # noqa: PLR0917 - the documented call, keyword by keyword
        cls,
        task: str = "tower",
        style: str = "cubeworld",
        seed: int = 0,
        count: int = 1000,
        split: str = "test",
        factors: Mapping[str, Any] | None = None,
        size_px: int = 224,
        name: str | None = None,
    ) -> StimulusSet:
        """Stimuli that are drawn, judged by statics and rendered when asked for.

        Args:
            task: Question family (``tower``).
            style: Look (``cubeworld``).
            seed: Two seeds share no stimulus.
            count: Number of stimuli; a longer set begins with the shorter one.
            split: ``train``, ``val`` or ``test``; splits share no stimulus.
            factors: Factor name to value. ``tower``: ``size`` (``small``: 2-4 blocks, ``large``:
                5-7) or ``n_blocks`` (list), ``margin`` ([low, high], fraction of the block side),
                ``yaw_deg`` ([low, high]).
            size_px: Side of the square image; a multiple of 28 fits Qwen2-VL without resizing.
            name: Defaults to ``<task>-<size>`` where a size split is asked for, else ``<task>``.

        Raises:
            ValueError: For an unknown name or a factor out of range.

        Example:
            >>> towers = StimulusSet.recipe(count=4, size_px=56)
            >>> len(towers), towers[0].answers
            (4, {'will_fall': 'no'})
        """
        chosen = dict(factors or {})
        size = chosen.get("size")
        source = _core.Source.recipe(task, style, seed, count, split, json.dumps(chosen), size_px)
        default = f"{task}-{size}" if size else task
        return cls(name or default, source, domain=_core.Task(task).domain)

    @classmethod
    def photographs(
        cls,
        table: str | Path,
        images: str | Path | None = None,
        *,
        humans: str | Path | None = None,
        name: str = "photographs",
    ) -> StimulusSet:
        """Images in a folder with a table of what is true of them.

        Args:
            table: CSV with ``stimulus_id``, ``image`` and one column per question (``will_fall``:
                1/0, yes/no or true/false). Other columns of :meth:`open`'s tables are ignored.
            images: Folder that the ``image`` column is relative to; the table's by default.
            humans: Table of human judgments, if there is one.
            name: Appears in logged metrics and in the report.

        Raises:
            FileNotFoundError: If the table, an image or ``humans`` does not exist.
            ValueError: If a column is missing, an id repeats or an answer cannot be read.
        """
        table = Path(table)
        folder = table.parent if images is None else Path(images)
        rows = list(_read_rows(table))
        paths = [_image_path(folder, row["image"]) for row in rows]
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise FileNotFoundError(
                f"expected an image at `{missing[0]}`, got nothing there "
                f"({len(missing)} of {len(paths)} missing); check `images`"
            )
        if humans is not None and not Path(humans).is_file():
            raise FileNotFoundError(
                f"expected a table at `{humans}`, got nothing there; check the path"
            )
        source = _core.Source.photographs(
            [row["stimulus_id"] for row in rows],
            [str(path) for path in paths],
            [row["answers"] for row in rows],
        )
        return cls(name, source, humans=None if humans is None else Path(humans))

    @classmethod
    def open(cls, path: str | Path) -> StimulusSet:
        """The set in a folder that ``python -m cogtrain render`` wrote.

        Shards are read stimulus by stimulus when they are asked for; a set that is only a recipe is
        drawn. The manifest is checked now, every stimulus when it is read.

        Raises:
            FileNotFoundError: If there is no set in the folder; says what is there instead.
            CorruptSetError: If something on disk is not what was written (a ``ValueError``).
            ValueError: If a recipe would give other stimuli in this version.
        """
        folder = Path(path)
        if not (folder / "manifest.json").is_file():
            raise FileNotFoundError(
                f"expected a stimulus set (`manifest.json` and shards) in `{folder}`, "
                f"got {_found(folder)}; {_ADVICE}"
            )
        manifest = json.loads(_core.read_manifest(folder))
        recipe = manifest["recipe"]
        task = recipe.get("task") if isinstance(recipe, dict) else None
        domain = _core.Task(task).domain if task in _core.Task.names() else None
        if manifest["shards"]:
            return cls(folder.resolve().name, _core.Source.shards(folder), domain=domain)
        try:
            drawn = cls.recipe(**recipe)
        except TypeError as error:
            raise ValueError(
                f"expected a recipe of this version in `{folder}`, got {recipe}: {error}; "
                f"use cogtrain {manifest['cogtrain_version']}, which wrote it"
            ) from None
        if drawn.fingerprint != manifest["fingerprint"]:
            raise ValueError(
                f"expected the recipe in `{folder}` to give the set {manifest['fingerprint']} that "
                f"cogtrain {manifest['cogtrain_version']} declared, got {drawn.fingerprint}: this "
                "version makes other stimuli; use that version, or declare the set anew"
            )
        return replace(drawn, name=folder.resolve().name)

    @property
    def ids(self) -> list[str]:
        """Ids of all stimuli in order, without making or reading an image."""
        return self.source.ids

    @property
    def fingerprint(self) -> str:
        """Changes whenever any stimulus could have changed."""
        return self.source.fingerprint

    def __len__(self) -> int:
        """Number of stimuli."""
        return len(self.source)

    def __getitem__(self, index: int) -> _core.Stimulus:
        """Stimulus ``index``; negative indices count from the end."""
        length = len(self.source)
        if not -length <= index < length:
            raise IndexError(f"expected an index below {length}, got {index}")
        return self.source[index % length]

    def __iter__(self) -> Iterator[_core.Stimulus]:
        """All stimuli, in order."""
        return (self[index] for index in range(len(self)))


def _read_rows(table: Path) -> Iterator[dict[str, Any]]:
    if not table.is_file():
        raise FileNotFoundError(f"expected a table at `{table}`, got nothing there; check the path")
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        questions = _questions(table, columns)
        seen: set[str] = set()
        for row in reader:
            stimulus_id = (row["stimulus_id"] or "").strip()
            if not stimulus_id or stimulus_id in seen:
                raise ValueError(
                    f"expected a unique `stimulus_id` on line {reader.line_num} of `{table}`, "
                    f"got {stimulus_id!r}; give every image its own id"
                )
            seen.add(stimulus_id)
            answers = {q: _answer(table, reader.line_num, q, row[q]) for q in questions}
            yield {"stimulus_id": stimulus_id, "image": row["image"] or "", "answers": answers}
    if not seen:
        raise ValueError(f"expected at least one row in `{table}`, got none; list the images")


def _questions(table: Path, columns: list[str]) -> list[str]:
    known = [q for task in _core.Task.names() for q in _core.Task(task).questions]
    questions = [column for column in columns if column in known]
    missing = [column for column in _PLAIN_COLUMNS if column not in columns]
    if missing or not questions:
        wanted = missing or known
        raise ValueError(
            f"expected column `{wanted[0]}` in `{table}`, "
            f"got {', '.join(columns) or 'none'}; add it"
        )
    return questions


def _answer(table: Path, line: int, question: str, text: str | None) -> str:
    value = (text or "").strip().lower()
    if value in _YES:
        return "yes"
    if value in _NO:
        return "no"
    raise ValueError(
        f"expected 1/0, yes/no or true/false in column `{question}` on line {line} of `{table}`, "
        f"got {text!r}; correct the table"
    )


def _image_path(folder: Path, image: str) -> Path:
    # Tables often name images relative to themselves (`images/1.png`) while the caller points at
    # the folder of the images: take the bare file name where only that exists.
    path = folder / image
    bare = folder / path.name
    return bare if bare.is_file() and not path.is_file() else path


def _found(folder: Path) -> str:
    """What is at ``folder`` instead of a set, in a few words."""
    if not folder.is_dir():
        return "a file" if folder.exists() else "nothing there"
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join([*names[:4], "..."] if len(names) > 4 else names) or "an empty folder"

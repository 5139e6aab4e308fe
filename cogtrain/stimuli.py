"""Stimulus sets: a recipe that is rendered on the fly, a set on disk, or photographs with a table.

A set is a value. What it holds is decided by its recipe or its files alone; reading it needs no
torch.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cogtrain import _core
from cogtrain.image_column import column_files, column_source
from cogtrain.photographs import Reading, class_source, table_source
from cogtrain.shard_cache import ShardCache, Shelf
from cogtrain.webdataset import IMAGES, Tars, cache_folder, tar_names, tar_source

_ADVICE = "write one with `render`, or read images and a table with `StimulusSet.photographs`"
_FOREIGN = {
    ".tar": "declare what they hold with `StimulusSet.webdataset`",
    ".parquet": "declare what they hold with `StimulusSet.parquet`",
    ".arrow": "declare what they hold with `StimulusSet.parquet`",
}


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
        *,
        design: Mapping[str, Any] | None = None,
        questions: Sequence[str] | None = None,
    ) -> StimulusSet:
        """Stimuli that are drawn, judged by statics and rendered when asked for.

        Args:
            task: Question family (``tower``).
            style: Look (``cubeworld``).
            seed: Two seeds share no stimulus.
            count: Number of stimuli; a longer set begins with the shorter one.
            split: ``train``, ``val`` or ``test``; splits share no stimulus.
            factors: Factor name to how it varies: a value, a list of levels (of a continuous
                factor: the two ends of a range), or in full ``{"fixed": ..}``, ``{"levels": ..}``,
                ``{"balanced": ..}``, ``{"range": [low, high]}``, ``{"bins": [[low, high, weight],
                ..]}``. ``size`` (``small`` or ``large``) stands for levels of ``n_blocks`` or
                ``n_rows``. See ``docs/design.md`` for every factor.
            size_px: Side of the square image; a multiple of 28 fits Qwen2-VL without resizing.
            name: Defaults to ``<task>-<size>`` where a size split is asked for, else ``<task>``.
            design: How cells are laid out: ``crossing`` (``crossed`` or ``latin_square``),
                ``hold_out`` (combinations of levels), ``cells`` (``kept`` or ``held_out``),
                ``twins`` (``{"change": ..}``: the one thing that two stimuli of a pair differ in).
            questions: What is asked; left out, the task's main question.

        Raises:
            ValueError: For an unknown name, a factor out of range, a contradiction, or a count
                that cannot fill the cells of a ``design`` alike.

        Example:
            >>> towers = StimulusSet.recipe(count=4, size_px=56)
            >>> len(towers), towers[0].answers
            (4, {'will_fall': 'no'})
        """
        asked = {
            "task": task,
            "style": style,
            "seed": seed,
            "count": count,
            "split": split,
            "factors": dict(factors or {}),
            "size_px": size_px,
            "design": dict(design or {}),
            "questions": None if questions is None else list(questions),
        }
        _reject_not_finite("recipe", asked)
        source = _core.Source.recipe(json.dumps(asked))
        size = asked["factors"].get("size")
        default = f"{task}-{size}" if size else task
        return cls(name or default, source, domain=_core.Task(task).domain)

    @classmethod
    def photographs(
        cls,
        table: str | Path,
        images: str | Path | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        answers: Mapping[str, Mapping[str, str]] | None = None,
        humans: str | Path | None = None,
        name: str = "photographs",
    ) -> StimulusSet:
        """Images in a folder with a table of what is true of them.

        Args:
            table: CSV, TSV or Parquet with ``stimulus_id``, ``image`` and one column per question
                (``will_fall``: 1/0, yes/no or true/false). Other columns become factors; a number
                in ``margin`` is the stimulus's margin, too.
            images: Folder that the ``image`` column is relative to; the table's by default.
            columns: Our name to the table's, e.g. ``{"image": "path", "will_fall": "stable"}``.
            answers: Question to the table's values to answers, e.g.
                ``{"will_fall": {"1": "no", "0": "yes"}}`` where the table says what stands.
            humans: Table of human judgments, if there is one.
            name: Appears in logged metrics and in the report.

        Raises:
            FileNotFoundError: If the table, an image or ``humans`` does not exist.
            ValueError: If a column is missing, an id repeats, an answer cannot be read or a file is
                neither PNG, JPEG nor WebP.
        """
        table = Path(table)
        folder = table.parent if images is None else Path(images)
        source = table_source(table, folder, Reading(columns or {}, answers or {}))
        return cls(name, source, humans=_existing(humans))

    @classmethod
    def folder(
        cls,
        path: str | Path,
        *,
        question: str,
        answers: Mapping[str, str],
        humans: str | Path | None = None,
        name: str | None = None,
    ) -> StimulusSet:
        """Images in one subfolder per class, as image classification keeps them.

        Args:
            path: Holds one folder per class; an image's id is its path from here.
            question: What the classes answer, e.g. ``will_fall``.
            answers: Class to answer, e.g. ``{"unstable": "yes", "stable": "no"}``.
            humans: Table of human judgments, if there is one.
            name: Defaults to the folder's.

        Raises:
            FileNotFoundError: If the folder, that of a class or ``humans`` does not exist.
            ValueError: If a folder is no class, a class is empty or a file is neither PNG, JPEG
                nor WebP.
        """
        source = class_source(Path(path), question, answers)
        return cls(name or Path(path).name, source, humans=_existing(humans))

    @classmethod
    def webdataset(
        cls,
        tars: str | Path | Sequence[str | Path],
        *,
        columns: Mapping[str, str],
        answers: Mapping[str, Mapping[str, str]] | None = None,
        image: Sequence[str] = IMAGES,
        humans: str | Path | None = None,
        name: str | None = None,
        cache: ShardCache | None = None,
    ) -> StimulusSet:
        """Samples of tars that others wrote in the WebDataset convention.

        Members that share a name up to the first dot are one sample. The headers are read once
        and listed in ``$COGTRAIN_CACHE`` (``~/.cache/cogtrain``) until length or time change.

        Args:
            tars: A folder of ``*.tar``, one tar, or a list; paths, or URLs that fsspec knows.
            columns: Our name to the place where it stands: the extension of a member, for a JSON
                member followed by keys, e.g. ``{"will_fall": "cls", "stimulus_id": "json.uid"}``.
                What is neither question nor id is a factor. Without ``stimulus_id`` the id is what
                the members' names share, behind the tar's own where two tars hold the same.
            answers: Question to what is written to answers, e.g.
                ``{"will_fall": {"0": "no", "1": "yes"}}``; yes/no, true/false and 1/0 by default.
            image: Extensions of images; every sample holds exactly one of them.
            humans: Table of human judgments, if there is one.
            name: Defaults to that of the folder, or of the first tar.
            cache: Where tars from elsewhere are kept; 20 GiB beside the lists by default.

        Raises:
            FileNotFoundError: If a tar is not there.
            CorruptSetError: If a tar is damaged or cut; names the file and the byte.
            ValueError: If no question is declared or an id occurs twice.
        """
        names = tar_names(tars)
        remote = next((tar for tar in names if "://" in tar), None)
        shelf = (
            (cache or _shard_cache()).shelf(remote.rpartition("/")[0], names) if remote else None
        )
        source = tar_source(Tars(names, image, shelf=shelf), Reading(columns, answers or {}))
        default = tars if isinstance(tars, (str, Path)) else names[0]
        return cls(name or Path(default).stem, source, humans=_existing(humans))

    @classmethod
    def parquet(
        cls,
        files: str | Path | Sequence[str | Path],
        *,
        columns: Mapping[str, str],
        answers: Mapping[str, Mapping[str, str]] | None = None,
        humans: str | Path | None = None,
        name: str | None = None,
        limit_bytes: int = 256 * 1024**2,
    ) -> StimulusSet:
        """Rows of Parquet files with an image column, or of a folder saved by ``datasets``.

        Args:
            files: A folder of ``*.parquet`` or ``*.arrow``, one file, or a list.
            columns: Our name to the column, e.g. ``{"image": "img", "will_fall": "label"}``.
                ``image`` (binary, or bytes and path) is called so by default. What is neither
                question, image nor ``stimulus_id`` is a factor; other columns are not read.
            answers: Question to the column's values, or names of classes, to answers.
            humans: Table of human judgments, if there is one.
            name: Defaults to that of the folder, or of the first file.
            limit_bytes: Most bytes of row groups that are kept in memory.

        Raises:
            FileNotFoundError: If there is no file.
            ValueError: If a file or column cannot be read, or an answer is not spelled out.
        """
        found = column_files(files)
        source = column_source(found, Reading(columns, answers or {}), limit_bytes)
        default = files if isinstance(files, (str, Path)) else found[0].path
        return cls(name or Path(default).stem, source, humans=_existing(humans))

    @classmethod
    def open(cls, path: str | Path, *, cache: ShardCache | None = None) -> StimulusSet:
        """The set in a folder that ``python -m cogtrain render`` wrote.

        Shards are read stimulus by stimulus when they are asked for; a set that is only a recipe is
        drawn. The manifest is checked now, every stimulus when it is read.

        Args:
            path: The folder, or its URL (``s3://bucket/towers``): then shards are fetched whole
                when one of their stimuli is asked for.
            cache: Where shards from elsewhere are kept; 20 GiB in ``$COGTRAIN_CACHE``
                (``~/.cache/cogtrain``) by default.

        Raises:
            FileNotFoundError: If there is no set in the folder; says what is there instead.
            CorruptSetError: If something on disk is not what was written (a ``ValueError``).
            OSError: If the store does not answer, or a shard is longer than the cache may be.
            ValueError: If a recipe would give other stimuli in this version.
        """
        if "://" in str(path):
            return cls._open_remote(str(path).rstrip("/"), cache or _shard_cache())
        folder = Path(path)
        if not (folder / "manifest.json").is_file():
            raise FileNotFoundError(
                f"expected a stimulus set (`manifest.json` and shards) in `{folder}`, "
                f"got {_found(folder)}; {_advice(folder)}"
            )
        return cls._open_manifest(folder, folder.resolve().name, lambda _: None)

    @classmethod
    def _open_remote(cls, url: str, cache: ShardCache) -> StimulusSet:
        text = cache.shelf(url).read("manifest.json")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "manifest.json").write_bytes(text)
            name = url.rpartition("/")[2]
            return cls._open_manifest(Path(folder), name, lambda order: cache.shelf(url, order))

    @classmethod
    def _open_manifest(
        cls, folder: Path, name: str, shelf: Callable[[list[str]], Shelf | None]
    ) -> StimulusSet:
        manifest = json.loads(_core.read_manifest(folder))
        recipe = manifest["recipe"]
        task = recipe.get("task") if isinstance(recipe, dict) else None
        domain = _core.Task(task).domain if task in _core.Task.names() else None
        if manifest["shards"]:
            place = shelf([shard["name"] for shard in manifest["shards"]])
            return cls(name, _core.Source.shards(folder, place), domain=domain)
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
        return replace(drawn, name=name)

    def judged_by(self, humans: str | Path) -> StimulusSet:
        """The same set with a table of human judgments of its stimuli.

        Raises:
            FileNotFoundError: If there is no such table.
        """
        return replace(self, humans=_existing(humans))

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


def _reject_not_finite(name: str, value: object) -> None:
    """JSON has no word for what is no number; the core would not know whose value it was."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(
            f"expected `{name}` to be a finite number, got {value}; correct the recipe"
        )
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _reject_not_finite(str(key), inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _reject_not_finite(name, inner)


def _existing(humans: str | Path | None) -> Path | None:
    if humans is not None and not Path(humans).is_file():
        raise FileNotFoundError(
            f"expected a table at `{humans}`, got nothing there; check the path"
        )
    return None if humans is None else Path(humans)


def _shard_cache() -> ShardCache:
    return ShardCache(cache_folder() / "shards")


def _advice(folder: Path) -> str:
    """What to do with what is at ``folder`` instead of a set."""
    endings = {path.suffix for path in folder.iterdir()} if folder.is_dir() else set()
    return next((advice for end, advice in _FOREIGN.items() if end in endings), _ADVICE)


def _found(folder: Path) -> str:
    """What is at ``folder`` instead of a set, in a few words."""
    if not folder.is_dir():
        return "a file" if folder.exists() else "nothing there"
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join([*names[:4], "..."] if len(names) > 4 else names) or "an empty folder"

"""Writes a stimulus set to disk: tar shards that any program reads, or only the recipe.

::

    OUT/<name>-000000.tar …  per stimulus `<id>.png` and `<id>.json`, all that is known of it
    OUT/manifest.json        versions, recipe, counts, hashes, and where every member lies
    OUT/stimuli.csv          one row per stimulus, in the order of the set
    OUT/datasheet.md         what the set is, how it was made, what it holds
    OUT/frames/<id>/         what happens after release, for as many stimuli as asked for

``StimulusSet.open(OUT)`` reads it back. The folder appears complete or not at all: it grows in
``.OUT.partial``, where the same call goes on after an interruption.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from re import sub
from typing import TYPE_CHECKING, Any

from cogtrain import _core
from cogtrain.datasheet import Margins, datasheet
from cogtrain.environment import usable_threads
from cogtrain.frames import Kind, check_films, write_films
from cogtrain.stimulus_table import row, write_table

if TYPE_CHECKING:
    from cogtrain.stimuli import StimulusSet

Progress = Callable[[int, int], object]
"""Gets the number of stimuli done and the total."""

SAMPLE = 10_000
"""Stimuli that are counted for a set that is only a recipe: its beginning, a second or two."""

_SMALLEST_PX = 28
# The pictures of counted stimuli are thrown away; what is true of them does not depend on the size.


@dataclass(frozen=True)
class Written:
    """A set that was written: how much it is."""

    folder: Path
    stimuli: int
    shards: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What goes into a set besides stimuli and manifest.

    Attributes:
        licence: Terms of use, for the datasheet.
        frames: Stimuli, from the first, whose motion is filmed.
        film: ``png`` (a folder of numbered images), ``gif`` or ``mp4``.
    """

    licence: str = "not stated"
    frames: int = 0
    film: Kind = "png"


def render_set(
    stimuli: "StimulusSet",
    out: str | Path,
    *,
    recipe: Mapping[str, Any] | None = None,
    extras: Extras | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    ahead: Callable[[_core.SetWriter], object] | None = None,
) -> Written:
    """Renders every stimulus of ``stimuli`` into shards in the new folder ``out``.

    Not a byte depends on ``threads``, on the time, or on interruptions; images and records also
    not on any library that is installed. After an interruption (Ctrl-C, a killed process, a full
    disk) the same call goes on: finished shards are verified and kept.

    Args:
        stimuli: The set to write.
        out: A folder that does not exist or is empty; missing parents are made.
        recipe: Keyword arguments of ``StimulusSet.recipe`` that give this set.
        extras: Licence and films; the default is neither.
        threads: Stimuli drawn at once; by default what the machine grants this process.
        progress: Called after each stimulus and every few milliseconds.
        ahead: Lets others write shards first, as `rendering_on_ray` does; what they leave undone
            or damaged is written here.

    Raises:
        FileExistsError: If ``out`` holds something.
        ValueError: If a half-made set of another recipe is in the way, naming the field that
            differs; if two stimuli have one id.
        OSError: If the disk is full or refuses.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from cogtrain import StimulusSet
        >>> towers = StimulusSet.recipe(count=3, size_px=28)
        >>> with TemporaryDirectory() as folder:
        ...     written = render_set(towers, Path(folder) / "towers")
        ...     again = StimulusSet.open(written.folder)
        ...     [again[2].id == towers[2].id, written.shards]
        [True, 1]
    """
    out, extras = Path(out), extras or Extras()
    check_films(stimuli, extras.frames, extras.film)
    writer = _writer(stimuli, out, recipe)
    try:
        if ahead is not None:
            ahead(writer)
        writer.shards(usable_threads() if threads is None else threads, progress or _silent)
        _describe(writer.folder, extras)
        if extras.frames:
            write_films(stimuli, writer.folder / "frames", extras.frames, kind=extras.film)
        writer.publish()
    except ValueError:
        # The same call would meet the same mistake: there is nothing to go on with.
        writer.discard()
        raise
    return _written(out)


def render_recipe(
    out: str | Path,
    *,
    recipe: Mapping[str, Any],
    extras: Extras | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Written:
    """Writes a set that is only its recipe: manifest and datasheet, no images, in seconds.

    Args:
        out: A folder that does not exist or is empty; missing parents are made.
        recipe: Keyword arguments of ``StimulusSet.recipe``.
        extras: Licence; there is nothing to film.
        threads: Threads that count; by default what the machine grants this process.
        progress: Called after each counted stimulus.

    Raises:
        FileExistsError: If ``out`` holds something.
        ValueError: If the recipe is refused, or a half-made set of another is in the way.
    """
    from cogtrain.stimuli import StimulusSet

    out = Path(out)
    stimuli = StimulusSet.recipe(**recipe)
    sample = StimulusSet.recipe(
        **{**recipe, "count": min(len(stimuli), SAMPLE), "size_px": _SMALLEST_PX}
    )
    writer = _writer(stimuli, out, recipe)
    try:
        writer.recipe(
            sample.source, usable_threads() if threads is None else threads, progress or _silent
        )
        _write_datasheet(writer.folder, extras or Extras(), None)
        writer.publish()
    except ValueError:
        writer.discard()
        raise
    return _written(out)


def _silent(done: int, total: int) -> None:
    """No progress is shown."""


def _writer(stimuli: "StimulusSet", out: Path, recipe: Mapping[str, Any] | None) -> _core.SetWriter:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise FileExistsError(
            f"expected `out` to be a new or empty folder, got {out}, which holds something; "
            "choose another folder"
        )
    return _core.SetWriter(*_request(stimuli, out, recipe))


def assist(
    out: Path, recipe: Mapping[str, Any], shards: Sequence[int], *, threads: int
) -> Sequence[int]:
    """Writes some shards of the set that another process is writing to ``out``, and returns them.

    Args:
        out: As given to `render_set` there; the folder it grows in must be seen from here.
        recipe: As given there.
        shards: Numbers of the shards; those that are finished are left alone.
        threads: Stimuli drawn at once.

    Raises:
        ValueError: If nobody writes that set there.
    """
    from cogtrain.stimuli import StimulusSet

    joined = _core.SetWriter.join(*_request(StimulusSet.recipe(**recipe), out, recipe))
    joined.assist(shards, threads, _silent)
    return shards


def _request(
    stimuli: "StimulusSet", out: Path, recipe: Mapping[str, Any] | None
) -> tuple[_core.Source, Path, str, str, str]:
    name = sub(r"[^A-Za-z0-9_-]+", "_", stimuli.name)[:64] or "stimuli"
    asked = json.dumps(None if recipe is None else dict(recipe))
    return stimuli.source, out, name, asked, version("cogtrain")


def _describe(folder: Path, extras: Extras) -> None:
    """Table and datasheet of the shards in ``folder``."""
    margins = Margins()
    columns: dict[str, None] = {}
    for record, shard in records_of(folder):
        margins.add(record)
        columns |= dict.fromkeys(row(record, shard))
    # Read twice rather than held: a set may be larger than memory.
    rows = (row(record, shard) for record, shard in records_of(folder))
    write_table(columns, rows, folder / "stimuli.csv")
    _write_datasheet(folder, extras, margins)


def records_of(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Record and shard of every stimulus of the set in ``folder``, without reading images."""
    source = _core.Source.shards(folder)
    for index in range(len(source)):
        text, shard = source.record(index)
        yield json.loads(text), shard or ""


def _write_datasheet(folder: Path, extras: Extras, margins: Margins | None) -> None:
    manifest = json.loads(_core.read_manifest(folder))
    text = datasheet(manifest, margins, licence=extras.licence)
    (folder / "datasheet.md").write_text(text, encoding="utf-8")


def _written(folder: Path) -> Written:
    manifest = json.loads(_core.read_manifest(folder))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Written(folder, manifest["count"], len(manifest["shards"]), size)

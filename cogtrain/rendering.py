"""Writes a stimulus set as a folder of images with a table: what people open, print and share.

::

    OUT/images/<stimulus id>.png
    OUT/stimuli.csv      one row per stimulus, in the order of the set
    OUT/manifest.json    the recipe, the set's fingerprint and the version that made it

``StimulusSet.open(OUT)`` reads it back. Columns of the table: ``stimulus_id, image``, for each
question its answer by statics and ``<question>_simulated`` by simulation, ``margin``,
``disagreement`` (whether the two answers differ), then the factors.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogtrain._core import Stimulus, encode_png
from cogtrain.environment import usable_threads

if TYPE_CHECKING:
    from cogtrain.stimuli import StimulusSet

LAYOUT_VERSION = 1

Row = dict[str, Any]


def render_folder(
    stimuli: "StimulusSet",
    out: Path,
    *,
    recipe: Mapping[str, Any] | None = None,
    threads: int | None = None,
) -> Path:
    """Renders every stimulus of ``stimuli`` into the new folder ``out`` and returns it.

    The folder appears complete or not at all: it is written aside and renamed. Pixels and table
    do not depend on ``threads`` (default: what the machine grants this process), nor the bytes of
    the images on any library that is installed.

    Args:
        stimuli: The set to write.
        out: A folder that does not exist or is empty; missing parents are made.
        recipe: How the set was asked for; goes into the manifest.
        threads: Stimuli drawn at once.

    Raises:
        FileExistsError: If ``out`` holds something.
    """
    with _written_aside(out) as folder:
        (folder / "images").mkdir()

        def draw(index: int) -> Row:
            return _draw(stimuli[index], folder)

        with ThreadPoolExecutor(threads or usable_threads()) as pool:
            rows = list(pool.map(draw, range(len(stimuli))))
        _write_table(rows, folder / "stimuli.csv")
        manifest = {
            "layout": LAYOUT_VERSION,
            "cogtrain": version("cogtrain"),
            "count": len(rows),
            "fingerprint": stimuli.fingerprint,
            "recipe": dict(recipe or {}),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return out


def _draw(stimulus: Stimulus, folder: Path) -> Row:
    image = Path("images") / f"{stimulus.id}.png"
    (folder / image).write_bytes(encode_png(stimulus.image))
    return table_row(stimulus, image)


def table_row(stimulus: Stimulus, image: Path) -> Row:
    """The line of ``stimuli.csv`` that describes ``stimulus``, whose picture is ``image``."""
    simulated = stimulus.simulated
    row: Row = {"stimulus_id": stimulus.id, "image": image.as_posix()}
    row |= stimulus.answers
    if simulated is not None:
        row |= {f"{question}_simulated": answer for question, answer in simulated.items()}
        row["disagreement"] = str(simulated != stimulus.answers).lower()
    row["margin"] = stimulus.margin
    # A factor never hides a column of ours: a task may well have a factor called `margin`.
    return row | {name: value for name, value in stimulus.factors.items() if name not in row}


def _write_table(rows: list[Row], path: Path) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def _written_aside(out: Path) -> Iterator[Path]:
    """A sibling of ``out`` that becomes ``out`` at the end, or goes away if something fails."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise FileExistsError(
            f"expected `out` to be a new or empty folder, got {out}, which holds something; "
            "choose another folder"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.partial-{os.getpid()}")
    aside.mkdir()
    try:
        yield aside
        aside.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)

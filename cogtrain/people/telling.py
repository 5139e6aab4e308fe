"""Imports exports into a table and tells what was left out: what the verb `judgments` does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cogtrain.judgment_table import table_suffix
from cogtrain.people.exclusions import Exclusions
from cogtrain.people.importing import Format, import_people
from cogtrain.people.pseudonyms import FILE, Pseudonyms
from cogtrain.people.reading import Reading
from cogtrain.people.shown import Shown
from cogtrain.people.wide import Rows


@dataclass(frozen=True)
class Export:
    """What is imported.

    Attributes:
        paths: Files, or folders of them.
        format: What they are.
        rows: What a row of a matrix is.
        stimuli: Table of the known stimuli.
        prolific: Prolific's export of the study.
    """

    paths: Sequence[Path]
    format: Format
    rows: Rows | None = None
    stimuli: Path | None = None
    prolific: Path | None = None


def import_and_tell(
    export: Export,
    out: Path,
    reading: Mapping[str, Any],
    exclusions: Exclusions,
    *,
    salt: Path | None = None,
    keep_ids: bool = False,
) -> None:
    """Writes the judgments of `export` to `out` and prints the report.

    Args:
        export: What is imported.
        out: The table; its suffix says of what kind.
        reading: Fields of `Reading`; those that are `None` keep their default.
        exclusions: Who and what is left out.
        salt: File of the secret by which ids are hidden; by default beside the exports.
        keep_ids: Hide no ids.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If anything cannot be read as told, or `out` would overwrite an export.
    """
    table_suffix(out)
    _require_apart(out, export.paths)
    if keep_ids and salt is not None:
        raise ValueError(
            f"expected either `salt` or `keep_ids`, got `{salt}` and true; ids are hidden or kept"
        )
    shown = Shown() if export.stimuli is None else Shown.table(export.stimuli)
    given = {name: value for name, value in reading.items() if value is not None}
    secret = None if keep_ids else salt or _beside(export.paths[0])
    imported = import_people(
        export.paths,
        format=export.format,
        pseudonyms=None if secret is None else Pseudonyms.of_file(secret),
        reading=Reading(**given, shown=shown),
        exclusions=exclusions,
        rows=export.rows,
        prolific=export.prolific,
    )
    imported.judgments.write(out)
    print(imported.report)
    if secret is not None:
        print(
            f"\nids are hidden by the secret in {secret}: keep it with the exports, publish neither"
        )
    print(f"written: {out}")


def _beside(path: Path) -> Path:
    """Where the secret lies: with the exports, which tell the ids anyway."""
    if not path.exists():
        raise FileNotFoundError(
            f"expected an export at `{path}`, got nothing there; check the path"
        )
    return (path if path.is_dir() else path.parent) / FILE


def _require_apart(out: Path, exports: Sequence[Path]) -> None:
    place = out.resolve()
    for path in exports:
        if place == path.resolve() or (path.is_dir() and place.parent == path.resolve()):
            raise ValueError(
                f"expected `out` apart from the exports, got `{out}`, which is one of them or "
                "would be read as one next time; write elsewhere"
            )

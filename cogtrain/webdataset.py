"""Tars that others wrote in the WebDataset convention, and what their members are declared to say.

Members that share a name up to the first dot are one sample: ``0001.jpg``, ``0001.cls``,
``0001.json``. What is asked of it stands at a *place*: the extension of a member, for a JSON member
followed by keys (``cls``, ``txt``, ``json.label``, ``json.scene.n_blocks``).
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cogtrain import _core
from cogtrain.photographs import Reading, known_questions, spelled
from cogtrain.shard_cache import Shelf

IMAGES = ("png", "jpg", "jpeg", "webp")
"""Extensions of the members that are read as images, unless others are declared."""


@dataclass(frozen=True)
class Tars:
    """Where the tars are and how they are read.

    Attributes:
        names: Paths, or names that ``shelf`` knows.
        image: Extensions of images; every sample holds exactly one of them.
        lists: Folder that keeps what the headers say, so that they are read once.
        shelf: Fetches tars that are not on this machine.
    """

    names: Sequence[str]
    image: Sequence[str] = IMAGES
    lists: Path = field(default_factory=lambda: cache_folder() / "tars")
    shelf: Shelf | None = None


def cache_folder() -> Path:
    """``$COGTRAIN_CACHE``; else ``cogtrain`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    own = os.environ.get("COGTRAIN_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    home = Path(shared) if shared else Path.home() / ".cache"
    return Path(own) if own else home / "cogtrain"


def tar_names(tars: str | Path | Sequence[str | Path]) -> list[str]:
    """A folder's tars in the order of their names, one tar, or the tars of a list, absolute.

    Raises:
        FileNotFoundError: If a tar or folder is not there, or the folder holds no tar.
    """
    if not isinstance(tars, (str, Path)):
        return [name for tar in tars for name in tar_names(tar)]
    if "://" in str(tars):
        return [str(tars)]
    path = Path(tars).resolve()
    if path.is_dir():
        found = sorted(str(tar) for tar in path.glob("*.tar"))
        if not found:
            raise FileNotFoundError(
                f"expected tars (`*.tar`) in `{path}`, got none; name the folder that holds them"
            )
        return found
    if not path.is_file():
        raise FileNotFoundError(f"expected a tar at `{path}`, got nothing there; check the path")
    return [str(path)]


def tar_source(tars: Tars, reading: Reading) -> _core.Source:
    """The samples of ``tars``; ``reading.columns`` takes our names to places.

    A name that some task asks is a question, ``stimulus_id`` the id, any other a factor.

    Raises:
        FileNotFoundError: If a tar is not there.
        CorruptSetError: If a tar is damaged or cut; names the file and the byte.
        ValueError: If no question is declared or an id occurs twice.
    """
    known = known_questions()
    questions = [name for name in reading.columns if name in known]
    if not questions:
        raise ValueError(
            f"expected `columns` to say where the answer of a question ({', '.join(known)}) "
            f"stands, got {', '.join(reading.columns) or 'nothing'}; "
            'declare e.g. {"will_fall": "cls"}'
        )
    stray = [name for name in reading.answers if name not in questions]
    if stray:
        raise ValueError(
            f"expected `answers` for questions of `columns` ({', '.join(questions)}), "
            f"got `{stray[0]}`; declare where it stands"
        )
    fields = {
        "image": [extension.lower().lstrip(".") for extension in tars.image],
        "id": reading.columns.get("stimulus_id"),
        "answers": {name: _asked(name, reading) for name in questions},
        "factors": _factors(reading.columns, questions),
    }
    return _core.Source.webdataset(tars.names, json.dumps(fields), tars.lists, tars.shelf)


def _asked(question: str, reading: Reading) -> dict[str, object]:
    spelling = spelled(question, reading.answers.get(question))
    return {"place": reading.columns[question], "spelling": spelling}


def _factors(columns: Mapping[str, str], questions: Sequence[str]) -> dict[str, str]:
    return {k: v for k, v in columns.items() if k not in questions and k != "stimulus_id"}

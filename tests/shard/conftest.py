"""A set of three shards, written once; a test that damages it takes a copy."""

import shutil
from pathlib import Path

import pytest

from cogtrain import StimulusSet
from cogtrain.rendering import render_set

RECIPE = {"task": "tower", "count": 1100, "seed": 5, "size_px": 28}


@pytest.fixture(scope="session")
def recipe() -> dict[str, object]:
    return dict(RECIPE)


@pytest.fixture(scope="session")
def towers() -> StimulusSet:
    return StimulusSet.recipe(**RECIPE)


@pytest.fixture(scope="session")
def written(towers: StimulusSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set on disk; read it, leave it as it is."""
    out = tmp_path_factory.mktemp("written") / "towers"
    return render_set(towers, out, recipe=RECIPE).folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    """The set on disk, to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` by its name within."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="session")
def files() -> object:
    return contents

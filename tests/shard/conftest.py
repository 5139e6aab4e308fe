"""A set of three shards, written once; a test that damages it takes a copy."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cogtrain import StimulusSet
from cogtrain.rendering import render_set

RECIPE = {"task": "tower", "count": 1100, "seed": 5, "size_px": 28}


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


def files(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` by its name within."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@dataclass(frozen=True)
class Desk:
    """A place to write the set, and what it should become."""

    towers: StimulusSet
    whole: dict[str, bytes]
    out: Path
    recipe: dict[str, object] = field(default_factory=lambda: dict(RECIPE))

    @property
    def partial(self) -> Path:
        return self.out.with_name(f".{self.out.name}.partial")

    def write(self, **options: object) -> None:
        render_set(self.towers, self.out, recipe=self.recipe, **options)

    def is_done(self) -> bool:
        """Whether the set is there, byte for byte, and nothing else."""
        return files(self.out) == self.whole and not self.partial.exists()


@pytest.fixture
def desk(towers: StimulusSet, written: Path, tmp_path: Path) -> Desk:
    return Desk(towers, files(written), tmp_path / "towers")

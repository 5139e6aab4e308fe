"""A little study, and what runs it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cogtrain.study.config import StudyConfig
from cogtrain.study.grid import expand
from cogtrain.study.record import StudyFolder
from tests.study.little import PLAIN, STAND_IN, spelled_out


@pytest.fixture
def complete():
    return spelled_out


@pytest.fixture
def read(tmp_path: Path):
    """Reads a study that differs from the plain one."""

    def _read(**changes: Any) -> StudyConfig:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(PLAIN | changes, sort_keys=False), encoding="utf-8")
        return StudyConfig.read(path)

    return _read


@pytest.fixture
def runs(read, complete):
    return expand(read(), complete)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "out")


@pytest.fixture
def stand_in(tmp_path: Path):
    """Command of a stand-in for `fit`: some runs fail, with `!` are killed once; all take time."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN, encoding="utf-8")

    def command(*failing: str, pace_s: float = 0.0):
        return lambda run: [
            str(script),
            run.verb,
            run.name,
            str(pace_s),
            *failing,
        ]

    return command

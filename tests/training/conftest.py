"""A trained run to look at, and how a W&B offline run is read: wandb ships no reader any more."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.proto.wandb_internal_pb2 import Record

_BLOCK, _HEADER = 32768, struct.Struct("<IHB")  # as in a LevelDB log: checksum, length, type
_FULL, _LAST = 1, 4


class OfflineRun:
    """What one `.wandb` file holds.

    `artifacts` are lists of files by name: what each is called there, and where it lies. `tables`
    are those of the history by the name and step that they were logged with.
    """

    def __init__(self, file: Path) -> None:
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.images: dict[str, list[Path]] = {}
        self.artifacts: dict[str, dict[str, Path]] = {}
        self.step_metrics: dict[str, str] = {}
        self._media = file.parent / "files"
        for content in _contents(file.read_bytes()):
            record = Record()
            record.ParseFromString(content)
            kind = record.WhichOneof("record_type")
            if kind == "history":
                self.history.append(_values(record.history.item))
            elif kind == "artifact":
                files = (Path(each.local_path) for each in record.artifact.manifest.contents)
                images = [file for file in files if file.read_bytes()[:4] == b"\x89PNG"]
                self.images[record.artifact.name] = images
                self.artifacts[record.artifact.name] = {
                    each.path: Path(each.local_path) for each in record.artifact.manifest.contents
                }
            elif kind == "metric":
                self.step_metrics[record.metric.name or record.metric.glob_name] = (
                    record.metric.step_metric
                )
            elif kind in ("run", "config"):
                changes = record.run.config if kind == "run" else record.config
                self.config |= _values(changes.update)

    def table(self, name: str, step: int) -> list[dict[str, Any]]:
        """Rows of the table that was logged under ``name`` in the row of ``step``."""
        (path,) = [
            line[f"{name}/path"]
            for line in self.history
            if f"{name}/path" in line and line["trainer/global_step"] == step
        ]
        content = json.loads((self._media / path).read_text())
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def _contents(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B", "not a W&B file"
    position, parts = _HEADER.size, b""
    while position + _HEADER.size <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER.size:  # too little for a header: filled up
            position += left
            continue
        _, length, kind = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        parts += data[position : position + length]
        position += length
        if kind in (_FULL, _LAST):
            yield parts
            parts = b""


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


@pytest.fixture(scope="session")
def read_offline_run():
    """Reads the W&B offline runs of a run folder, oldest first."""

    def read(folder: Path) -> list[OfflineRun]:
        return [OfflineRun(file) for file in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]

    return read


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Matrices this small are slower on several threads, above all on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


LORA = ["--model.tuning.tune.language", "lora", "--model.tuning.r", "2"]


def towers(name="tower-small", count=24, **options):
    return {"name": name, "count": count, "size_px": 56, "factors": {"size": "small"}} | options


SMALL = {
    "data": {
        "train": [towers(count=64)],
        "val": [towers()],
        "test": [towers(), towers("tower-large", factors={"size": "large"})],
        "batch_size": 16,
        "eval_batch_size": 16,
    },
    "trainer": {"accelerator": "cpu", "val_check_interval": 0.5, "log_every_n_steps": 1},
    "eval": {"stimuli": 5},
}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COGTRAIN_RUN", "")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return tmp_path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """A folder in which `fit` has run once, and what it printed."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    words = ["fit", "--config", "small.yaml", "--name", "mine", *LORA]
    done = subprocess.run(
        [sys.executable, "-m", "cogtrain", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def trained(fitted, workplace):
    """A copy of that folder, to work in."""
    shutil.copytree(fitted[0] / "runs", workplace / "runs")
    return workplace / "runs" / "mine"

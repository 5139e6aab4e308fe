"""How tests read a W&B offline run back: wandb itself no longer ships a reader."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wandb.proto.wandb_internal_pb2 import Record

_BLOCK, _HEADER = 32768, struct.Struct("<IHB")  # as in a LevelDB log: checksum, length, type
_FULL, _LAST = 1, 4


class OfflineRun:
    """What one `.wandb` file holds."""

    def __init__(self, file: Path) -> None:
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        for content in _contents(file.read_bytes()):
            record = Record()
            record.ParseFromString(content)
            kind = record.WhichOneof("record_type")
            if kind == "history":
                self.history.append(_values(record.history.item))
            elif kind in ("run", "config"):
                changes = record.run.config if kind == "run" else record.config
                self.config |= _values(changes.update)


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

"""Features of a frozen tower on disk: a finite set is encoded in the first epoch and then read.

An image is always encoded by itself here, so that its features are the same bits whatever batch it
was met in, and whether they were computed now or by an earlier run.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load, save

from cogtrain.models.image_features import ImageFeatures

_SUFFIX = ".safetensors"


class FeatureCache:
    """Features by stimulus, of one tower, in a folder that several runs may use at once.

    Files are written aside and renamed; one that is damaged is made anew. If there is no room,
    features of the tower that was used longest ago are removed; those of this tower stay, and what
    does not fit beside them is computed every time.

    Args:
        root: Holds a folder for each tower.
        tower: What the features depend on besides the stimulus.
        limit_bytes: Of all files in `root`.
    """

    def __init__(self, root: Path, tower: str, limit_bytes: int) -> None:
        versions = f"{torch.__version__} {transformers.__version__}"
        name = hashlib.blake2b(f"{tower}\n{versions}".encode(), digest_size=16).hexdigest()
        self.folder = root / name
        self.folder.mkdir(parents=True, exist_ok=True)
        os.utime(self.folder)
        self.limit_bytes = limit_bytes
        self._bytes = sum(map(_size, root.rglob(f"*{_SUFFIX}")))

    def features(
        self, stimuli: Sequence[str], encode: Callable[[int], ImageFeatures], device: torch.device
    ) -> ImageFeatures:
        """Features of images, read or else made.

        Args:
            stimuli: What identifies each image, its set and preprocessing included.
            encode: Place of an image to its features.
            device: Where they go.
        """
        names = [f"{device.type} {stimulus}" for stimulus in stimuli]
        found = [self._read(name) or self._made(name, encode(i)) for i, name in enumerate(names)]
        levels = tuple(torch.cat(level).to(device) for level in zip(*found, strict=True))
        return ImageFeatures(levels, tuple(len(each[0]) for each in found))

    def _read(self, stimulus: str) -> tuple[torch.Tensor, ...] | None:
        try:
            tensors = load(self._file(stimulus).read_bytes())
        except (OSError, SafetensorError):
            return None
        return tuple(tensors[str(level)] for level in range(len(tensors)))

    def _made(self, stimulus: str, features: ImageFeatures) -> tuple[torch.Tensor, ...]:
        levels = tuple(level.detach().cpu().contiguous() for level in features.levels)
        content = save({str(index): level for index, level in enumerate(levels)})
        if self._has_room(len(content)):
            file = self._file(stimulus)
            aside = file.with_suffix(f".{os.getpid()}.part")
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                aside.write_bytes(content)
                aside.replace(file)
                self._bytes += len(content)
            except OSError:  # no room on the disk after all: a cache is no reason to stop
                aside.unlink(missing_ok=True)
        return levels

    def _has_room(self, more: int) -> bool:
        while self._bytes + more > self.limit_bytes:
            others = [f for f in self.folder.parent.iterdir() if f.is_dir() and f != self.folder]
            if not others:
                return False
            oldest = min(others, key=lambda folder: folder.stat().st_mtime)
            self._bytes -= sum(map(_size, oldest.rglob(f"*{_SUFFIX}")))
            shutil.rmtree(oldest, ignore_errors=True)
        return True

    def _file(self, stimulus: str) -> Path:
        name = hashlib.blake2b(stimulus.encode(), digest_size=16).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}{_SUFFIX}"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # another run has just removed it
        return 0

"""Checkpoints as files: the old one or the whole new one, whatever dies and however full the disk.

A checkpoint is written beside its place, flushed to the disk, and renamed over the old one.
"""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO


class CheckpointError(OSError):
    """The disk took no new checkpoint; an older one is as it was."""


class CheckpointFile(TorchCheckpointIO):
    """Lightning's way to checkpoints, made atomic.

    Lightning writes to the temporary folder and copies, which on another file system is not.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes ``checkpoint`` aside, flushes it to the disk, and renames it to ``path``.

        Raises:
            CheckpointError: If the disk is full or takes no file; nothing is left aside.
        """
        path = Path(path)
        aside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            _sync_folder(path.parent)
        except (OSError, RuntimeError) as error:  # torch turns some of the former into the latter
            aside.unlink(missing_ok=True)
            raise CheckpointError(_message(path, error)) from error


def _sync_folder(folder: Path) -> None:
    """Flushes the new name, too, where the system can open a folder."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _message(path: Path, error: Exception) -> str:
    reason = (getattr(error, "strerror", None) or str(error).splitlines()[0]).lower()
    kept = "the older one is untouched" if path.exists() else "there is no older one"
    return (
        f"expected room for a checkpoint at `{path}`, got: {reason}; {kept}; make room and continue"
    )

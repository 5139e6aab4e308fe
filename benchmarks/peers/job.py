"""The job that every contestant does: a JPEG photograph to a normalised picture for a model."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE_PX = 448
BATCH = 32
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)


def picture(encoded: bytes) -> np.ndarray:
    """Decoded and resized by Pillow, (448, 448, 3) uint8."""
    image = Image.open(io.BytesIO(encoded)).convert("RGB")
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))


def normalised(pixels: np.ndarray) -> np.ndarray:
    """(448, 448, 3) uint8 → (3, 448, 448) float32."""
    scaled = (pixels.astype(np.float32) / np.float32(255.0) - MEAN) / STD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def sample(encoded: bytes) -> np.ndarray:
    """The whole job by Pillow and numpy."""
    return normalised(picture(encoded))


def files(folder: Path) -> list[Path]:
    return sorted(Path(folder).glob("*.jpg"))


def by_data_loader(stored: Any, threads: int) -> Iterator[np.ndarray]:
    """Batches of torch's DataLoader without end, by `threads` worker processes of a thread each."""
    from torch.utils.data import DataLoader

    loader = DataLoader(
        stored,
        batch_size=BATCH,
        num_workers=threads,
        worker_init_fn=_one_thread_each,
        persistent_workers=True,
    )
    while True:
        for batch in loader:
            yield batch.numpy()


def _one_thread_each(*_: Any) -> None:
    """For worker processes: as many threads in all as there are workers."""
    import torch

    torch.set_num_threads(1)

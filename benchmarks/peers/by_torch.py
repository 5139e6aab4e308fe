"""torch's DataLoader with Pillow in worker processes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job


class Files:
    """A map-style data set of files."""

    def __init__(self, folder: Path) -> None:
        self.paths = job.files(folder)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        return job.sample(self.paths[index].read_bytes())


def prepare(images: Path, folder: Path) -> None:
    folder.symlink_to(images, target_is_directory=True)


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    return job.by_data_loader(Files(folder), threads)

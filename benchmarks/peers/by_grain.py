"""grain: Pillow in its worker processes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job


def prepare(images: Path, folder: Path) -> None:
    folder.symlink_to(images, target_is_directory=True)


def _sample(path: Path) -> np.ndarray:
    return job.sample(path.read_bytes())


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    import grain

    stored = grain.MapDataset.source(job.files(folder)).map(_sample).repeat()
    batched = stored.batch(job.BATCH, drop_remainder=True).to_iter_dataset()
    yield from batched.mp_prefetch(grain.MultiprocessingOptions(num_workers=threads))

"""litdata: its chunks, Pillow in its worker processes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def prepare(images: Path, folder: Path) -> None:
    from litdata import optimize

    names = [str(path) for path in job.files(images)]
    optimize(fn=_read, inputs=names, output_dir=str(folder), chunk_bytes="64MB", num_workers=1)


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    from litdata import StreamingDataLoader, StreamingDataset

    class Stored(StreamingDataset):
        def __getitem__(self, index: object) -> np.ndarray:
            return job.sample(super().__getitem__(index))

    loader = StreamingDataLoader(
        Stored(str(folder), shuffle=False), batch_size=job.BATCH, num_workers=threads
    )
    while True:
        for batch in loader:
            yield np.asarray(batch)

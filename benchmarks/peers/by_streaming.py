"""mosaicml-streaming: its shards, Pillow in the worker processes of torch's DataLoader."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from peers import job


def prepare(images: Path, folder: Path) -> None:
    from streaming import MDSWriter

    with MDSWriter(out=str(folder), columns={"image": "bytes"}) as sink:
        for path in job.files(images):
            sink.write({"image": path.read_bytes()})


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    class Stored(StreamingDataset):
        def __getitem__(self, at: Any) -> np.ndarray:
            return job.sample(super().__getitem__(at)["image"])

    clean_stale_shared_memory()
    stored = Stored(local=str(folder), batch_size=job.BATCH, shuffle=False)
    return job.by_data_loader(stored, threads)

"""webdataset: tars, Pillow in the worker processes of torch's DataLoader."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job

SHARD = 100


def prepare(images: Path, folder: Path) -> None:
    import webdataset

    folder.mkdir()
    with webdataset.ShardWriter(str(folder / "%06d.tar"), maxcount=SHARD, verbose=0) as sink:
        for path in job.files(images):
            sink.write({"__key__": path.stem, "jpg": path.read_bytes()})


def _sample(found: dict[str, bytes]) -> np.ndarray:
    return job.sample(found["jpg"])


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    import webdataset
    from torch.utils.data import DataLoader

    shards = [str(path) for path in sorted(folder.glob("*.tar"))]
    stored = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).map(_sample)
    loader = DataLoader(
        stored,
        batch_size=job.BATCH,
        num_workers=threads,
        worker_init_fn=job.one_thread_each,
        persistent_workers=True,
    )
    while True:
        for batch in loader:
            yield batch.numpy()

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

    shards = [str(path) for path in sorted(folder.glob("*.tar"))]
    stored = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).map(_sample)
    return job.by_data_loader(stored, threads)

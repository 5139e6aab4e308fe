"""DALI on the processor: its own decoder and resampler in native threads."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job


def prepare(images: Path, folder: Path) -> None:
    folder.symlink_to(images, target_is_directory=True)


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    from nvidia.dali import fn, pipeline_def, types

    names = [str(path) for path in job.files(folder)]

    @pipeline_def(batch_size=job.BATCH, num_threads=threads, device_id=None, prefetch_queue_depth=2)
    def line() -> object:
        encoded, _ = fn.readers.file(files=names)
        decoded = fn.decoders.image(encoded, device="cpu", output_type=types.RGB)
        resized = fn.resize(
            decoded, size=[job.SIDE_PX, job.SIDE_PX], interp_type=types.INTERP_CUBIC, antialias=True
        )
        return fn.crop_mirror_normalize(
            resized,
            dtype=types.FLOAT,
            output_layout="CHW",
            mean=(255 * job.MEAN).tolist(),
            std=(255 * job.STD).tolist(),
        )

    pipe = line()
    pipe.build()
    while True:
        (batch,) = pipe.run()
        yield batch.as_array()

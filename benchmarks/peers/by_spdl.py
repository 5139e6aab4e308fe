"""SPDL: FFmpeg in native threads, without the interpreter's lock."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job


def prepare(images: Path, folder: Path) -> None:
    folder.symlink_to(images, target_is_directory=True)


def _sample(path: Path) -> np.ndarray:
    import spdl.io

    frames = spdl.io.decode_packets(
        spdl.io.demux_image(str(path)),
        filter_desc=spdl.io.get_video_filter_desc(
            scale_width=job.SIDE_PX,
            scale_height=job.SIDE_PX,
            scale_algo="bicubic",
            pix_fmt="rgb24",
        ),
    )
    return job.normalised(spdl.io.to_numpy(spdl.io.convert_frames(frames)))


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    from spdl.pipeline import PipelineBuilder

    def source() -> Iterator[Path]:
        while True:
            yield from job.files(folder)

    line = PipelineBuilder().add_source(source()).pipe(_sample, concurrency=threads)
    line = line.aggregate(job.BATCH).pipe(np.stack).add_sink(2)
    built = line.build(num_threads=threads)
    with built.auto_stop():
        yield from built

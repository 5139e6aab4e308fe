"""cogtrain: decoding, resizing and normalising in native threads, into lent buffers."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from peers import job


def prepare(images: Path, folder: Path) -> None:
    folder.mkdir()
    config = {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": job.SIDE_PX},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": job.SIDE_PX, "width": job.SIDE_PX},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": job.MEAN.tolist(),
        "image_std": job.STD.tolist(),
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    with (folder / "stimuli.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("stimulus_id", "image", "will_fall"))
        for index, path in enumerate(job.files(images)):
            table.writerow((path.stem, path.name, ("no", "yes")[index % 2]))
    (folder / "images").symlink_to(images, target_is_directory=True)


def batches(folder: Path, threads: int) -> Iterator[np.ndarray]:
    from cogtrain import Loader, Preprocess, StimulusSet

    stored = StimulusSet.photographs(folder / "stimuli.csv", folder / "images")
    preprocess = Preprocess.from_pretrained(folder, resize="pillow")
    loader = Loader(
        stored, batch_size=job.BATCH, seed=0, preprocess=preprocess, threads=threads, shuffle=False
    )
    while True:
        for batch in loader:
            yield batch.arrays["pixel_values"]

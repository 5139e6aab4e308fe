"""Is every value that a model reads the one that Hugging Face would have made?

Run: python benchmarks/parity.py [--count 500] [--out benchmarks/results/parity.json]

Random images, each in a random mode that Pillow knows, go through both processors of each family;
differing values (or a differing shape or type) are counted. Ours resize as Pillow does, and once
more as torch does, where Hugging Face's are made to resize by torch's antialiased 8-bit path, with
a bicubic filter where theirs is one that torch does not have. Exit code 1 if a value differs.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import record
import torch
from PIL import Image
from transformers import image_processing_backends

from cogtrain import Preprocess

RESAMPLERS = ("pillow", "torch")
# Filters that torch has, by Pillow's numbers.
TORCH_MODES = {2: "bilinear", 3: "bicubic"}
MODES = ["RGB", "L", "RGBA", "P", "CMYK", "LA", "1"]

# Family → where its Pillow processor is, and the configuration of a checkpoint of it.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Qwen2-VL": ("qwen2_vl.Qwen2VL", {}),
    "Qwen3-VL": (
        "qwen2_vl.Qwen2VL",
        {
            "patch_size": 16,
            "size": {"shortest_edge": 65536, "longest_edge": 1048576},
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        },
    ),
    "SigLIP": ("siglip.Siglip", {"size": {"height": 384, "width": 384}}),
    "CLIP": ("clip.CLIP", {}),
    "LLaVA 1.5": (
        "clip.CLIP",
        {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}},
    ),
    "LLaVA, padded": ("llava.Llava", {"do_pad": True}),
    "Idefics3": ("idefics3.Idefics3", {}),
    "SmolVLM": (
        "smolvlm.SmolVLM",
        {"size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}},
    ),
    "InternVL": (
        "got_ocr2.GotOcr2",
        {"size": {"height": 448, "width": 448}, "crop_to_patches": True, "max_patches": 12},
    ),
    "InternVL, whole": ("got_ocr2.GotOcr2", {"size": {"height": 448, "width": 448}}),
}


def resized_by_torch(image: np.ndarray, size: tuple[int, int], resample: int, **_: Any) -> Any:
    """Stands in for the function by which Hugging Face resizes (3, height, width) with Pillow."""
    planes = torch.from_numpy(np.ascontiguousarray(image))[None]
    mode = TORCH_MODES[int(resample)]
    return torch.nn.functional.interpolate(planes, size, mode=mode, antialias=True)[0].numpy()


def resizing(resampler: str) -> AbstractContextManager[object]:
    """While Hugging Face's processors resize so."""
    if resampler == "pillow":
        return nullcontext()
    return mock.patch.object(image_processing_backends, "np_resize", resized_by_torch)


def hugging_face(family: str, **options: Any) -> Any:
    """The processor of Hugging Face that works with Pillow."""
    place, config = FAMILIES[family]
    package, name = place.split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = import_module(f"transformers.models.{package}.image_processing_pil_{package}")
    return getattr(module, f"{name}ImageProcessorPil")(**config | options)


def ours(reference: Any, **options: Any) -> Preprocess:
    """Our processor, from the configuration that the reference saves."""
    with tempfile.TemporaryDirectory() as folder:
        reference.save_pretrained(folder)
        return Preprocess.from_pretrained(folder, **options)


def picture(height: int, width: int, mode: str, rng: np.random.Generator) -> Image.Image:
    """Coloured noise over a smooth ground, in a mode of Pillow's."""
    ground = rng.integers(0, 256, (2, 2, 4), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(ground, "RGBA").resize((width, height), 2))
    noise = rng.integers(0, 256, smooth.shape, dtype=np.uint8)
    pixels = np.where(rng.random((height, width, 1)) < 0.5, smooth, noise)
    image = Image.fromarray(pixels, "RGBA")
    if mode == "P":
        indexed = image.convert("RGB").quantize(16)
        if rng.random() < 0.5:
            indexed.info["transparency"] = int(rng.integers(16))
        return indexed
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def pictures(count: int, largest: int, seed: int) -> Iterator[Image.Image]:
    """Sides from 10 to ``largest``, small ones as likely as large ones."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        height, width = (int(n) for n in np.exp(rng.uniform(np.log(10), np.log(largest), 2)))
        yield picture(height, width, str(rng.choice(MODES)), rng)


def differing(mine: dict[str, np.ndarray], theirs: Any) -> int:
    """Values that are not bit for bit the same; all of them if keys, shapes or types differ."""
    theirs = {key: np.asarray(value) for key, value in theirs.items()}
    total = 0
    for key in mine.keys() | theirs.keys():
        one, other = mine.get(key), theirs.get(key)
        if one is None or other is None or (one.shape, one.dtype) != (other.shape, other.dtype):
            total += max(np.size(one), np.size(other))
        else:
            kind = np.uint32 if one.dtype == np.float32 else one.dtype
            total += int(np.count_nonzero(one.view(kind) != other.view(kind)))
    return total


def is_refused(preprocess: Preprocess, image: Image.Image) -> bool:
    """Whether ours takes as little of `image` as the reference does."""
    try:
        preprocess(image)
    except ValueError:
        return True
    raise AssertionError(f"only Hugging Face refuses an image of {image.size}")


def compare(
    family: str, count: int, *, resampler: str = "pillow", largest: int = 2000
) -> dict[str, int]:
    """Images, values and differing values of one family."""
    reference = hugging_face(family)
    if resampler == "torch" and int(reference.resample) not in TORCH_MODES:
        reference = hugging_face(family, resample=3)
    preprocess = ours(reference, resize=resampler)
    images = values = different = refused = 0
    # Told to say how it tiled, where it can.
    options = {"return_row_col_info": True} if hasattr(reference, "do_image_splitting") else {}
    for image in pictures(count, largest, seed=sorted(FAMILIES).index(family)):
        try:
            with resizing(resampler):
                theirs = reference(image, return_tensors="np", **options)
        except ValueError:
            refused += is_refused(preprocess, image)
            continue
        mine = preprocess(image)
        images += 1
        values += sum(array.size for array in mine.values())
        different += differing(mine, theirs)
    return {"images": images, "values": values, "differing": different, "refused by both": refused}


def main() -> None:
    """Compares, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--families", nargs="*", default=list(FAMILIES))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/parity.json"))
    arguments = parser.parse_args()
    figures: dict[str, dict[str, dict[str, int]]] = {name: {} for name in RESAMPLERS}
    for family, resampler in product(arguments.families, RESAMPLERS):
        row = compare(family, arguments.count, resampler=resampler)
        figures[resampler][family] = row
        print(
            f"{family:<16} {resampler:<7} {row['images']:5} images {row['values']:14,} values "
            f"{row['differing']:8,} differ",
            flush=True,
        )
    command = f"python benchmarks/parity.py --count {arguments.count}"
    record.write(arguments.out, command, {"figures": figures})
    if any(row["differing"] for each in figures.values() for row in each.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

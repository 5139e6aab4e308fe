"""Resized pixels: every one equal to Pillow's, or to torch's 8-bit antialiased path."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from cogtrain._core import resize

PILLOW = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
TORCH = ["bilinear", "bicubic"]


def sizes(count: int, largest: int, seed: int) -> Iterator[tuple[int, int, int, int]]:
    """Heights and widths before and after: random, and each extreme of a side."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        height, width, new_height, new_width = (int(n) for n in rng.integers(1, largest, 4))
        yield height, width, new_height, new_width
    yield from [
        (1, 1, 1, 1), (1, 1, 40, 50), (40, 50, 1, 1), (1, 70, 33, 1), (70, 1, 1, 33),
        (16, 16, 16, 16), (16, 17, 16, 40), (17, 16, 40, 16), (3, 700, 300, 7), (15, 8, 17, 9),
    ]  # fmt: skip


def pixels(height: int, width: int, seed: int) -> np.ndarray:
    """Noise between the extremes, which overshoots and is clipped, in each channel its own."""
    rng = np.random.default_rng([seed, height, width])
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    noise[rng.random((height, width)) < 0.3] = (0, 255, 255)
    return noise


def by_pillow(image: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    resample = Image.Resampling[name.upper()]
    return np.asarray(Image.fromarray(image).resize((width, height), resample))


def by_torch(image: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        planes, size=(height, width), mode=name, antialias=True
    )
    return resized[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("name", PILLOW)
def test_no_value_differs_from_pillow(name: str) -> None:
    for height, width, new_height, new_width in sizes(60, 300, seed=PILLOW.index(name)):
        image = pixels(height, width, seed=0)
        ours = resize(image, new_height, new_width, filter=name)
        theirs = by_pillow(image, new_height, new_width, name)
        assert (ours.dtype, ours.shape) == (np.uint8, theirs.shape)
        differing = np.count_nonzero(ours != theirs)
        assert differing == 0, f"{differing} at {(height, width, new_height, new_width)}"


@pytest.mark.parametrize("name", TORCH)
def test_no_value_differs_from_torch(name: str) -> None:
    for height, width, new_height, new_width in sizes(60, 300, seed=TORCH.index(name)):
        image = pixels(height, width, seed=0)
        ours = resize(image, new_height, new_width, filter=name, resampler="torch")
        differing = np.count_nonzero(ours != by_torch(image, new_height, new_width, name))
        assert differing == 0, f"{differing} at {(height, width, new_height, new_width)}"


def test_the_two_are_not_the_same() -> None:
    image = pixels(64, 64, seed=1)
    assert (resize(image, 30, 30) != resize(image, 30, 30, resampler="torch")).any()


@pytest.mark.parametrize("name", PILLOW)
def test_a_flat_image_stays_flat(name: str) -> None:
    flat = np.full((37, 61, 3), (0, 131, 255), np.uint8)
    assert (resize(flat, 90, 11, filter=name) == flat[0, 0]).all()


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((0, 5), {}, "`resized height` to be between 1 and 1048576, got 0"),
        ((5, 2_000_000), {}, "`resized width` to be between 1 and 1048576, got 2000000"),
        ((5, 5), {"filter": "cubic"}, "got `cubic`; did you mean `bicubic`"),
        ((5, 5), {"resampler": "pil"}, "one of pillow, torch, got `pil`"),
        ((5, 5), {"filter": "lanczos", "resampler": "torch"}, "got `lanczos`; resize as `pillow`"),
    ],
)
def test_what_cannot_be_done_is_refused(
    arguments: tuple[int, int], options: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        resize(np.zeros((4, 4, 3), np.uint8), *arguments, **options)

"""How an image becomes placeholder tokens: one rule for each way in which processors do it.

A rule says how many placeholders an image has from the shapes of the preprocessed arrays and the
model's own config, never from a second file that could disagree with it. The texts are those of the
Hugging Face processors; the tests hold the two together.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.image_processing_utils import select_best_resolution

# What of an image its token sequence depends on: a patch grid, a number of tiles, or nothing.
Shape = tuple[int, ...]
Arrays = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Placeholders:
    """One rule.

    Attributes:
        token: What the chat template writes where an image is.
        repeated: The token that stands for one vector of the image; ``config.image_token_id``.
        arrays: Names of the arrays that preprocessing gives, ``pixel_values`` first.
        spans: ``arrays -> (images,)`` int64, rows of the pixel values that each image has, where
            it is not one each.
        unread: Those among them that shape the sequence and that the model itself does not take.
        shapes: ``(config, arrays) -> shape of each image``.
        text: ``(config, shape) -> what replaces`` ``token``.
    """

    token: str
    repeated: str
    arrays: tuple[str, ...]
    shapes: Callable[[Any, Arrays], list[Shape]]
    text: Callable[[Any, Shape], str]
    spans: Callable[[Arrays], Tensor] | None = None
    unread: frozenset[str] = frozenset()

    def of(self, config: Any, arrays: Arrays) -> list[Shape]:
        """Shape of each image.

        Raises:
            ValueError: If an array is missing, or does not fit the others or the model.
        """
        if missing := [name for name in self.arrays if name not in arrays]:
            raise ValueError(
                f"expected the arrays {', '.join(self.arrays)}, got {', '.join(arrays) or 'none'} "
                f"(no `{missing[0]}`); preprocess with the checkpoint's own configuration"
            )
        return self.shapes(config, arrays)

    def read(self, arrays: Arrays) -> dict[str, Tensor]:
        """What of ``arrays`` the model takes."""
        return {name: arrays[name] for name in self.arrays if name not in self.unread}

    def pick(self, arrays: Arrays, images: Sequence[int]) -> dict[str, Tensor]:
        """Arrays of some images, in the order of ``images``."""
        pixels, *others = self.arrays
        wanted = torch.tensor(images)
        picked = {name: arrays[name][wanted.to(arrays[name].device)] for name in others}
        if self.spans is None:
            return {pixels: arrays[pixels][wanted.to(arrays[pixels].device)]} | picked
        parts = arrays[pixels].split(self.spans(arrays).tolist())
        return {pixels: torch.cat([parts[image] for image in images])} | picked


# --- Qwen: patches in a grid, merged in squares -------------------------------------------------


def _grids(config: Any, arrays: Arrays) -> list[Shape]:
    grids: list[Shape] = [tuple(grid) for grid in arrays["image_grid_thw"].tolist()]
    patches = len(arrays["pixel_values"])
    if (promised := sum(math.prod(grid) for grid in grids)) != patches:
        raise ValueError(
            f"expected {promised} patches by `image_grid_thw`, got {patches} in "
            "`pixel_values`; take both from one preprocessing call"
        )
    side = config.vision_config.spatial_merge_size
    for _, height, width in grids:
        if height % side or width % side:
            raise ValueError(
                f"expected patch grids in multiples of {side}, got {height} x {width}; "
                "use an image size that the model's preprocessing accepts"
            )
    return grids


def _merged(config: Any, grid: Shape) -> str:
    return "<|image_pad|>" * (math.prod(grid) // config.vision_config.spatial_merge_size**2)


PATCH_GRID = Placeholders(
    token="<|image_pad|>",
    repeated="<|image_pad|>",
    arrays=("pixel_values", "image_grid_thw"),
    spans=lambda arrays: arrays["image_grid_thw"].prod(dim=1),
    shapes=_grids,
    text=_merged,
)


# --- Pictures of the one size that the tower knows ----------------------------------------------


def _side(config: Any) -> int:
    size = config.vision_config.image_size
    return int(size if isinstance(size, int) else size[0])


def _patches(config: Any) -> int:
    """Patches of one picture in the vision tower."""
    size = config.vision_config.patch_size
    return (_side(config) // int(size if isinstance(size, int) else size[0])) ** 2


def _check_side(config: Any, arrays: Arrays) -> None:
    height, width = arrays["pixel_values"].shape[-2:]
    if {height, width} != {side := _side(config)}:
        raise ValueError(
            f"expected pictures of {side} x {side} by the model's `image_size`, got {height} x "
            f"{width}; preprocess with the checkpoint's own configuration"
        )


def _one_each(config: Any, arrays: Arrays) -> list[Shape]:
    _check_side(config, arrays)
    return [()] * len(arrays["pixel_values"])


def _crops(config: Any, arrays: Arrays) -> list[Shape]:
    if arrays["num_crops"].any():
        raise ValueError(
            f"expected images without crops, got {int(arrays['num_crops'].max())} of one; "
            "set `do_pan_and_scan` to false"
        )
    return _one_each(config, arrays)


# Vectors that a tower gives beside those of its patches: the summary of CLIP.
_SUMMARIES = {"clip_vision_model": 1, "siglip_vision_model": 0}


def _features(config: Any) -> int:
    """Vectors of one picture that LLaVA lets through: all, or by default all but the first."""
    tower = config.vision_config.model_type
    if tower not in _SUMMARIES:
        raise ValueError(
            f"expected a vision tower of {', '.join(_SUMMARIES)}, got `{tower}`; "
            "use a checkpoint with one of these"
        )
    dropped = config.vision_feature_select_strategy == "default"
    return _patches(config) + _SUMMARIES[tower] - int(dropped)


def _llava(config: Any, _: Shape) -> str:
    return "<image>" * _features(config)


def _gemma3(config: Any, _: Shape) -> str:
    pads = "<image_soft_token>" * config.mm_tokens_per_image
    return f"\n\n<start_of_image>{pads}<end_of_image>\n\n"


PICTURE = Placeholders(
    token="<image>", repeated="<image>", arrays=("pixel_values",), shapes=_one_each, text=_llava
)
FRAMED_PICTURE = Placeholders(
    token="<start_of_image>",
    repeated="<image_soft_token>",
    arrays=("pixel_values", "num_crops"),
    unread=frozenset({"num_crops"}),
    shapes=_crops,
    text=_gemma3,
)


# --- Tiles of that size, and a view of the whole ------------------------------------------------


def _counted(config: Any, arrays: Arrays) -> list[Shape]:
    _check_side(config, arrays)
    counts, tiles = arrays["num_patches"].tolist(), len(arrays["pixel_values"])
    if sum(counts) != tiles:
        raise ValueError(
            f"expected {sum(counts)} tiles by `num_patches`, got {tiles} in `pixel_values`; "
            "take both from one preprocessing call"
        )
    return [(count,) for count in counts]


def _internvl(config: Any, tiles: Shape) -> str:
    per_tile = int(_patches(config) * config.downsample_ratio**2)
    return f"<img>{'<IMG_CONTEXT>' * (per_tile * tiles[0])}</img>"


def _rows_and_columns(config: Any, arrays: Arrays) -> list[Shape]:
    _check_side(config, arrays)
    rows, columns = arrays["rows"].flatten().tolist(), arrays["cols"].flatten().tolist()
    if not len(rows) == len(columns) == len(arrays["pixel_values"]):
        raise ValueError(
            f"expected one image per sample, got {len(rows)} images in "
            f"{len(arrays['pixel_values'])} samples; pass each image as a sample of its own"
        )
    return list(zip(rows, columns, strict=True))


def _idefics3(config: Any, tiling: Shape) -> str:
    pads = "<image>" * (_patches(config) // config.scale_factor**2)
    rows, columns = tiling
    fence = "<fake_token_around_image>"
    lines = [
        "".join(f"{fence}<row_{row}_col_{column}>{pads}" for column in range(1, columns + 1)) + "\n"
        for row in range(1, rows + 1)
    ]
    whole = f"{fence}<global-img>{pads}{fence}"
    return "".join(lines) + ("\n" if lines else "") + whole


def _own_sizes(config: Any, arrays: Arrays) -> list[Shape]:
    _check_side(config, arrays)
    return [tuple(size) for size in arrays["image_sizes"].tolist()]


def _any_resolution(config: Any, size: Shape) -> str:
    """LLaVA-OneVision: the whole, the tiles without their padding, and an end for every line."""
    height, width = size
    tall, wide = select_best_resolution(size, config.image_grid_pinpoints)
    per_side = math.isqrt(_patches(config))
    rows, columns = tall // _side(config) * per_side, wide // _side(config) * per_side
    if width / height > columns / rows:
        fitted = int(round(height * (columns / width), 7))
        rows -= (rows - fitted) // 2 * 2
    else:
        fitted = int(round(width * (rows / height), 7))
        columns -= (columns - fitted) // 2 * 2
    most = int(config.vision_aspect_ratio.removeprefix("anyres_max_"))
    shrink = math.sqrt(rows * columns / (most * per_side**2))
    if shrink > 1.1:
        rows, columns = int(rows // shrink), int(columns // shrink)
    return "<image>" * (_features(config) + rows * columns + rows)


COUNTED_TILES = Placeholders(
    token="<IMG_CONTEXT>",
    repeated="<IMG_CONTEXT>",
    arrays=("pixel_values", "num_patches"),
    spans=lambda arrays: arrays["num_patches"],
    unread=frozenset({"num_patches"}),
    shapes=_counted,
    text=_internvl,
)
NAMED_TILES = Placeholders(
    token="<image>",
    repeated="<image>",
    arrays=("pixel_values", "pixel_attention_mask", "rows", "cols"),
    unread=frozenset({"rows", "cols"}),
    shapes=_rows_and_columns,
    text=_idefics3,
)
ANY_RESOLUTION = Placeholders(
    token="<image>",
    repeated="<image>",
    arrays=("pixel_values", "image_sizes", "batch_num_images"),
    shapes=_own_sizes,
    text=_any_resolution,
)

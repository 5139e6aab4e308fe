"""From arrays back to the image: what a person must see to know what the model saw."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cogtrain import Preprocess


@dataclass(frozen=True)
class PatchLayout:
    """How a processor lays an image out, as its `preprocessor_config.json` says.

    Patches of Qwen2-VL are put together again. Of families that show tiles, the view of the whole
    is the image.

    Args:
        mean: Per channel, subtracted.
        std: Per channel, divided by.
        patch_size: Side of a patch in pixels.
        merge_size: Patches per side that become one token.
        temporal_patch_size: Frames per patch; a still image is repeated.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    patch_size: int = 14
    merge_size: int = 2
    temporal_patch_size: int = 2

    @classmethod
    def read(cls, folder: Path) -> "PatchLayout":
        """Layout of the checkpoint in ``folder``."""
        config = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        sizes = ("patch_size", "merge_size", "temporal_patch_size")
        preprocess = Preprocess.from_pretrained(folder, resize="pillow")
        # A file may be silent about them: what becomes of black and white is what they are.
        black, white = _color(preprocess, 0), _color(preprocess, 255)
        std = 1 / (white - black)
        return cls(
            tuple((-black * std).tolist()),
            tuple(std.tolist()),
            **{name: config[name] for name in sizes if name in config},
        )

    def images(self, arrays: Mapping[str, Tensor]) -> list[np.ndarray]:
        """The images of a batch.

        Args:
            arrays: What the processor made of ``N`` images, by its names.

        Returns:
            ``N`` arrays ``(H, W, 3)`` uint8, equal to what was preprocessed.
        """
        values = arrays["pixel_values"]
        if "image_grid_thw" not in arrays:
            return [self._pixels(picture.permute(1, 2, 0)) for picture in _whole(arrays)]
        grids = arrays["image_grid_thw"]
        parts = values.split(grids.prod(dim=1).tolist())
        return [self._image(part, grid) for part, grid in zip(parts, grids.tolist(), strict=True)]

    def _image(self, patches: Tensor, grid: list[int]) -> np.ndarray:
        (_, rows, columns), side, merge = grid, self.patch_size, self.merge_size
        shape = (-1, rows // merge, columns // merge, merge, merge)
        frames = patches.reshape(*shape, 3, self.temporal_patch_size, side, side)
        # (t, R, C, r, c, channel, frame, y, x) -> (R, r, y, C, c, x, channel) of the first frame
        pixels = frames[0, ..., 0, :, :].permute(0, 2, 5, 1, 3, 6, 4)
        return self._pixels(pixels.reshape(rows * side, columns * side, 3))

    def _pixels(self, values: Tensor) -> np.ndarray:
        """Bytes ``(H, W, 3)`` from normalised values of that shape."""
        pixels = values.float().cpu()
        scaled = (pixels * torch.tensor(self.std) + torch.tensor(self.mean)) * 255.0
        return scaled.round().clamp(0, 255).to(torch.uint8).numpy()


def _color(preprocess: Preprocess, value: int) -> np.ndarray:
    """What the channels of an image become that is ``value`` all over, float64 ``(3,)``."""
    made = preprocess([[np.full((56, 56, 3), value, dtype=np.uint8)]])["pixel_values"]
    first = made[0] if made.ndim < 5 else made[0, 0]
    return first.reshape(3, -1)[:, 0].astype(np.float64)


def _whole(arrays: Mapping[str, Tensor]) -> Tensor:
    """``(N, 3, H, W)`` of pictures or tiles: of tiles the view of the whole, or the only one."""
    values = arrays["pixel_values"]
    if "num_patches" in arrays:  # it is the last one of each image
        return values[(arrays["num_patches"].cumsum(0) - 1).to(values.device)]
    if "rows" in arrays:  # it follows the tiles
        place = (arrays["rows"] * arrays["cols"]).flatten().to(values.device)
        return values[torch.arange(len(values), device=values.device), place]
    return values[:, 0] if values.ndim == 5 else values

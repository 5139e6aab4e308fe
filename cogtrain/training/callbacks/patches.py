"""From patches back to the image: what a person must see to know what the model saw."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchLayout:
    """How a Qwen2-VL processor lays an image out, as its `preprocessor_config.json` says.

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
        return cls(
            tuple(config["image_mean"]),
            tuple(config["image_std"]),
            **{name: config[name] for name in sizes if name in config},
        )

    def images(self, pixel_values: Tensor, image_grid_thw: Tensor) -> list[np.ndarray]:
        """The images of a batch.

        Args:
            pixel_values: ``(patches, channels * temporal_patch_size * patch_size**2)``.
            image_grid_thw: ``(N, 3)``, patches per image in time, height and width.

        Returns:
            ``N`` arrays ``(H, W, 3)`` uint8, equal to what was preprocessed.
        """
        counts = image_grid_thw.prod(dim=1).tolist()
        parts = pixel_values.float().cpu().split(counts)
        grids = image_grid_thw.tolist()
        return [self._image(part, grid) for part, grid in zip(parts, grids, strict=True)]

    def _image(self, patches: Tensor, grid: list[int]) -> np.ndarray:
        (_, rows, columns), side, merge = grid, self.patch_size, self.merge_size
        shape = (-1, rows // merge, columns // merge, merge, merge)
        frames = patches.reshape(*shape, 3, self.temporal_patch_size, side, side)
        # (t, R, C, r, c, channel, frame, y, x) -> (R, r, y, C, c, x, channel) of the first frame
        pixels = frames[0, ..., 0, :, :].permute(0, 2, 5, 1, 3, 6, 4)
        pixels = pixels.reshape(rows * side, columns * side, 3)
        scaled = (pixels * torch.tensor(self.std) + torch.tensor(self.mean)) * 255.0
        return scaled.round().clamp(0, 255).to(torch.uint8).numpy()

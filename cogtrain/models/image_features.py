"""What a vision tower and its merger make of images: vectors, made once for all questions.

They enter the language model through ``mm_encoder_outputs`` of `transformers`, so that an image may
be read in several rows, or have been encoded in another pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from cogtrain.models.families import Family
from cogtrain.models.placeholders import Arrays


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """Vectors of images, one image after the other.

    Attributes:
        levels: ``(vectors, hidden)`` each: what stands at the placeholders, then what later layers
            add there, where a family has that (the deepstack of Qwen3-VL).
        counts: Vectors of each image.
    """

    levels: tuple[Tensor, ...]
    counts: tuple[int, ...]

    @classmethod
    def encode(
        cls, core: Any, family: Family, arrays: Arrays, counts: Sequence[int]
    ) -> "ImageFeatures":
        """Runs the tower over images.

        Args:
            core: The `transformers` model without its output layer.
            family: Its record.
            arrays: Of the images.
            counts: Vectors of each, by its placeholders.

        Raises:
            ValueError: If the tower makes another number of them.
        """
        output = core.get_image_features(**family.images.read(arrays), return_dict=True)
        deeper = getattr(output, "deepstack_features", None) or ()
        levels = tuple(map(_flat, (output.pooler_output, *deeper)))
        if made := {len(level) for level in levels} - {sum(counts)}:
            raise ValueError(
                f"expected {sum(counts)} vectors for the placeholders of {len(counts)} images, got "
                f"{made.pop()} from the vision tower; take `config.json`, preprocessing and "
                "weights from one checkpoint"
            )
        return cls(levels, tuple(counts))

    def of(self, images: Sequence[int]) -> "ImageFeatures":
        """Those of ``images``, in that order, each as often as it is named."""
        if tuple(images) == tuple(range(len(self.counts))):
            return self
        parts = [level.split(self.counts) for level in self.levels]
        levels = tuple(torch.cat([level[image] for image in images]) for level in parts)
        return ImageFeatures(levels, tuple(self.counts[image] for image in images))

    def inputs(self, family: Family) -> dict[str, Any]:
        """As the model of ``family`` takes them: ``mm_encoder_outputs``."""
        first, *deeper = self.levels
        vectors = first if family.is_stacked else (first,)
        return {
            "image": SimpleNamespace(
                pooler_output=vectors, deepstack_features=[(each,) for each in deeper]
            )
        }


def _flat(vectors: Any) -> Tensor:
    """``(vectors, hidden)`` of what families give as a list or as a tensor of any shape."""
    parts = list(vectors) if isinstance(vectors, list | tuple) else [vectors]
    flat = [part.flatten(0, -2) for part in parts]
    return flat[0] if len(flat) == 1 else torch.cat(flat)

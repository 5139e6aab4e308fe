"""AskedImages: the images of a batch and what is asked of them, read row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cogtrain.models.answers import Reading
from cogtrain.models.image_features import ImageFeatures
from cogtrain.models.language import states_of
from cogtrain.models.menu import Menu
from cogtrain.models.placeholders import Arrays, Shape
from cogtrain.models.sequences import Row, laid

if TYPE_CHECKING:
    from cogtrain.models.vlm import VLM


@dataclass(frozen=True, slots=True)
class AskedImages:
    """What of a batch does not depend on how it is read.

    Attributes:
        arrays: Of all images.
        shapes: Of each image.
        menus: Of each item.
        stimuli: What identifies each image, where its features may be kept.
    """

    arrays: Arrays
    shapes: Sequence[Shape]
    menus: Sequence[Menu]
    stimuli: Sequence[str] | None = None

    def masses(self, vlm: "VLM", rows: Sequence[Row]) -> Tensor:
        """``(items of rows, most options)`` log mass, the items in the order of the rows."""
        shown = [row.image for row in rows if row.image is not None]
        images = list(dict.fromkeys(shown))
        place = {image: index for index, image in enumerate(images)}
        features = None
        if images:
            features = self.features(vlm, images).of([place[image] for image in shown])
        sequences = laid(rows)
        states = states_of(vlm.model, vlm.family, sequences, features)
        reading = Reading.of([self.menus[item] for item in sequences.items], vlm.device)
        last = sequences.last[reading.item] + reading.offset
        hidden = states[sequences.row[reading.item], last]
        return reading.score(vlm.model.get_output_embeddings()(hidden)).log_mass

    def features(self, vlm: "VLM", images: Sequence[int]) -> ImageFeatures:
        """Features of ``images``, from the cache if there is one."""
        if vlm.feature_cache is None or self.stimuli is None:
            return self._encoded(vlm, images)
        names = [self.stimuli[image] for image in images]
        with torch.no_grad():
            return vlm.feature_cache.features(
                names, lambda index: self._encoded(vlm, [images[index]]), vlm.device
            )

    def _encoded(self, vlm: "VLM", images: Sequence[int]) -> ImageFeatures:
        arrays = self.arrays
        if list(images) != list(range(len(self.shapes))):
            arrays = vlm.family.images.pick(arrays, images)
        counts = [vlm._builder.vectors(self.shapes[image]) for image in images]
        return ImageFeatures.encode(vlm.model.model, vlm.family, arrays, counts)

import json

import numpy as np
import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from cogtrain import Preprocess
from cogtrain.models.checkpoint import folder
from cogtrain.training.callbacks.patches import PatchLayout
from tests.models.tiny_families import RECIPES


@pytest.mark.parametrize("sizes", [[(56, 56)], [(56, 84), (112, 56), (28, 140)]])
def test_gives_back_what_the_hugging_face_processor_took(sizes):
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    processor = Qwen2VLImageProcessorPil.from_pretrained(folder("tiny"))
    made = processor(images=images, do_resize=False, return_tensors="pt")
    back = PatchLayout.read(folder("tiny")).images(made)
    for image, restored in zip(images, back, strict=True):
        np.testing.assert_array_equal(restored, image)


def test_takes_half_precision():
    layout = PatchLayout(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    grey = torch.zeros(4, 3 * 2 * 14 * 14, dtype=torch.bfloat16)
    (image,) = layout.images({"pixel_values": grey, "image_grid_thw": torch.tensor([[1, 2, 2]])})
    assert image.shape == (28, 28, 3)
    assert (image == 128).all()


@pytest.mark.parametrize("name", ["smolvlm", "llava", "llava_onevision", "internvl", "gemma3"])
def test_of_tiles_the_view_of_the_whole_is_shown(name, tmp_path):
    """Smooth pictures of two sizes, which tiling shrinks and enlarges without changing much."""
    ramp = np.linspace(0, 255, 112)
    square = np.stack([*np.meshgrid(ramp, ramp), np.full((112, 112), 99.0)], axis=-1)
    images = [square.astype(np.uint8), square.astype(np.uint8)[::2, ::2]]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(RECIPES[name].images))
    made = Preprocess.from_pretrained(tmp_path, resize="pillow")([[image] for image in images])
    arrays = {key: torch.from_numpy(each) for key, each in made.items()}
    shown = PatchLayout.read(tmp_path).images(arrays)
    assert [image.shape for image in shown] == [(56, 56, 3)] * 2
    for image in shown:
        assert np.abs(image.astype(int) - images[1]).max() <= 6

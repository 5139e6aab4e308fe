"""What a loader writes image by image is what the preprocess makes of the whole batch."""

import json
from pathlib import Path
from typing import Any

import pytest

from cogtrain import Loader, Preprocess, StimulusSet

_COMMON: dict[str, Any] = {
    "do_resize": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
FAMILIES: dict[str, dict[str, Any]] = {
    "idefics3": {
        "image_processor_type": "Idefics3ImageProcessor",
        "do_convert_rgb": True,
        "size": {"longest_edge": 364},
        "do_image_splitting": True,
        "max_image_size": {"longest_edge": 182},
        "do_pad": True,
        "resample": 1,
    },
    "llava-onevision": {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "size": {"height": 112, "width": 112},
        "image_grid_pinpoints": [[112, 112], [112, 224], [224, 224]],
        "resample": 3,
    },
    "internvl": {
        "image_processor_type": "GotOcr2ImageProcessor",
        "size": {"height": 56, "width": 56},
        "crop_to_patches": True,
        "resample": 3,
    },
    "gemma3": {
        "image_processor_type": "Gemma3ImageProcessor",
        "size": {"height": 112, "width": 112},
        "resample": 2,
    },
    "siglip": {
        "image_processor_type": "SiglipImageProcessor",
        "size": {"height": 112, "width": 112},
        "resample": 3,
    },
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_is_what_the_preprocess_makes(tmp_path: Path, family: str, dtype: str) -> None:
    config = FAMILIES[family] | _COMMON
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")
    preprocess = Preprocess.from_pretrained(tmp_path, resize="pillow", dtype=dtype)
    sets = [
        StimulusSet.recipe(count=5, size_px=112),
        StimulusSet.recipe(count=4, size_px=224, seed=1),
    ]
    by_id = {stimulus.id: stimulus.image for each in sets for stimulus in each}
    loader = Loader(sets, batch_size=3, seed=0, preprocess=preprocess, threads=2)
    for batch in loader:
        expected = preprocess([[by_id[name]] for name in batch.ids])
        assert batch.arrays.keys() == expected.keys()
        for key, value in expected.items():
            assert (batch.arrays[key].shape, batch.arrays[key].dtype) == (value.shape, value.dtype)
            assert batch.arrays[key].tobytes() == value.tobytes()
    assert loader.statistics()["prepare"]["samples"] == 9

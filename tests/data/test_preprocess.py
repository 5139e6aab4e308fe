"""Model input: bit for bit that of the Hugging Face PIL processor, or a refusal."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cogtrain import Preprocess, StimulusSet


@pytest.fixture(scope="module")
def oracle() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
            Qwen2VLImageProcessorPil,
        )
    return Qwen2VLImageProcessorPil


def assert_same_bits(ours: dict[str, np.ndarray], theirs: Any) -> None:
    assert set(ours) == {"pixel_values", "image_grid_thw"}
    for key, mine in ours.items():
        expected = np.asarray(theirs[key])
        assert (mine.dtype, mine.shape) == (expected.dtype, expected.shape), key
        assert mine.tobytes() == expected.tobytes(), key


def random_images(count: int, factor: int, seed: int) -> list[np.ndarray]:
    """Sides are multiples of ``factor`` with an area that needs no resize by default."""
    rng = np.random.default_rng(seed)
    images: list[np.ndarray] = []
    while len(images) < count:
        height, width = (int(n) * factor for n in rng.integers(1, 20, 2))
        if 56 * 56 <= height * width <= 28 * 28 * 1280:
            images.append(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return images


def test_two_hundred_images_of_random_sizes_have_the_same_bits(oracle: Any) -> None:
    images = random_images(200, 28, seed=0)
    assert len({image.shape for image in images}) > 100
    preprocess, reference = Preprocess.qwen2_vl(), oracle()
    for start in range(0, 200, 8):
        some = images[start : start + 8]
        assert_same_bits(preprocess(some), reference(some))


def test_every_value_of_every_channel_has_the_same_bits(oracle: Any) -> None:
    ramp = np.arange(56 * 56 * 3, dtype=np.uint32).reshape(56, 56, 3)
    image = np.stack([(ramp[..., 0] // 3 + shift) % 256 for shift in (0, 91, 200)], -1).astype(
        np.uint8
    )
    assert all(len(np.unique(image[..., channel])) == 256 for channel in range(3))
    assert_same_bits(Preprocess.qwen2_vl()(image), oracle()(image))


@pytest.mark.parametrize(
    "options",
    [
        {"patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
        {"patch_size": 7, "merge_size": 3, "temporal_patch_size": 1},
        {"temporal_patch_size": 3, "rescale_factor": 1 / 127.5, "merge_size": 1},
    ],
)
def test_other_parameters_have_the_same_bits(oracle: Any, options: dict[str, Any]) -> None:
    factor = options.get("patch_size", 14) * options.get("merge_size", 2)
    images = random_images(5, factor, seed=1)
    assert_same_bits(
        Preprocess.qwen2_vl(**options)(images), oracle(**options)(images, return_tensors="np")
    )


def test_rendered_stimuli_have_the_same_bits(oracle: Any) -> None:
    images = [stimulus.image for stimulus in StimulusSet.recipe(count=6, size_px=224)]
    assert_same_bits(Preprocess.qwen2_vl()(images), oracle()(images))


def test_one_image_a_list_and_a_stack_are_the_same() -> None:
    image = np.random.default_rng(2).integers(0, 256, (56, 84, 3), dtype=np.uint8)
    preprocess = Preprocess.qwen2_vl()
    one = preprocess(image)
    for same in ([image], (image,), image[None], image.copy(order="F")):
        assert_same_bits(preprocess(same), one)
    assert one["image_grid_thw"].tolist() == [[1, 4, 6]]
    assert one["pixel_values"].flags.writeable


CONFIGURATIONS = {
    "edges": {"size": {"shortest_edge": 784, "longest_edge": 200704}},
    "pixels": {"min_pixels": 784, "max_pixels": 200704},
    "both": {
        "size": {"shortest_edge": 9, "longest_edge": 10},
        "min_pixels": 784,
        "max_pixels": 200704,
    },
}


@pytest.mark.parametrize("spelling", CONFIGURATIONS)
def test_a_checkpoint_is_read_in_every_spelling(tmp_path: Path, oracle: Any, spelling: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "Qwen2VLImageProcessor", **CONFIGURATIONS[spelling]})
    )
    preprocess, reference = Preprocess.from_pretrained(tmp_path), oracle.from_pretrained(tmp_path)
    for size in (28, 448):
        image = np.full((size, size, 3), 77, np.uint8)
        assert_same_bits(preprocess(image), reference(image))
    with pytest.raises(ValueError, match="between 784 and 200704, got 225792"):
        preprocess(np.zeros((448, 504, 3), np.uint8))


def test_what_transformers_saves_is_read(tmp_path: Path, oracle: Any) -> None:
    reference = oracle(image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6], patch_size=16)
    reference.save_pretrained(tmp_path)
    image = random_images(1, 32, seed=3)[0]
    assert_same_bits(
        Preprocess.from_pretrained(tmp_path)(image), reference(image, return_tensors="np")
    )
    nested = {"image_processor": json.loads((tmp_path / "preprocessor_config.json").read_text())}
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert_same_bits(
        Preprocess.from_pretrained(tmp_path)(image), reference(image, return_tensors="np")
    )


def test_a_missing_or_foreign_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"preprocessor_config\.json"):
        Preprocess.from_pretrained(tmp_path)
    file = tmp_path / "preprocessor_config.json"
    file.write_text('{"image_processor_type": "ViTImageProcessor"}')
    words = r'one of `Qwen2VL.*`GotOcr2Image.*got "ViTImageProcessor"; use a checkpoint of one of'
    with pytest.raises(ValueError, match=words):
        Preprocess.from_pretrained(tmp_path)
    file.write_text("{")
    with pytest.raises(ValueError, match="to be JSON, got EOF while parsing"):
        Preprocess.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((250, 224), 'a multiple of 28, got 250; use 252, or pass `resize="pillow"`'),
        ((224, 250), "`image width` to be a multiple of 28, got 250; use 252"),
        ((28, 56), r"between 3136 and 1003520, got 1568 \(28 × 56\); use 56 × 84"),
        ((1120, 1120), r"got 1254400 \(1120 × 1120\); use 980 × 980"),
        ((28, 5628), "at most 200 times longer than wide, got 28 × 5628"),
    ],
)
def test_a_size_that_would_be_resized_is_refused_with_the_one_to_use(
    shape: tuple[int, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Preprocess.qwen2_vl()(np.zeros((*shape, 3), np.uint8))


def test_the_sizes_to_use_are_those_of_hugging_face() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
    rng, preprocess = np.random.default_rng(4), Preprocess.qwen2_vl()
    for _ in range(200):
        height, width = (int(n) for n in rng.integers(20, 2200, 2))
        fit = smart_resize(height, width, 28, 56 * 56, 28 * 28 * 1280)
        if fit == (height, width):
            continue
        with pytest.raises(ValueError, match="use ") as caught:
            preprocess(np.zeros((height, width, 3), np.uint8))
        advice = str(caught.value).rsplit("use ", 1)[1].removesuffix(', or pass `resize="pillow"`')
        advice = [int(n) for n in advice.split(" × ")]
        expected = fit[0] if height % 28 else fit[1]
        assert advice == ([expected] if len(advice) == 1 else list(fit))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((56, 56, 3)), r"got float64 of shape \[56, 56, 3\]"),
        (np.zeros((56, 56), np.uint8), r"got uint8 of shape \[56, 56\]"),
        (np.zeros((3, 56, 56), np.uint8), r"got uint8 of shape \[3, 56, 56\]"),
    ],
)
def test_what_is_no_rgb_image_is_refused(image: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Preprocess.qwen2_vl()([image])


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="`patch_size` to be between 1 and 256, got 0"):
        Preprocess.qwen2_vl(patch_size=0)
    with pytest.raises(ValueError, match=r"at most `max_pixels` \(10\), got 3136"):
        Preprocess.qwen2_vl(max_pixels=10)
    with pytest.raises(ValueError, match="`image_std` to be above 0"):
        Preprocess.qwen2_vl(image_std=[0, 1, 1])

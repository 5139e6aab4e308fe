"""Each family of image processors: bit for bit what Hugging Face makes with Pillow."""

import json
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cogtrain import Loader, Preprocess, StimulusSet
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import collate

Arrays = dict[str, np.ndarray]

# Name → module and class of the reference, and what its checkpoint says; sizes are kept small.
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen2-vl": ("qwen2_vl.Qwen2VL", {"max_pixels": 90000}),
    "qwen3-vl": (
        "qwen2_vl.Qwen2VL",
        {"patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "max_pixels": 90000},
    ),
    "qwen2-vl, bilinear": ("qwen2_vl.Qwen2VL", {"resample": 2, "min_pixels": 9000}),
    "siglip": ("siglip.Siglip", {}),
    "siglip, lanczos": ("siglip.Siglip", {"resample": 1, "size": {"height": 96, "width": 160}}),
    "siglip, nearest": ("siglip.Siglip", {"resample": 0, "image_mean": 0.4, "image_std": 0.3}),
    "siglip, cropped": ("siglip.Siglip", {"do_center_crop": True, "crop_size": 200}),
    "siglip, padded": ("siglip.Siglip", {"do_pad": True, "do_convert_rgb": False}),
    "siglip, padded beyond": (
        "siglip.Siglip",
        {"do_pad": True, "pad_size": {"height": 230, "width": 251}},
    ),
    "clip, padded to the largest": (
        "clip.CLIP",
        {"size": {"shortest_edge": 60}, "do_center_crop": False, "do_pad": True},
    ),
    "clip, padded beyond": (
        "clip.CLIP",
        {"size": 50, "crop_size": 48, "do_pad": True, "pad_size": 64, "do_normalize": False},
    ),
    "clip": ("clip.CLIP", {}),
    "clip, old spelling": ("clip.CLIP", {"size": 100, "crop_size": 90}),
    "clip, cropped beyond": ("clip.CLIP", {"size": {"shortest_edge": 60}, "crop_size": 91}),
    "clip, not resized": ("clip.CLIP", {"do_resize": False, "crop_size": [150, 121]}),
    "clip, bounded": (
        "clip.CLIP",
        {"size": {"shortest_edge": 80, "longest_edge": 100}, "do_rescale": False},
    ),
    "clip, within": ("clip.CLIP", {"size": {"max_height": 90, "max_width": 70}}),
    "llava, 1.5": ("clip.CLIP", {"size": {"shortest_edge": 336}, "crop_size": 336}),
    "llava": ("llava.Llava", {"do_normalize": False}),
    "llava, padded": ("llava.Llava", {"do_pad": True}),
    "idefics3": (
        "idefics3.Idefics3",
        {"size": {"longest_edge": 300}, "max_image_size": {"longest_edge": 91}},
    ),
    "idefics3, whole": (
        "idefics3.Idefics3",
        {"do_image_splitting": False, "max_image_size": {"longest_edge": 91}},
    ),
    "smolvlm": (
        "smolvlm.SmolVLM",
        {"size": {"longest_edge": 256}, "max_image_size": {"longest_edge": 128}},
    ),
    "internvl": (
        "got_ocr2.GotOcr2",
        {"size": {"height": 112, "width": 96}, "crop_to_patches": True, "max_patches": 9},
    ),
    "llava-onevision": (
        "llava_onevision.LlavaOnevision",
        {
            "size": {"height": 48, "width": 48},
            "image_grid_pinpoints": [[48, 96], [96, 96], [96, 48], [48, 144], [144, 48]],
        },
    ),
    "llava-onevision, many": (
        "llava_onevision.LlavaOnevision",
        {"size": {"height": 384, "width": 384}, "resample": 2},
    ),
    "gemma3": ("gemma3.Gemma3", {"size": {"height": 112, "width": 112}}),
    "internvl, whole": ("got_ocr2.GotOcr2", {"size": {"height": 112, "width": 96}}),
}
PADDED = ["siglip, padded", "siglip, padded beyond", "clip, padded to the largest"]
TILED = ["idefics3", "smolvlm", "internvl", "llava-onevision"]


def pair(name: str, folder: Path, **options: Any) -> tuple[Preprocess, Any]:
    """Ours, built from what the reference saves, and the reference."""
    place, config = CONFIGS[name]
    package, family = place.split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = import_module(f"transformers.models.{package}.image_processing_pil_{package}")
    reference = getattr(module, f"{family}ImageProcessorPil")(**config)
    # As checkpoints spell it: only what was given, not what the reference made of it.
    spelled = {"image_processor_type": f"{family}ImageProcessor", **config}
    (folder / "preprocessor_config.json").write_text(json.dumps(spelled))
    return Preprocess.from_pretrained(folder, **{"resize": "pillow", **options}), reference


def made(reference: Any, images: Any) -> Arrays:
    """What the reference makes, told to say how it tiled where it can."""
    options = {"return_row_col_info": True} if hasattr(reference, "do_image_splitting") else {}
    return dict(reference(images, return_tensors="np", **options))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, height, width])
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def random_images(count: int, seed: int) -> list[Image.Image]:
    """Sides from 10 to 600, small ones as likely as large ones."""
    rng = np.random.default_rng(seed)
    sides = np.exp(rng.uniform(np.log(10), np.log(600), (count, 2))).astype(int)
    return [Image.fromarray(noise(int(height), int(width))) for height, width in sides]


def assert_same_bits(ours: Arrays, theirs: Any) -> None:
    assert set(ours) == set(theirs)
    for key, mine in ours.items():
        expected = np.asarray(theirs[key])
        assert (mine.dtype, mine.shape) == (expected.dtype, expected.shape), key
        differing = np.count_nonzero(mine != expected)
        assert mine.tobytes() == expected.tobytes(), f"{key}: {differing} differ"


@pytest.mark.parametrize("name", CONFIGS)
def test_no_value_differs_from_hugging_face(name: str, tmp_path: Path) -> None:
    preprocess, reference = pair(name, tmp_path)
    for image in random_images(8, seed=list(CONFIGS).index(name)):
        assert_same_bits(preprocess(image), made(reference, image))


@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_reference_saves_is_read(name: str, tmp_path: Path) -> None:
    preprocess, reference = pair(name, tmp_path)
    image = noise(70, 90)
    expected = preprocess(image)
    reference.save_pretrained(tmp_path)
    assert_same_bits(Preprocess.from_pretrained(tmp_path, resize="pillow")(image), expected)


@pytest.mark.parametrize(
    "name",
    ["qwen2-vl", "siglip", "clip", "llava, padded", "gemma3", *PADDED, *TILED],
)
def test_a_list_of_images_is_one_call(name: str, tmp_path: Path) -> None:
    preprocess, reference = pair(name, tmp_path)
    images = random_images(3, seed=5)
    assert_same_bits(preprocess(images), made(reference, images))


@pytest.mark.parametrize("name", ["idefics3", "smolvlm"])
def test_samples_of_several_images_are_padded_and_masked(name: str, tmp_path: Path) -> None:
    preprocess, reference = pair(name, tmp_path)
    first, second, third = random_images(3, seed=6)
    samples = [[first, second], [third]]
    arrays = preprocess(samples)
    tiles = {key: arrays.pop(key).tolist() for key in ("rows", "cols")}
    theirs = made(reference, samples)
    for key, numbers in tiles.items():  # the second sample has one image: filled up
        assert [numbers[0], numbers[1][:1]] == theirs.pop(key)
        assert numbers[1][1] == 0
    assert_same_bits(arrays, theirs)
    assert arrays["pixel_attention_mask"].min() == 0


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "PA", "CMYK", "1", "I", "YCbCr"])
@pytest.mark.parametrize("name", ["siglip", "qwen2-vl", "smolvlm"])
def test_every_mode_of_pillow_is_taken_alike(name: str, mode: str, tmp_path: Path) -> None:
    preprocess, reference = pair(name, tmp_path)
    rgba = np.random.default_rng(8).integers(0, 256, (60, 80, 4), dtype=np.uint8)
    image = Image.fromarray(rgba, "RGBA")
    image = image if mode == "RGBA" else image.convert("LA" if mode == "PA" else "RGB")
    assert_same_bits(preprocess(image.convert(mode)), made(reference, image.convert(mode)))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_what_is_not_to_be_converted_must_be_rgb(mode: str, tmp_path: Path) -> None:
    preprocess, reference = pair("siglip, padded", tmp_path)
    image = Image.fromarray(noise(50, 50))
    assert_same_bits(preprocess([image]), made(reference, [image]))
    with pytest.raises(ValueError, match="mean must have"):
        made(reference, image.convert(mode))
    words = f"`image mode` to be RGB, got {mode}; convert it: `do_convert_rgb`"
    for images in (image.convert(mode), [[image], [image.convert(mode)]]):
        with pytest.raises(ValueError, match=words):
            preprocess(images)


def test_nothing_larger_than_the_padding_is_taken(tmp_path: Path) -> None:
    _, reference = pair("clip, padded beyond", tmp_path)
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pad_size": [40, 64]}))
    with pytest.raises(ValueError, match="Padding dimensions are negative"):
        reference(noise(50, 50), pad_size={"height": 40, "width": 64}, return_tensors="np")
    with pytest.raises(ValueError, match="at most the `pad_size`, 40 × 64, got 48 × 48"):
        Preprocess.from_pretrained(tmp_path, resize="pillow")(noise(50, 50))


def test_a_loader_pads_to_the_largest_of_its_batch(tmp_path: Path) -> None:
    preprocess, reference = pair("clip, padded to the largest", tmp_path)
    images = random_images(5, seed=3)
    paths = [tmp_path / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        image.save(path)
    table = tmp_path / "table.csv"
    rows = [f"{path.stem},{path.name},yes" for path in paths]
    table.write_text("\n".join(["stimulus_id,image,will_fall", *rows]))
    photographs = StimulusSet.photographs(table)
    loader = Loader(photographs, batch_size=5, seed=0, shuffle=False, preprocess=preprocess)
    batch = next(iter(loader))
    assert_same_bits(batch.arrays, made(reference, images))


def test_a_transparent_colour_of_a_palette_is_white(tmp_path: Path) -> None:
    preprocess, reference = pair("siglip", tmp_path)
    image = Image.fromarray(noise(50, 50)).quantize(8)
    opaque = preprocess(image)["pixel_values"]
    image.info["transparency"] = 3
    arrays = preprocess(image)
    assert_same_bits(arrays, made(reference, image))
    assert (arrays["pixel_values"] != opaque).any()


@pytest.mark.parametrize("name", ["qwen2-vl", "clip", "internvl"])
def test_bfloat16_is_the_rounded_float32(name: str, tmp_path: Path) -> None:
    preprocess, reference = pair(name, tmp_path, dtype="bfloat16")
    image = noise(80, 130)
    mine = preprocess(image)["pixel_values"]
    assert mine.dtype == np.uint16
    expected = torch.from_numpy(reference(image, return_tensors="np")["pixel_values"])
    assert torch.equal(torch.from_numpy(mine).view(torch.bfloat16), expected.to(torch.bfloat16))


def test_a_loader_resizes_and_its_bfloat16_reaches_torch() -> None:
    towers = StimulusSet.recipe(count=4, size_px=60)
    preprocess = Preprocess.qwen2_vl(resize="pillow", dtype="bfloat16")
    batch = next(iter(Loader(towers, batch_size=4, seed=0, preprocess=preprocess)))
    tensor = collate(batch, [AskedSet.of(towers)])["arrays"]["pixel_values"]
    assert tensor.dtype == torch.bfloat16
    by_id = {stimulus.id: stimulus.image for stimulus in towers}
    expected = Preprocess.qwen2_vl(resize="pillow")([by_id[name] for name in batch.ids])
    floats = torch.from_numpy(expected["pixel_values"])
    assert torch.equal(tensor, floats.to(torch.bfloat16))


@pytest.mark.parametrize("name", ["qwen2-vl", "siglip", "clip"])
def test_torch_resizes_as_its_8_bit_path(name: str, tmp_path: Path) -> None:
    preprocess, _ = pair(name, tmp_path, resize="torch")
    plain, _ = pair(name, tmp_path, resize=None)
    image = noise(150, 150)
    size = 140 if name == "qwen2-vl" else 224
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(planes, (size, size), mode="bicubic", antialias=True)
    assert_same_bits(preprocess(image), plain(resized[0].permute(1, 2, 0).numpy()))


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("siglip", (224, 200), "`image size` to be 224 × 224, got 224 × 200; use that size, or"),
        ("clip", (100, 300), "`image size` to be 224 × 672, got 100 × 300"),
        ("llava, padded", (224, 200), None),
        ("qwen2-vl", (60, 56), 'got 60; use 56, or pass `resize="pillow"`'),
        ("idefics3", (273, 273), "`pillow` or `torch` for a processor that shows tiles"),
        ("internvl, whole", (112, 97), "`image size` to be 112 × 96, got 112 × 97"),
    ],
)
def test_nothing_is_resized_unasked(
    name: str, shape: tuple[int, int], words: str | None, tmp_path: Path
) -> None:
    preprocess, reference = pair(name, tmp_path, resize=None)
    image = noise(*shape)
    if words is None:
        assert_same_bits(preprocess(image), made(reference, image))
        return
    with pytest.raises(ValueError, match=words):
        preprocess(image)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"size": {"longest_edge": 9}}, "`size` to be `height` and `width`, `shortest_edge`.*got"),
        ({"size": "big"}, 'got "big"; check the configuration'),
        ({"size": {"height": 0, "width": 5}}, "got {.*0.*}"),
        ({"crop_size": {"shortest_edge": 5}}, "`crop_size` to be `height` and `width`"),
        ({"resample": 9}, "`resample` to be between 0 and 5, got 9"),
        (
            {"image_processor_type": "Gemma3ImageProcessor", "do_pad": True},
            "`do_pad` to be false for this family, got true",
        ),
        (
            {"do_pad": True, "pad_size": {"shortest_edge": 9}},
            "`pad_size` to be `height` and `width`, got",
        ),
        (
            {"image_processor_type": "Gemma3ImageProcessor", "do_pan_and_scan": True},
            "`do_pan_and_scan` to be false, got true",
        ),
        (
            {
                "image_processor_type": "LlavaOnevisionImageProcessor",
                "image_grid_pinpoints": [[384, 400]],
            },
            r"`image_grid_pinpoints` to be pairs .* multiples of 384, got \[\[384,400\]\]",
        ),
        (
            {"image_processor_type": "LlavaOnevisionImageProcessor", "do_pad": False},
            "`do_pad` to be true, got false",
        ),
        ({"image_mean": [1, 2]}, "an image processor configuration, got data did not match"),
        ({"image_std": 0}, "`image_std` to be above 0"),
    ],
)
def test_a_configuration_without_meaning_is_refused(
    config: dict[str, Any], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({"image_processor_type": "CLIPImageProcessor", **config}))
    with pytest.raises(ValueError, match=words):
        Preprocess.from_pretrained(tmp_path)


def test_the_processor_of_internvl_tiles_whatever_its_file_says(tmp_path: Path) -> None:
    spelled = {"crop_to_patches": False, "size": {"height": 56, "width": 56}}
    file = tmp_path / "preprocessor_config.json"
    for name, tiles in (("GotOcr2Processor", 1), ("InternVLProcessor", 3)):
        config = {"image_processor_type": "GotOcr2ImageProcessor", **spelled}
        file.write_text(json.dumps(config | {"processor_class": name}))
        preprocess = Preprocess.from_pretrained(tmp_path, resize="pillow")
        assert preprocess(noise(56, 112))["num_patches"].tolist() == [tiles]


def test_several_images_of_one_sample_are_refused_where_one_is_tiled(tmp_path: Path) -> None:
    preprocess, _ = pair("llava-onevision", tmp_path)
    with pytest.raises(ValueError, match="images of each sample` to be 1, got 2"):
        preprocess([[noise(50, 50), noise(50, 50)]])


def test_names_that_are_unknown_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`resize` to be one of pillow, torch, got `pil`"):
        pair("clip", tmp_path, resize="pil")
    with pytest.raises(ValueError, match="`dtype` to be one of float32, bfloat16, got `float16`"):
        pair("clip", tmp_path, dtype="float16")
    with pytest.raises(ValueError, match="bilinear or bicubic, as torch offers, got `lanczos`"):
        pair("smolvlm", tmp_path, resize="torch")


def test_images_of_two_sizes_that_stay_so_are_refused(tmp_path: Path) -> None:
    config = {"image_processor_type": "SiglipImageProcessor", "do_resize": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    preprocess = Preprocess.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="to be 5 × 6 like the first, got 7 × 8"):
        preprocess([noise(5, 6), noise(7, 8)])


def test_an_image_too_slim_to_resize_is_refused(tmp_path: Path) -> None:
    preprocess, _ = pair("clip", tmp_path)
    with pytest.raises(ValueError, match="`resized width` to be between 1 and 1048576"):
        preprocess(noise(1, 5000))


def test_sizes_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "preprocessor_config.json"
    file.write_text('{"image_processor_type": "CLIPImageProcessor", "crop_size": 1000000}')
    with pytest.raises(ValueError, match="`resized pixels` to be at most 268435456, got 1000000 ×"):
        Preprocess.from_pretrained(file, resize="pillow")(noise(9, 9))
    config = {
        "image_processor_type": "SmolVLMImageProcessor",
        "max_image_size": {"longest_edge": 1},
    }
    file.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="`max_image_size` to be at least 14, got 1"):
        Preprocess.from_pretrained(file)

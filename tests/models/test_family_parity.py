"""Every family, random weights, against Hugging Face's model, processor and chat template."""

import dataclasses
import json
import shutil

import peft
import pytest
import torch
from transformers import AutoModelForImageTextToText

from cogtrain.models import adapter
from cogtrain.models.families import COMPONENTS
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from tests.models.family_parity import FROZEN, Pair, compare, compare_text, draw
from tests.models.tiny_families import RECIPES

FAMILIES = tuple(RECIPES)
SAME = 1e-5  # logits of spread 0.8: float32 rounding in another order


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return tmp_path_factory.mktemp("families")


@pytest.fixture(scope="module")
def pairs(folders):
    made = {}

    def pair(name):
        if name not in made:
            made[name] = Pair.of(name, folders / name)
        return made[name]

    return pair


def scores(vlm, arrays, question="will_fall"):
    with torch.no_grad():
        return vlm.scores([question] * len(vlm.family.images.of(vlm.model.config, arrays)), arrays)


@pytest.mark.parametrize("name", FAMILIES)
def test_ids_pixels_positions_and_logits_are_those_of_transformers(name, pairs):
    parity = compare(pairs(name), draw())
    assert (parity.ids, parity.pixels, parity.positions) == (True, True, True)
    assert parity.logits < SAME < parity.spread / 1000


@pytest.mark.parametrize("name", FAMILIES)
def test_without_an_image_it_is_the_chat_of_text_alone(name, pairs):
    parity = compare_text(pairs(name))
    assert (parity.ids, parity.pixels, parity.positions) == (True, True, True)
    assert parity.logits < SAME < parity.spread / 1000


@pytest.mark.parametrize("question", ["will_fall", "block_count"])
@pytest.mark.parametrize("name", FAMILIES)
def test_items_without_an_image_stand_beside_others(name, question, pairs):
    pair = pairs(name)

    def asked(arrays, image):
        with torch.no_grad():
            words = [question] * len(image)
            return pair.vlm.scores(words, arrays, image=image).log_mass

    first, second = (draw(((60, 150), (56, 56)), seed=seed) for seed in (4, 5))
    mixed, other = (asked(pair.arrays(images), [None, 0, None, 1]) for images in (first, second))
    alone, pictured = asked({}, [None]), asked(pair.arrays(first), [0, 1])
    expected = torch.stack([alone[0], pictured[0], alone[0], pictured[1]])
    torch.testing.assert_close(mixed, expected, atol=3e-5, rtol=0)
    torch.testing.assert_close(other[::2], mixed[::2], atol=1e-6, rtol=0)
    assert (other[1::2] - mixed[1::2]).abs().max() > 1e-3
    assert (alone - pictured).abs().max() > 1e-3


@pytest.mark.parametrize("name", FAMILIES)
def test_components_hold_every_parameter_once(name, pairs):
    record, reference = pairs(name).vlm.family, pairs(name).reference
    for parameter, _ in reference.named_parameters(remove_duplicate=False):
        owners = [
            component
            for component in COMPONENTS
            if any(f"{parameter}.".startswith(f"{path}.") for path in record.modules[component])
        ]
        assert len(owners) == 1, parameter
        assert record.component(parameter) == owners[0]
    assert reference.get_submodule(record.visual) is not None


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_changes_no_answer(name, pairs):
    pair = pairs(name)
    images = draw(((60, 150), (112, 112), (56, 56), (168, 84), (56, 56)), seed=1)
    together = scores(pair.vlm, pair.arrays(images)).log_mass
    alone = torch.cat([scores(pair.vlm, pair.arrays([image])).log_mass for image in images])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)
    assert alone.diff(dim=0).abs().max() > 1e-3  # the images do differ for the model


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_of_several_tokens_are_those_of_transformers(name, pairs):
    """Each beginning of an answer written behind the prompt and read by itself."""
    pair = pairs(name)
    (image,) = draw(((112, 112),), seed=2)
    menu = pair.vlm._menu("block_count", "people")
    assert menu.branches
    inputs = pair.inputs(image, "block_count")
    length = inputs["input_ids"].shape[1]

    def following(path):
        longer = dict(inputs)
        for key, values in inputs.items():
            if values.shape == (1, length):
                fill = torch.ones if key == "attention_mask" else torch.zeros
                longer[key] = torch.cat([values, fill(1, len(path), dtype=values.dtype)], dim=1)
        longer["input_ids"][0, length:] = torch.tensor(path)
        with torch.no_grad():
            return pair.reference(**longer).logits[0, -1]

    expected = menu.log_mass(torch.stack([following(p) for p in ((), *menu.branches)])[None])
    found = scores(pair.vlm, pair.arrays([image]), "block_count").log_mass
    torch.testing.assert_close(found, expected, atol=3e-5, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_peft_loads_the_adapter_and_answers_the_same(name, pairs, folders, tmp_path):
    pair = pairs(name)
    tune = Tune(vision="lora", merger="lora" if name != "gemma3" else "full", language="lora")
    vlm = VLM.load(str(folders / name), tuning=Tuning(tune=tune, r=2)).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in vlm.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    vlm.save_adapter(tmp_path / "adapter")
    base = AutoModelForImageTextToText.from_pretrained(folders / name, dtype=torch.float32)
    loaded = peft.PeftModel.from_pretrained(base, str(tmp_path / "adapter")).eval()
    (image,) = draw(((56, 56),), seed=3)
    inputs = pair.inputs(image)
    with torch.no_grad():
        expected, plain = (m(**inputs).logits[0, -1] for m in (loaded, pair.reference))
        own = vlm.model(**inputs).logits[0, -1]
    torch.testing.assert_close(own, expected, atol=20 * SAME, rtol=1e-5)
    assert (plain - expected).abs().max() > 1e-2
    again = VLM.load(str(folders / name), tuning=vlm.tuning).eval()
    again.load_adapter(tmp_path / "adapter")
    for (_, saved), (_, read) in zip(
        sorted(adapter._state(vlm.model).items()),
        sorted(adapter._state(again.model).items()),
        strict=True,
    ):
        assert torch.equal(saved, read)


@pytest.mark.parametrize("rule", ["sight", "masks"])
def test_gemma_needs_both_of_its_rules(rule, pairs):
    """Were the comparison blind to them, it would prove nothing."""
    pair = pairs("gemma3")
    broken = VLM.load(str(pair.vlm.origin.path), tuning=FROZEN).eval()
    without = dataclasses.replace(broken.family, **{rule: None})
    broken.family = without
    if rule == "sight":
        broken._builder._sight = None
        broken._builder._kept.clear()
        object.__setattr__(without, "masks", None)
    assert compare(dataclasses.replace(pair, vlm=broken), draw()).logits > 100 * SAME


@pytest.mark.parametrize("attention", ["eager"])
@pytest.mark.parametrize("name", ["gemma3", "smolvlm"])
def test_eager_attention_sees_the_same(name, attention, pairs):
    pair = pairs(name)
    eager = VLM.load(str(pair.vlm.origin.path), tuning=FROZEN, attn_implementation=attention).eval()
    arrays = pair.arrays(draw())
    found = scores(eager, arrays, "block_count").log_mass
    torch.testing.assert_close(
        found, scores(pair.vlm, arrays, "block_count").log_mass, atol=3e-5, rtol=0
    )


class TestArraysThatDoNotFit:
    @pytest.mark.parametrize(
        ("name", "change", "words"),
        [
            ("qwen2_vl", {"image_grid_thw": None}, r"arrays pixel_values, image_grid_thw, got "),
            ("smolvlm", {"rows": None}, r"\(no `rows`\); preprocess with the checkpoint's own"),
            ("internvl", {"num_patches": torch.tensor([3])}, "expected 3 tiles by `num_patches`"),
            ("gemma3", {"num_crops": torch.tensor([2])}, "without crops, got 2 of one"),
            ("llava", {"pixel_values": torch.zeros(1, 3, 28, 28)}, "of 56 x 56 .* got 28 x 28"),
            ("smolvlm", {"rows": torch.ones(1, 2)}, "one image per sample, got 2 images in 1"),
        ],
    )
    def test_an_array_that_is_missing_or_odd(self, name, change, words, pairs):
        pair = pairs(name)
        arrays = {**pair.arrays(draw(((56, 56),))), **change}
        arrays = {key: values for key, values in arrays.items() if values is not None}
        with pytest.raises(ValueError, match=words):
            pair.vlm.scores(["will_fall"], arrays)

    def test_a_tower_of_another_kind(self, pairs, monkeypatch):
        vlm = VLM.load(str(pairs("llava").vlm.origin.path), tuning=FROZEN)
        monkeypatch.setattr(vlm.model.config.vision_config, "model_type", "pixtral")
        with pytest.raises(ValueError, match=r"of clip_vision_model, siglip_.*, got `pixtral`"):
            vlm.scores(["will_fall"], pairs("llava").arrays(draw(((56, 56),))))

    def test_a_tokenizer_of_another_checkpoint(self, pairs, tmp_path):
        other = shutil.copytree(pairs("llava").vlm.origin.path, tmp_path / "other")
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps(config | {"image_token_index": 7}))
        with pytest.raises(ValueError, match=r"expected `<image>` to be token 7 .* got \d+"):
            VLM.load(str(other), tuning=FROZEN)

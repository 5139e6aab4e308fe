from dataclasses import asdict

import pytest
import torch

from cogtrain.models import lora
from cogtrain.models.families import COMPONENTS, family
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM

QWEN2_VL = family("qwen2_vl")


def load(target_modules=lora.ALL_LINEAR, **tune):
    frozen = dict.fromkeys(COMPONENTS, "frozen")
    tuning = Tuning(tune=Tune(**(frozen | tune)), r=4, target_modules=target_modules)
    return VLM.load("tiny", tuning=tuning)


def trained(vlm):
    return {name for name, p in vlm.model.named_parameters() if p.requires_grad}


def test_everything_frozen_trains_nothing():
    assert trained(load()) == set()


@pytest.mark.parametrize("component", COMPONENTS)
def test_full_trains_exactly_the_component(component):
    vlm = load(**{component: "full"})
    names = {name for name, _ in vlm.model.named_parameters()}
    assert trained(vlm) == {name for name in names if QWEN2_VL.component(name) == component}
    assert trained(vlm)


@pytest.mark.parametrize("component", COMPONENTS)
def test_lora_trains_an_adapter_on_every_linear_layer_of_the_component(component, reference):
    vlm = load(**{component: "lora"})
    linear = {
        name
        for name, module in reference.named_modules()
        if isinstance(module, torch.nn.Linear) and QWEN2_VL.component(name) == component
    } - {"lm_head"}
    assert trained(vlm) == {
        f"{name}.{part}.default.weight" for name in linear for part in ("lora_A", "lora_B")
    }


def test_modes_mix():
    vlm = load(vision="lora", merger="full", language="frozen")
    owners = {QWEN2_VL.component(name) for name in trained(vlm)}
    assert owners == {"vision", "merger"}
    assert all(lora.is_adapter(n) == ("merger" not in n) for n in trained(vlm))


def test_a_fresh_adapter_changes_no_answer(vlm, draw, pixels):
    images = draw((112, 112), (56, 56))
    adapted = load(vision="lora", language="lora").eval()
    with torch.no_grad():
        found = adapted.scores(["will_fall"] * 2, pixels(images))
        expected = vlm.scores(["will_fall"] * 2, pixels(images))
    torch.testing.assert_close(found.log_mass, expected.log_mass, atol=1e-6, rtol=0)


def test_adapter_weights_are_single_precision_on_a_half_precision_base():
    adapted = VLM.load("tiny", tuning=Tuning(), dtype="bfloat16")
    types = {lora.is_adapter(n): p.dtype for n, p in adapted.model.named_parameters()}
    assert types == {True: torch.float32, False: torch.bfloat16}


class TestTargetModules:
    def test_bare_names_act_inside_the_component_only(self):
        vlm = load(["proj"], vision="lora")
        assert {name.split(".lora_")[0] for name in trained(vlm)} == {
            f"model.visual.blocks.{index}.attn.proj"
            for index in range(vlm.model.config.vision_config.depth)
        }

    def test_a_path_names_one_layer(self):
        vlm = load(["layers.1.self_attn.q_proj", "v_proj"], language="lora")
        stems = {
            name.split(".lora_")[0].removeprefix("model.language_model.") for name in trained(vlm)
        }
        assert stems == {"layers.1.self_attn.q_proj"} | {
            f"layers.{index}.self_attn.v_proj"
            for index in range(vlm.model.config.text_config.num_hidden_layers)
        }

    def test_matching_nothing_lists_what_there_is(self):
        with pytest.raises(
            ValueError, match=r"expected `qproj` .* got no match; .* fc1, fc2, proj, qkv"
        ):
            load(["qproj"], vision="lora")

    def test_a_name_that_exists_elsewhere_only(self):
        with pytest.raises(
            ValueError, match=r"inside vision, got `model\.language_model.*q_proj` of language"
        ):
            load(["qkv", "q_proj"], vision="lora")

    def test_a_path_that_leaves_the_component(self):
        with pytest.raises(ValueError, match=r"got `model\.visual\.merger\.mlp\.0` of merger"):
            load(["merger.mlp.0"], vision="lora", language="lora")

    def test_a_word_instead_of_a_list(self):
        with pytest.raises(ValueError, match="got `q_proj`; write it as a list"):
            load("q_proj", language="lora")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r": 0}, "expected `r` to be at least 1, got 0"),
        ({"lora_alpha": 0.0}, "expected `lora_alpha` to be above 0, got 0.0"),
        ({"lora_alpha": float("nan")}, "expected `lora_alpha` to be above 0, got nan"),
        ({"lora_dropout": 1.0}, r"expected `lora_dropout` in \[0, 1\), got 1.0"),
        ({"lora_dropout": -0.1}, r"got -0.1"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        Tuning(**options)


def test_mode_that_cannot_be():
    with pytest.raises(
        ValueError, match=r"expected `tune\.merger` to be one of frozen, lora, full, got `qlora`"
    ):
        Tune(merger="qlora")


def test_what_fit_trains_unless_told_otherwise():
    assert Tuning.of("somebody/some-vlm") == Tuning(tune=Tune(language="lora"))
    assert set(asdict(Tuning.of("tiny").tune).values()) == {"lora"}

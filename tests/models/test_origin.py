import importlib.util
import json
import shutil

import pytest
import torch

from cogtrain.models import checkpoint, origin
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.origin import Origin
from cogtrain.models.vlm import VLM
from tests.models.tiny_families import build

TINY = checkpoint.folder("tiny")


@pytest.fixture
def bare(tmp_path):
    """A checkpoint folder without weights."""
    folder = tmp_path / "bare"
    shutil.copytree(
        TINY, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py", "*.safetensors")
    )
    return folder


class TestRandom:
    def test_needs_no_weights_and_has_the_shapes_of_the_config(self, bare, vlm, draw, pixels):
        random = VLM.load(str(bare), init="random").eval()
        shapes = {name: p.shape for name, p in vlm.model.named_parameters()}
        named = random.model.named_parameters()
        assert {n: p.shape for n, p in named if not n.split(".")[-3].startswith("lora_")} | shapes
        arrays = pixels(draw((112, 112)))
        with torch.no_grad():
            found = random.scores(["will_fall"], arrays).log_mass
            assert not torch.equal(found, vlm.scores(["will_fall"], arrays).log_mass)

    def test_is_the_same_every_time_and_leaves_the_stream_of_randomness(self, bare):
        torch.manual_seed(1)
        expected = torch.rand(3)
        torch.manual_seed(1)
        first, second = (Origin(str(bare), init="random").model().state_dict() for _ in range(2))
        assert torch.equal(torch.rand(3), expected)
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_is_another_base_than_the_weights_on_disk(self, bare):
        random = Origin("tiny", init="random").fingerprint
        assert random == Origin(str(bare), init="random").fingerprint
        assert random != Origin("tiny").fingerprint

    def test_has_the_type_that_is_asked_for(self, bare):
        assert Origin(str(bare), init="random", dtype="bfloat16").model().dtype == torch.bfloat16

    def test_their_type_may_be_that_of_the_config(self, bare):
        config = json.loads((bare / "config.json").read_text())
        for name in ("bfloat16", "float32"):
            (bare / "config.json").write_text(json.dumps(config | {"dtype": name}))
            made = Origin(str(bare), init="random", dtype="auto").model()
            assert made.dtype == getattr(torch, name)

    def test_pretrained_weights_are_still_needed_otherwise(self, bare):
        with pytest.raises(FileNotFoundError, match=r"weights `model\*\.safetensors`"):
            VLM.load(str(bare))

    def test_becomes_a_checkpoint(self, bare, tmp_path, draw, pixels):
        random = VLM.load(str(bare), init="random", tuning=Tuning.full()).eval()
        random.save_pretrained(tmp_path / "saved")
        again = VLM.load(str(tmp_path / "saved"), tuning=Tuning.full()).eval()
        arrays = pixels(draw((56, 56)))
        with torch.no_grad():
            expected = random.scores(["will_fall"], arrays).log_mass
            torch.testing.assert_close(again.scores(["will_fall"], arrays).log_mass, expected)


class TestQuantized:
    def test_without_cuda(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(ValueError, match="expected a CUDA device for `quantization: nf4`, got"):
            VLM.load("tiny", tuning=Tuning(), quantization="nf4")

    def test_without_the_package(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(ValueError, match=r"`bitsandbytes` .*'cogtrain\[qlora\]'"):
            VLM.load("tiny", tuning=Tuning(), quantization="nf4")

    def test_random_weights(self):
        with pytest.raises(ValueError, match="`init: pretrained` with a quantised base, got rand"):
            VLM.load("tiny", tuning=Tuning(), quantization="nf4", init="random")

    def test_rounded_weights_cannot_be_trained(self):
        with pytest.raises(ValueError, match=r"`tune\.language` to be frozen or lora .* got full"):
            VLM.load("tiny", tuning=Tuning.full(), quantization="nf4")

    @pytest.mark.skipif(
        importlib.util.find_spec("bitsandbytes") is None, reason="the extra `qlora` is missing"
    )
    def test_only_the_language_model_is_rounded(self, tmp_path, monkeypatch, draw, pixels):
        """On the CPU, which computes 4 bits too, only not fast enough to train anything."""
        monkeypatch.setattr(origin, "_check_quantization", lambda _: None)
        tuning = Tuning(tune=Tune(vision="lora", language="lora"), r=2)
        vlm = VLM.load("tiny", tuning=tuning, quantization="nf4").eval()
        rounded = {n for n, p in vlm.model.named_parameters() if p.dtype == torch.uint8}
        kinds = {name.split(".")[-3 if "base_layer" in name else -2] for name in rounded}
        assert kinds == {
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        }
        assert all(vlm.family.component(name) == "language" for name in rounded)
        others = {
            p.dtype for n, p in vlm.model.named_parameters() if n not in rounded and "lora" not in n
        }
        assert others == {torch.bfloat16}
        plain = VLM.load("tiny", tuning=tuning, dtype="bfloat16").eval()
        assert vlm.table() == plain.table()
        with torch.no_grad():
            for parameter in vlm.model.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.01)
        arrays = pixels(draw((112, 112)))
        vlm.scores(["will_fall"], arrays).log_odds.sum().backward()
        assert all(p.grad is not None for p in vlm.model.parameters() if p.requires_grad)
        with pytest.raises(ValueError, match=r"unquantised base to merge into, got .*uint8"):
            vlm.fold()
        vlm.save_adapter(tmp_path / "adapter")
        unrounded = VLM.of_adapter(tmp_path / "adapter").eval()
        assert unrounded.model.dtype == torch.bfloat16


class TestWhatCannotBeTuned:
    """Families whose parts are not all modules of linear layers."""

    def test_a_component_without_a_linear_layer(self, tmp_path):
        folder = build("gemma3", tmp_path / "gemma3")
        with pytest.raises(ValueError, match="got none in merger of gemma3; set its `tune` to"):
            VLM.load(str(folder), tuning=Tuning(tune=Tune(merger="lora")))

    def test_a_parameter_that_stands_by_itself(self, tmp_path):
        folder = build("llava_onevision", tmp_path / "onevision")
        with pytest.raises(ValueError, match=r"got `model\.image_newline`, which stands by itself"):
            VLM.load(str(folder), tuning=Tuning(tune=Tune(merger="full")))
        assert VLM.load(str(folder), tuning=Tuning.full()).table().count("image_newline") == 1


def test_frozen_components_stay_as_they_are_when_training():
    vlm = VLM.load("tiny", tuning=Tuning(tune=Tune(vision="frozen", merger="full"))).train()
    visual = vlm.model.model.visual
    assert not any(each.training for each in visual.blocks.modules())
    assert all(each.training for each in visual.merger.modules())
    assert vlm.training


def test_config_of_a_family_that_is_not_supported(bare):
    config = json.loads((bare / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
    with pytest.raises(ValueError, match="got model_type `gpt2`"):
        VLM.load(str(bare), init="random")

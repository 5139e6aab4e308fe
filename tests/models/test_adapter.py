import json
import shutil

import peft
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from cogtrain.models import adapter, checkpoint
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM

TINY = checkpoint.folder("tiny")
LORA = Tuning(tune=Tune(vision="lora", merger="frozen", language="lora"), r=4)
TUNINGS = {
    "lora": LORA,
    "dora": Tuning(tune=Tune(), r=4, use_dora=True),
    "rslora": Tuning(
        tune=Tune(merger="lora"), r=4, use_rslora=True, target_modules=["mlp.0", "q_proj"]
    ),
    "merger full": Tuning(tune=Tune(merger="full"), r=4),
    "vision full": Tuning(tune=Tune(vision="full", merger="lora"), r=4),
    "language full": Tuning(tune=Tune(vision="lora", merger="full", language="full"), r=4),
}


def trained(tuning):
    """A model whose trained weights have moved."""
    vlm = VLM.load("tiny", tuning=tuning).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in vlm.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return vlm


def logits(model, pixels, images):
    """Full logits of a `transformers` model, its own way."""
    values, grid = pixels(images).values()
    tokens = int(grid[0].prod()) // 4
    config = model.config
    ids = torch.tensor(
        [
            [
                config.vision_start_token_id,
                *[config.image_token_id] * tokens,
                config.vision_end_token_id,
                5,
            ]
        ]
    )
    with torch.no_grad():
        return model(
            input_ids=ids,
            mm_token_type_ids=(ids == config.image_token_id).int(),
            pixel_values=values,
            image_grid_thw=grid,
        ).logits


@pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS.keys())
@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
def test_peft_loads_the_folder_and_answers_the_same(tuning, tmp_path, draw, pixels):
    vlm = trained(tuning)
    vlm.save_adapter(tmp_path / "adapter")
    base = AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32)
    loaded = peft.PeftModel.from_pretrained(base, str(tmp_path / "adapter")).eval()
    images = draw((112, 112))
    torch.testing.assert_close(
        logits(loaded, pixels, images), logits(vlm.model, pixels, images), atol=2e-5, rtol=1e-5
    )


@pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS.keys())
def test_own_load_gives_the_same_bits(tuning, tmp_path, draw, pixels):
    vlm = trained(tuning)
    vlm.save_adapter(tmp_path / "adapter")
    again = VLM.load("tiny", tuning=tuning).eval()
    again.load_adapter(tmp_path / "adapter")
    arguments = ["will_fall"], pixels(draw((112, 112)))
    with torch.no_grad():
        assert torch.equal(again.scores(*arguments).log_mass, vlm.scores(*arguments).log_mass)


def test_names_are_pefts_own(tmp_path):
    vlm = trained(LORA)
    vlm.save_adapter(tmp_path / "ours")
    base = AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32)
    peft.PeftModel.from_pretrained(base, str(tmp_path / "ours")).save_pretrained(
        str(tmp_path / "peft")
    )
    ours, theirs = (load_file(tmp_path / name / adapter.WEIGHTS) for name in ("ours", "peft"))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    config = json.loads((tmp_path / "ours" / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert config["base_model_name_or_path"] == "tiny"
    assert config["r"] == 4


@pytest.mark.parametrize("name", ["lora", "dora", "rslora", "merger full"])
def test_merged_answers_nearly_the_same_and_unmerged_again(name, draw, pixels):
    vlm = trained(TUNINGS[name])
    images = draw((112, 112), (56, 84))
    arguments = ["will_fall"] * 2, pixels(images)
    with torch.no_grad():
        before = vlm.scores(*arguments).log_mass
        adapter.merge(vlm.model)
        merged = vlm.scores(*arguments).log_mass
        assert all(layer.merged for layer in adapter._layers(vlm.model))
        adapter.unmerge(vlm.model)
        after = vlm.scores(*arguments).log_mass
    torch.testing.assert_close(merged, before, atol=1e-4, rtol=0)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=0)


class TestRefusals:
    def test_no_adapter_to_write(self, vlm, tmp_path):
        with pytest.raises(ValueError, match="component trained by `lora`, got none"):
            vlm.save_adapter(tmp_path / "adapter")
        assert not (tmp_path / "adapter").exists()

    def test_no_adapter_to_read(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"expected `adapter_model\.safetensors`"):
            VLM.load("tiny", tuning=LORA).load_adapter(tmp_path)

    def test_another_base(self, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(TINY, copy, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        weights = load_file(copy / "model.safetensors")
        weights["visual.merger.mlp.0.bias"] += 1
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
        trained(LORA).save_adapter(tmp_path / "adapter")
        other = VLM.load(str(copy), tuning=LORA)
        with pytest.raises(ValueError, match=f"base checkpoint {other.fingerprint()}, got one of"):
            other.load_adapter(tmp_path / "adapter")

    def test_another_tuning(self, tmp_path):
        trained(LORA).save_adapter(tmp_path / "adapter")
        with pytest.raises(
            ValueError,
            match=r"trained tensors of this model, got \d+ in .* \(`base_model\.model\.model",
        ):
            VLM.load("tiny", tuning=Tuning(r=4)).load_adapter(tmp_path / "adapter")

    def test_renamed_modules(self, tmp_path):
        """As when another version of `transformers` moves a component elsewhere."""
        trained(LORA).save_adapter(tmp_path / "adapter")
        file = tmp_path / "adapter" / adapter.WEIGHTS
        with safe_open(file, framework="pt") as stream:
            metadata = stream.metadata()
        here, there = "base_model.model.model.language_model.", "base_model.model.text."
        moved = {name.replace(here, there): each for name, each in load_file(file).items()}
        save_file(moved, file, metadata=metadata)
        name = "layers.0.mlp.down_proj.lora_A.weight"
        with pytest.raises(
            ValueError, match="modules were renamed since; use the `transf"
        ) as found:
            VLM.load("tiny", tuning=LORA).load_adapter(tmp_path / "adapter")
        assert f"such as `{here}{name}`, got `{there}{name}` in `" in str(found.value)

    def test_another_rank(self, tmp_path):
        trained(Tuning(r=4)).save_adapter(tmp_path / "adapter")
        other = VLM.load("tiny", tuning=Tuning(r=8))
        before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
        with pytest.raises(ValueError, match=r"of shape \(8, \d+\), got \(4, \d+\)"):
            other.load_adapter(tmp_path / "adapter")
        assert all(torch.equal(t, before[n]) for n, t in other.state_dict().items())

    @pytest.mark.parametrize("size", [0, 7, 3000])
    def test_truncated(self, tmp_path, size):
        trained(LORA).save_adapter(tmp_path / "adapter")
        file = tmp_path / "adapter" / adapter.WEIGHTS
        file.write_bytes(file.read_bytes()[:size])
        with pytest.raises(ValueError, match="expected a whole safetensors file"):
            VLM.load("tiny", tuning=LORA).load_adapter(tmp_path / "adapter")

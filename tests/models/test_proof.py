import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from cogtrain.models import adapter, proof
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM

LORA = Tuning(tune=Tune(vision="lora", merger="full", language="lora"), r=4, use_rslora=True)


@pytest.fixture(scope="module")
def trained():
    vlm = VLM.load("tiny", tuning=LORA).train()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in vlm.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return vlm


@pytest.fixture
def folder(trained, tmp_path):
    trained.save_adapter(tmp_path / "adapter")
    return tmp_path / "adapter"


def state(vlm):
    return {name: value.clone() for name, value in adapter._state(vlm.model).items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_an_adapter_brings_back_the_model_that_it_was_saved_from(trained, folder):
    again = VLM.of_adapter(folder)
    assert again.tuning == trained.tuning
    assert same(state(again), state(trained))
    assert proof.check(again, folder) < 1e-4


def test_saving_leaves_the_model_in_training(trained, folder):
    assert trained.training
    assert trained.model.model.language_model.training


def test_four_pictures_lie_beside_the_adapter(folder):
    assert sorted(file.name for file in (folder / "proof").glob("*.png")) == [
        f"{index}.png" for index in range(4)
    ]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounding_of_the_base_is_no_difference(folder, dtype):
    VLM.load("tiny", tuning=LORA, dtype=dtype).load_adapter(folder)


class TestWhatDoesNotProve:
    """Each of these gave a model that ran and answered something else."""

    def refused(self, folder, words):
        fresh = VLM.load("tiny", tuning=LORA)
        before = state(fresh)
        with pytest.raises((ValueError, OSError), match=words):
            fresh.load_adapter(folder)
        assert same(state(fresh), before), "loaded in part"

    def test_weights_that_changed_on_disk(self, folder):
        file = folder / adapter.WEIGHTS
        weights = load_file(file)
        name = next(name for name in weights if "lora_B" in name)
        weights[name] = -weights[name]
        metadata = {"base_fingerprint": VLM.load("tiny").fingerprint()}
        save_file(weights, file, metadata=metadata)
        self.refused(folder, r"logits that differ by [\d.]+ \(rounding explains [\d.]+\)")

    def test_another_scale(self, folder):
        fresh = VLM.load("tiny", tuning=Tuning(tune=LORA.tune, r=4))
        with pytest.raises(ValueError, match="processor or prompts have changed"):
            fresh.load_adapter(folder)

    def test_another_picture(self, folder):
        shutil.copy(folder / "proof" / "1.png", folder / "proof" / "0.png")
        self.refused(folder, "differ by")

    def test_versions_that_moved_are_named(self, folder):
        record = json.loads((folder / "cogtrain.json").read_text())
        record["versions"]["transformers"] = "5.1.0"
        (folder / "cogtrain.json").write_text(json.dumps(record))
        shutil.copy(folder / "proof" / "1.png", folder / "proof" / "0.png")
        self.refused(folder, r"transformers was 5\.1\.0 and is \d")

    @pytest.mark.parametrize("lost", ["cogtrain.json", "proof/logits.json", "proof/2.png"])
    def test_a_file_that_is_missing(self, folder, lost):
        (folder / lost).unlink()
        self.refused(folder, r"expected .* `verify=False`")
        VLM.load("tiny", tuning=LORA).load_adapter(folder, verify=False)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{", "expected JSON in .*, got something else"),
            ("{}", "record of an adapter, got .*tun"),
        ],
    )
    def test_a_record_that_is_damaged(self, folder, text, words):
        (folder / "cogtrain.json").write_text(text)
        self.refused(folder, words)

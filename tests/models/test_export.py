import json
import shutil

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer

from cogtrain import cli
from cogtrain.models import export
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from tests.models.family_parity import draw as draw_images
from tests.models.tiny_families import build
from tests.models.tiny_families import processor as processor_of

TUNINGS = {
    "lora": Tuning(tune=Tune(vision="lora", merger="lora"), r=4),
    "dora": Tuning(r=4, use_dora=True),
    "merger full": Tuning(tune=Tune(merger="full"), r=4, use_rslora=True),
}


def saved(folder, tuning, *, base="tiny", dtype="float32", size=0.05):
    vlm = VLM.load(base, tuning=tuning, dtype=dtype).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in vlm.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * size)
    vlm.save_adapter(folder)
    return vlm


@pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS.keys())
def test_transformers_loads_the_folder_and_answers_as_the_adapter(
    tuning, tmp_path, processor, draw
):
    vlm = saved(tmp_path / "adapter", tuning)
    parity = export.merge(tmp_path / "adapter", tmp_path / "merged", count=12)
    assert (parity.stimuli, parity.decision_flips, parity.dtype) == (12, 0, "float32")
    assert parity.max_logit_difference < 1e-3
    merged, report = AutoModelForImageTextToText.from_pretrained(
        tmp_path / "merged", dtype=torch.float32, output_loading_info=True
    )
    assert not any(report.values())
    assert not (tmp_path / "merged" / "adapter_config.json").exists()
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template
    inputs = processor(
        text=["<|vision_start|><|image_pad|><|vision_end|> Will it fall?"],
        images=draw((112, 112)),
        return_tensors="pt",
    )
    with torch.no_grad():
        expected = vlm.model(**inputs).logits
        torch.testing.assert_close(merged.eval()(**inputs).logits, expected, atol=1e-3, rtol=0)
    assert json.loads((tmp_path / "merged" / "parity.json").read_text())["decision_flips"] == 0


@pytest.mark.parametrize("name", ["qwen3_vl", "llava_onevision", "internvl", "gemma3"])
def test_every_family_merges(name, tmp_path):
    base = build(name, tmp_path / "base")
    merger = "frozen" if name == "gemma3" else "lora"
    vlm = saved(tmp_path / "adapter", Tuning(tune=Tune(merger=merger), r=2), base=str(base))
    parity = export.merge(tmp_path / "adapter", tmp_path / "merged", count=1)
    assert parity.max_logit_difference < 1e-3
    merged = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    inputs = _inputs(name, tmp_path / "merged")
    with torch.no_grad():
        expected = vlm.model(**inputs).logits[0, -1]
        torch.testing.assert_close(
            merged.eval()(**inputs).logits[0, -1], expected, atol=1e-3, rtol=0
        )


def _inputs(name, folder):
    from PIL import Image

    from cogtrain import prompts

    messages = prompts.chat("will_fall")
    (image,) = draw_images(((56, 56),))
    messages[0]["content"][0]["image"] = Image.fromarray(image)
    return processor_of(name, folder).apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )


def test_a_base_in_half_precision_stays_in_it(tmp_path):
    saved(tmp_path / "adapter", Tuning(r=4), dtype="bfloat16", size=0.3)
    parity = export.merge(tmp_path / "adapter", tmp_path / "merged", count=4)
    assert parity.dtype == "bfloat16"
    assert parity.max_logit_difference > 0
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"


class TestRefusals:
    def test_a_decision_that_changes(self, tmp_path, monkeypatch):
        saved(tmp_path / "adapter", Tuning(r=4))
        original = export._answers

        def contrary(vlm, batches):
            logits, decisions = original(vlm, batches)
            return logits, 1 - decisions if ".part" in vlm.origin.pretrained else decisions

        monkeypatch.setattr(export, "_answers", contrary)
        with pytest.raises(ValueError, match=r"exported model .* decision flips 3, max"):
            export.merge(tmp_path / "adapter", tmp_path / "merged", count=3)
        assert [path.name for path in tmp_path.iterdir()] == ["adapter"]

    def test_a_folder_that_exists(self, tmp_path):
        with pytest.raises(ValueError, match=r"expected a new folder, got .*, which exists"):
            export.merge(tmp_path, tmp_path)

    def test_a_base_that_has_changed(self, tmp_path):
        base = build("llava", tmp_path / "base")
        saved(tmp_path / "adapter", Tuning(r=2), base=str(base))
        build("llava", base, seed=1)
        with pytest.raises(ValueError, match="expected an adapter of the base checkpoint"):
            export.merge(tmp_path / "adapter", tmp_path / "merged")

    def test_a_base_that_has_gone(self, tmp_path):
        base = build("llava", tmp_path / "base")
        saved(tmp_path / "adapter", Tuning(r=2), base=str(base))
        base.rename(tmp_path / "moved")
        with pytest.raises(FileNotFoundError, match="expected a checkpoint"):
            export.merge(tmp_path / "adapter", tmp_path / "merged")
        moved = str(tmp_path / "moved")
        assert export.merge(tmp_path / "adapter", tmp_path / "m", pretrained=moved, count=1)


class TestCommand:
    def test_a_run_folder(self, tmp_path, capsys):
        saved(tmp_path / "run" / "adapter", Tuning(r=4))
        assert cli.main(["export", str(tmp_path / "run"), "--merge", "--stimuli", "2"]) == 0
        out = capsys.readouterr().out
        assert "2 stimuli (will_fall), float32: decision flips 0, max logit difference" in out
        assert f"written: {tmp_path / 'run' / 'merged'}" in out
        assert (tmp_path / "run" / "merged" / "model.safetensors").is_file()

    def test_without_a_form(self, tmp_path, capsys):
        saved(tmp_path / "run" / "adapter", Tuning(r=4))
        assert cli.main(["export", str(tmp_path / "run")]) == 2
        assert "expected `--merge`, got no form to export; PEFT loads" in capsys.readouterr().err

    def test_nothing_there(self, tmp_path, capsys):
        assert cli.main(["export", str(tmp_path / "none"), "--merge"]) == 2
        err = capsys.readouterr().err
        assert "expected `cogtrain.json` beside the adapter" in err
        assert "Traceback" not in err

    def test_a_whole_model_is_no_adapter(self, tmp_path, capsys):
        shutil.copytree(build("llava", tmp_path / "base"), tmp_path / "run")
        assert cli.main(["export", str(tmp_path / "run"), "--merge"]) == 2
        assert "give an adapter that cogtrain saved" in capsys.readouterr().err

"""The config of a real checkpoint, its weights drawn at random and its layers few."""

import json
import shutil

import numpy as np
import pytest
import torch
import yaml

from cogtrain import Preprocess
from cogtrain.models import checkpoint
from cogtrain.models.lora import is_adapter
from cogtrain.training import lightning_cli

# As Qwen2.5-VL-3B-Instruct spells it, but for its layers (36, 32) and its vocabulary.
QWEN2_5_VL_3B = {
    "architectures": ["Qwen2_5_VLForConditionalGeneration"],
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 11008,
    "max_position_embeddings": 128000,
    "max_window_layers": 70,
    "model_type": "qwen2_5_vl",
    "num_attention_heads": 16,
    "num_hidden_layers": 1,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_sliding_window": False,
    "vision_config": {
        "depth": 2,
        "hidden_act": "silu",
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "in_chans": 3,
        "out_hidden_size": 2048,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "spatial_patch_size": 14,
        "window_size": 112,
        "fullatt_block_indexes": [1],
        "tokens_per_second": 2,
        "temporal_patch_size": 2,
    },
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
}


@pytest.fixture
def folder(tmp_path):
    """What a user without weights has: the JSON files of a checkpoint."""
    target, tiny = tmp_path / "Qwen2.5-VL-3B", checkpoint.folder("tiny")
    target.mkdir()
    checkpoint.copy_processor(tiny, target)
    ours = json.loads((tiny / "config.json").read_text())
    names = ("image", "video", "vision_start", "vision_end")
    ids = {f"{name}_token_id": ours[f"{name}_token_id"] for name in names}
    config = QWEN2_5_VL_3B | ids | {"vocab_size": ours["text_config"]["vocab_size"]}
    (target / "config.json").write_text(json.dumps(config))
    assert not [*target.glob("*.safetensors")]
    return target


def test_the_config_of_qwen2_5_vl_makes_its_model(repository, workplace, folder, monkeypatch):
    class Made(Exception):  # noqa: N818 - not an error: it ends the run once all is made
        pass

    made = []

    def stop(cli, _verb):
        made.append(cli)
        raise Made

    monkeypatch.setattr(lightning_cli.CogtrainCLI, "_run_subcommand", stop)
    shutil.copy(repository / "configs" / "fit-qwen2_5_vl.yaml", workplace / "fit.yaml")
    words = ["--model.pretrained", str(folder), "--model.init", "random", "--trainer.accelerator"]
    with pytest.raises(Made):
        lightning_cli.main(
            ["fit", "--config", "fit.yaml", "--eval.wandb", "false", *words, "cpu", "--name", "q"]
        )
    (cli,) = made
    vlm = cli.model.vlm
    text = vlm.model.config.get_text_config()
    assert (text.hidden_size, text.rope_parameters["mrope_section"]) == (2048, [16, 24, 24])
    assert vlm.model.dtype == torch.bfloat16
    trained = {n: p for n, p in vlm.model.named_parameters() if p.requires_grad}
    assert all(is_adapter(name) and p.dtype == torch.float32 for name, p in trained.items())
    # Rank 16 between the widths of the seven linear layers of each block of the language model.
    widths = [(2048, 2048), (2048, 256), (2048, 256), (2048, 2048)]
    widths += [(2048, 11008), (2048, 11008), (11008, 2048)]
    assert sum(p.numel() for p in trained.values()) == sum(16 * (i + o) for i, o in widths)
    assert "language   lora" in vlm.table()
    arrays = Preprocess.from_pretrained(folder)([np.zeros((112, 112, 3), np.uint8)])
    with torch.no_grad():
        scores = vlm.eval().scores(
            ["will_fall"], {name: torch.from_numpy(each) for name, each in arrays.items()}
        )
    assert scores.log_mass.isfinite().all()
    config = yaml.safe_load((workplace / "runs" / "q" / "config.yaml").read_text())
    assert config["model"]["init"] == "random"
    assert config["data"]["batch_size"] * config["trainer"]["accumulate_grad_batches"] == 32

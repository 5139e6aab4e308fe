"""Adapters in other people's hands: what vLLM reads of a folder, by its rules.

vLLM needs a GPU; these are the rules of its 0.33 (`vllm/lora/peft_helper.py`, `utils.py` and the
`hf_to_vllm_mapper` of each model). PEFT itself is asked in `test_family_parity.py`, TRL in
`benchmarks/trl_sft.py`.
"""

import json
import re

import pytest
from safetensors import safe_open

from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM

# Parts of names after `base_model.model.`, which vLLM's models rename and know.
KNOWN = re.compile(
    r"base_model\.model\."
    r"(model\.language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"
    r"|model\.visual\.(blocks\.\d+\.(attn\.(qkv|proj)|mlp\.(fc1|fc2))|merger\.mlp\.\d))"
    r"\.lora_(A|B)\.weight"
)
INITS = (True, "gaussian", "eva", "orthogonal", "mica", "lora_ga")
ABSENT = (
    "modules_to_save",
    "use_dora",
    "lora_bias",
    "alora_invocation_tokens",
    "layer_replication",
    "use_bdlora",
    "use_qalora",
)


def complaints(folder):
    """What vLLM would refuse about an adapter."""
    config = json.loads((folder / "adapter_config.json").read_text())
    found = [f"{name}={config[name]}" for name in ABSENT if config.get(name)]
    if config["init_lora_weights"] not in INITS:
        found.append(f"init_lora_weights={config['init_lora_weights']}")
    if not (config["r"] > 0 and config["bias"] == "none" and config["peft_type"] == "LORA"):
        found.append("rank, bias or type")
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        names = list(file.keys())
    found += [name for name in names if not KNOWN.fullmatch(name)]
    # PEFT shortens long lists to endings of names.
    layers = [name.removeprefix("base_model.model.").split(".lora_")[0] for name in names]
    ends = tuple(f".{ending}" for ending in config["target_modules"])
    found += [layer for layer in layers if not f".{layer}".endswith(ends)]
    return found


def saved(folder, **options):
    vlm = VLM.load("tiny", tuning=Tuning(r=4, **options))
    vlm.save_adapter(folder)
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {"tune": Tune(language="lora")},
        {"tune": Tune(language="lora"), "use_rslora": True},
        {"tune": Tune(vision="lora", merger="lora", language="lora")},
        {"tune": Tune(language="lora"), "target_modules": ["q_proj", "v_proj"]},
    ],
)
def test_vllm_takes_what_is_trained_by_lora_alone(options, tmp_path):
    assert complaints(saved(tmp_path, **options)) == []


def test_vllm_refuses_parts_that_are_trained_whole(tmp_path):
    """As it should: use `export --merge` for these."""
    found = complaints(saved(tmp_path, tune=Tune(merger="full", language="lora")))
    assert any(each.startswith("modules_to_save=") for each in found)


def test_vllm_refuses_decomposed_weights(tmp_path):
    found = complaints(saved(tmp_path, tune=Tune(language="lora"), use_dora=True))
    assert "use_dora=True" in found

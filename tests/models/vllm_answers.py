"""What vLLM makes of adapters: the tensors in its layers, and its answers. A process of its own.

Run it: python -m tests.models.vllm_answers FOLDER

`FOLDER` holds `base`, `adapters/<name>` if any, `image.npy` and `request.json` (`prompt`, and
`vision`: whether vLLM is told that adapters reach into the vision tower). It gets
`answers/<name>.safetensors` (`log_probabilities`, and the tensors under their names in the adapter)
and `refused.json` (name to vLLM's words). `base` also answers alone.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

MAX_LORA_RANK = 16  # vLLM's default
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "TORCHDYNAMO_DISABLE": "1",  # or the sampler is compiled, for minutes
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # so that its layers can be looked into
    "VLLM_NO_USAGE_STATS": "1",
}


def main(folder: Path) -> None:
    os.environ |= SETTINGS
    # Only here: the tests import this file where there is no vLLM, too.
    import vllm
    from vllm.lora.request import LoRARequest

    request = json.loads((folder / "request.json").read_text())
    llm = vllm.LLM(
        str(folder / "base"),
        enable_lora=True,
        max_lora_rank=MAX_LORA_RANK,
        enable_tower_connector_lora=request["vision"],
        dtype="float32",
        enforce_eager=True,
        max_model_len=512,
        max_num_seqs=1,
        max_logprobs=-1,
        limit_mm_per_prompt={"image": 1, "video": 0},
        gpu_memory_utilization=0.1,
    )
    image = Image.fromarray(np.load(folder / "image.npy"))
    prompt = {"prompt": request["prompt"], "multi_modal_data": {"image": image}}
    answers = folder / "answers"
    answers.mkdir()
    refused = {}
    save_file({"log_probabilities": _answer(llm, prompt, None)}, answers / "base.safetensors")
    for number, adapter in enumerate(sorted((folder / "adapters").glob("*")), start=1):
        if words := _refusal(adapter):
            refused[adapter.name] = words
            continue
        lora = LoRARequest(adapter.name, number, str(adapter))
        found = {"log_probabilities": _answer(llm, prompt, lora)}
        (active,) = llm.apply_model(partial(_active, adapter=adapter))
        save_file(found | active, answers / f"{adapter.name}.safetensors")
    (folder / "refused.json").write_text(json.dumps(refused))


def _refusal(adapter: Path) -> str:
    """What vLLM says against `adapter`, if anything."""
    from vllm.config.lora import LoRAConfig
    from vllm.lora.peft_helper import PEFTHelper

    helper = PEFTHelper.from_local_dir(str(adapter), max_position_embeddings=None)
    try:
        helper.validate_legal(LoRAConfig(max_lora_rank=MAX_LORA_RANK))
    except ValueError as error:
        return str(error)
    return ""


def _answer(llm: Any, prompt: Any, lora: Any) -> Tensor:
    """Log probabilities of every token where the answer begins `(vocabulary,)`."""
    import vllm

    sampling = vllm.SamplingParams(temperature=0, max_tokens=1, logprobs=-1)
    (output,) = llm.generate(prompt, sampling, lora_request=lora, use_tqdm=False)
    (entries,) = output.outputs[0].logprobs
    return torch.tensor([entries[token].logprob for token in range(len(entries))])


def _active(model: Any, adapter: Path) -> dict[str, Tensor]:
    """The tensors of `adapter` as they are in the layers that compute with them."""
    from vllm.lora.utils import parse_fine_tuned_lora_name

    manager = model.lora_manager
    places = {
        name: (layer, part)
        for module, layer in manager.modules.items()
        for part, name in enumerate(manager.packed_modules.get(module, [module]))
    }
    mapper = model.hf_to_vllm_mapper.get_rename_mapper()
    found = {}
    with safe_open(adapter / "adapter_model.safetensors", framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - no dict
            module, is_a = parse_fine_tuned_lora_name(name, mapper)
            if module not in places:
                continue
            layer, part = places[module]
            rows, columns = file.get_slice(name).get_shape()
            stack = layer.lora_a_stacked if is_a else layer.lora_b_stacked
            found[name] = stack[part][0, 0, :rows, :columns].cpu().clone()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))

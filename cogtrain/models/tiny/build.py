"""Makes the checkpoint folder of the embedded default: `python -m cogtrain.models.tiny.build`.

The architecture is stated here and nowhere else. The packaged weights have learned the perception
checks and nothing about stability (`configs/pretrain-tiny.yaml`); `make tiny` trains them anew.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    Qwen2Tokenizer,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)
from transformers.utils import logging as transformers_logging

from cogtrain.models.tiny import tokenizer as tiny_tokenizer

HERE = Path(__file__).parent

PATCH_SIZE = 14
MERGE_SIZE = 2
# 896 image tokens of 28 x 28 px and a long question fit.
MAX_LENGTH = 1024

VISION: dict[str, Any] = {
    "embed_dim": 96,
    "depth": 3,
    "num_heads": 4,
    "mlp_ratio": 4,
    "in_channels": 3,
    "patch_size": PATCH_SIZE,
    "spatial_merge_size": MERGE_SIZE,
    "temporal_patch_size": 2,
    "hidden_act": "quick_gelu",
}

LANGUAGE: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": MAX_LENGTH,
    # Half the head size is shared by time, height and width as in Qwen2-VL: 1 to 1.5 to 1.5.
    "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [4, 6, 6]},
}

# The keys of Qwen2-VL's own file; mean and deviation are those of CLIP.
PREPROCESSOR: dict[str, Any] = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2VLProcessor",
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": True,
    "resample": 3,
    "rescale_factor": 1 / 255,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "min_pixels": 4 * (PATCH_SIZE * MERGE_SIZE) ** 2,
    "max_pixels": MAX_LENGTH * (PATCH_SIZE * MERGE_SIZE) ** 2,
    "patch_size": PATCH_SIZE,
    "temporal_patch_size": 2,
    "merge_size": MERGE_SIZE,
}

# Of the packaged `model.safetensors`: `make tiny`, torch 2.15, one thread of an AVX-512 machine.
WEIGHTS_SHA256 = "388c0c426cd701877bed5830e0f8612a09d95d25d87840a52f346c7556562adf"

# Wider than the 0.02 of large models: at this width 0.02 leaves the image almost silent.
INITIALIZER_RANGE = 0.05


def build(
    folder: Path, *, weights: Path | None = None, seed: int = 0
) -> Qwen2VLForConditionalGeneration:
    """Writes the complete checkpoint into ``folder`` and returns the model as written.

    Weights are stored as bfloat16 (half the size of the package; training starts from the rounded
    values, in whatever precision is asked for).

    Args:
        folder: Made if need be.
        weights: Folder of a trained model of this architecture, as `export` writes it; left out,
            the weights are random. The same versions of torch and transformers draw the same.
        seed: Of random weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    template = (HERE / "chat_template.jinja").read_text(encoding="utf-8")
    words = tiny_tokenizer.read_words(HERE / "words.txt")
    tokenizer = tiny_tokenizer.build(words, template, max_length=MAX_LENGTH)
    torch.manual_seed(seed)
    model = Qwen2VLForConditionalGeneration(_config(tokenizer))
    if weights is not None:
        trained = Qwen2VLForConditionalGeneration.from_pretrained(weights, dtype=torch.float32)
        model.load_state_dict(trained.state_dict())
    model = model.bfloat16()
    model.generation_config = _generation(tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    # The writer of safetensors leaves its file to the owner alone; a package is for everybody.
    (folder / "model.safetensors").chmod(0o644)
    return model


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _config(tokenizer: Qwen2Tokenizer) -> Qwen2VLConfig:
    ids = _special_ids(tokenizer)
    common = {"initializer_range": INITIALIZER_RANGE}
    vocabulary = {
        # A multiple of 64 suits matrix units; the ids beyond the tokenizer are never produced.
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "tie_word_embeddings": True,
    }
    return Qwen2VLConfig(
        text_config=LANGUAGE | common | vocabulary,
        vision_config=VISION | common | {"hidden_size": LANGUAGE["hidden_size"]},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def _generation(tokenizer: Qwen2Tokenizer) -> GenerationConfig:
    ids = _special_ids(tokenizer)
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=8,
        eos_token_id=ids["<|im_end|>"],
        pad_token_id=ids["<|endoftext|>"],
    )


def _special_ids(tokenizer: Qwen2Tokenizer) -> dict[str, int]:
    tokens = tiny_tokenizer.SPECIAL_TOKENS
    return {token: tokenizer.get_vocab()[token] for token in tokens}


def main() -> None:
    """Command line of this file: rebuilds the packaged folder, or another one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    parser.add_argument("--weights", type=Path, help="folder of a trained model; none: random")
    parser.add_argument("--seed", type=int, default=0, help="fixes the random weights")
    options = parser.parse_args()
    transformers_logging.disable_progress_bar()
    model = build(options.folder, weights=options.weights, seed=options.seed)
    counts = {name: sum(p.numel() for p in child.parameters()) for name, child in _parts(model)}
    written = hashlib.sha256((options.folder / "model.safetensors").read_bytes()).hexdigest()
    print(json.dumps(counts | {"all": model.num_parameters(), "sha256": written}))


def _parts(model: Qwen2VLForConditionalGeneration) -> list[tuple[str, torch.nn.Module]]:
    return [("visual", model.model.visual), ("language_model", model.model.language_model)]


if __name__ == "__main__":
    main()

"""Every family against Hugging Face's model, processor and chat template, as a table.

Run it: python -m tests.models.family_parity
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText
from transformers.utils import logging

from cogtrain import Preprocess, prompts
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.sequences import Asked
from cogtrain.models.vlm import VLM
from tests.models.tiny_families import RECIPES, build, processor

# Square, wide and tall: each family pads, tiles or merges them in its own way.
SIZES = ((56, 56), (60, 150), (168, 84), (112, 112))
FROZEN = Tuning(tune=Tune(vision="frozen", merger="frozen", language="frozen"))


@dataclass(frozen=True)
class Pair:
    """A tiny checkpoint in both hands."""

    vlm: VLM
    reference: Any
    processor: Any
    preprocess: Preprocess

    @classmethod
    def of(cls, name: str, folder: Path) -> "Pair":
        logging.disable_progress_bar()
        build(name, folder)
        reference = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        return cls(
            VLM.load(str(folder), tuning=FROZEN).eval(),
            reference.eval(),
            processor(name, folder),
            Preprocess.from_pretrained(folder, resize="pillow"),
        )

    def arrays(self, images: list[np.ndarray]) -> dict[str, Tensor]:
        samples = [[image] for image in images]
        return {name: torch.from_numpy(a) for name, a in self.preprocess(samples).items()}

    def inputs(self, image: np.ndarray | None, question: str = "will_fall") -> Any:
        messages = prompts.chat(question, has_image=image is not None)
        if image is not None:
            messages[0]["content"][0]["image"] = Image.fromarray(image)
        return self.processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )


@dataclass(frozen=True)
class Parity:
    """What agreed for some images: ids, pixels and positions bit for bit, logits how nearly."""

    ids: bool
    pixels: bool
    positions: bool
    logits: float
    spread: float  # of the logits themselves


def compare(pair: Pair, images: list[np.ndarray]) -> Parity:
    rows = [_compare(pair, image) for image in images]
    return Parity(
        *(all(row[place] for row in rows) for place in range(3)),
        logits=max(row[3] for row in rows),
        spread=min(row[4] for row in rows),
    )


def compare_text(pair: Pair) -> Parity:
    """As `compare`, of the question alone."""
    inputs = pair.inputs(None)
    sequences = pair.vlm._builder.batch([Asked("will_fall")], [None], torch.device("cpu"))
    with torch.no_grad():
        expected, theirs = _watched(pair.reference, lambda: pair.reference(**inputs))
        found, ours = _watched(
            pair.vlm.model, lambda: pair.vlm.scores(["will_fall"], {}, image=[None])
        )
    logits, own = expected[:, -1:].flatten(), found.flatten()
    return Parity(
        torch.equal(sequences.input_ids, inputs["input_ids"]),
        set(inputs) <= {"input_ids", "attention_mask", "mm_token_type_ids", "token_type_ids"},
        0 < len(theirs) == len(ours) and all(map(_same_positions, theirs, ours)),
        float((logits - own).abs().max()),
        float(logits.std()),
    )


def _compare(pair: Pair, image: np.ndarray) -> tuple[bool, bool, bool, float, float]:
    inputs, arrays = pair.inputs(image), pair.arrays([image])
    family, config = pair.vlm.family, pair.vlm.model.config
    shapes = family.images.of(config, arrays)
    sequences = pair.vlm._builder.batch([Asked("will_fall")], shapes, torch.device("cpu"))
    read = family.images.read(arrays)
    with torch.no_grad():
        expected, theirs = _watched(pair.reference, lambda: pair.reference(**inputs))
        found, ours = _watched(pair.vlm.model, lambda: pair.vlm.scores(["will_fall"], arrays))
    logits, own = expected[:, -1:].flatten(), found.flatten()
    return (
        torch.equal(sequences.input_ids, inputs["input_ids"]),
        all(_same_bits(values, inputs[name]) for name, values in read.items()),
        0 < len(theirs) == len(ours) and all(map(_same_positions, theirs, ours)),
        float((logits - own).abs().max()),
        float(logits.std()),
    )


def _watched(model: Any, call: Any) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the positions that reach the rotary embedding of the language model."""
    logits, positions = [], []

    def keep(_module: Any, args: Any, kwargs: Any) -> None:
        values = [*args, *kwargs.values()]
        positions.extend(v for v in values if torch.is_tensor(v) and v.dtype == torch.int64)

    text = getattr(model.model, "language_model", None) or model.model.text_model
    handles = [
        text.rotary_emb.register_forward_pre_hook(keep, with_kwargs=True),
        model.lm_head.register_forward_hook(lambda _m, _i, output: logits.append(output)),
    ]
    try:
        call()
    finally:
        for handle in handles:
            handle.remove()
    return logits[0], positions


def _same_bits(ours: Tensor, theirs: Tensor) -> bool:
    theirs = torch.as_tensor(theirs)
    return ours.dtype == theirs.dtype and torch.equal(ours, theirs)


def _same_positions(theirs: Tensor, ours: Tensor) -> bool:
    return torch.equal(*torch.broadcast_tensors(theirs, ours))


def draw(sizes: tuple[tuple[int, int], ...] = SIZES, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def main() -> None:
    print(f"{'family':<16} {'ids':<5} {'pixels':<7} {'positions':<10} logits: max |Δ| (spread)")
    for name in RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            row = compare(Pair.of(name, Path(folder)), draw())
        words = ["same" if each else "DIFFER" for each in (row.ids, row.pixels, row.positions)]
        print(
            f"{name:<16} {words[0]:<5} {words[1]:<7} {words[2]:<10} "
            f"{row.logits:.1e} ({row.spread:.2f})"
        )


if __name__ == "__main__":
    main()

"""What was trained as a whole model, in a folder that `transformers` loads unaided.

Merging rounds, and a merge into other weights than those that the adapter was trained on is no
merge at all. So it is done into the base that the adapter names, unquantised, and the folder is
kept only if the model read back from it decides as the model with its adapter does.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from cogtrain import Preprocess, StimulusSet
from cogtrain.models.lora import Tuning
from cogtrain.models.proof import QUESTION, Provenance
from cogtrain.models.vlm import VLM

REPORT = "parity.json"
_SIZE_PX = 224
_BATCH = 8


@dataclass(frozen=True)
class Parity:
    """How nearly the exported model answers as the trained one does.

    Attributes:
        stimuli: How many were asked about, in `question`.
        question: Its name.
        max_logit_difference: Over all stimuli and the whole vocabulary.
        decision_flips: Stimuli of which the two choose different options.
        dtype: Type of the exported weights.
        trained_on: Quantisation of the base that the adapter was trained on, if it had one; the
            comparison is with the adapter on the unquantised base.
    """

    stimuli: int
    question: str
    max_logit_difference: float
    decision_flips: int
    dtype: str
    trained_on: str | None

    def __str__(self) -> str:
        base = f"; trained on {self.trained_on}, compared without it" if self.trained_on else ""
        return (
            f"{self.stimuli} stimuli ({self.question}), {self.dtype}: decision flips "
            f"{self.decision_flips}, max logit difference {self.max_logit_difference:.2g}{base}"
        )


def merge(adapter: Path, out: Path, *, pretrained: str | None = None, count: int = 64) -> Parity:
    """Merges the adapter in a folder into its base and writes the whole model.

    Args:
        adapter: As `VLM.save_adapter` wrote it.
        out: Folder to write; it must not exist yet.
        pretrained: Where the base is, if not where it was.
        count: Stimuli that both models are asked about.

    Returns:
        What the comparison found; also in ``parity.json``.

    Raises:
        FileNotFoundError: Without the adapter or its base.
        ValueError: If ``out`` exists, the base is another one, or a decision changes.
    """
    _reject_existing(out)
    vlm = VLM.of_adapter(adapter, pretrained=pretrained).eval()
    batches = _batches(vlm, count)
    before = _answers(vlm, batches)
    vlm.fold()
    trained_on = Provenance.read(adapter).quantization
    return _publish(vlm, out, batches, before, trained_on=trained_on)


def whole(vlm: VLM, out: Path, *, count: int = 64) -> Parity:
    """Writes a model whose own weights were trained, without any adapter.

    Args:
        vlm: With its trained weights.
        out: Folder to write; it must not exist yet.
        count: Stimuli that the model is asked about before and after.

    Returns:
        What the comparison found; also in ``parity.json``.

    Raises:
        ValueError: If ``out`` exists, an adapter is attached, or a decision changes.
    """
    _reject_existing(out)
    batches = _batches(vlm.eval(), count)
    return _publish(vlm, out, batches, _answers(vlm, batches))


def _reject_existing(out: Path) -> None:
    if out.exists():
        raise ValueError(
            f"expected a new folder, got `{out}`, which exists; remove it or give another `--out`"
        )


def _publish(
    vlm: VLM,
    out: Path,
    batches: list[dict[str, Tensor]],
    before: tuple[Tensor, Tensor],
    *,
    trained_on: str | None = None,
) -> Parity:
    """Writes the model aside, reads it back, and keeps it if it decides as ``before``."""
    dtype = str(vlm.model.dtype).removeprefix("torch.")
    aside = out.with_name(out.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        vlm.save_pretrained(aside)
        read_back = VLM.load(str(aside), tuning=Tuning.frozen(), dtype="auto").eval()
        logits, decisions = _answers(read_back, batches)
        parity = Parity(
            stimuli=len(decisions),
            question=QUESTION,
            max_logit_difference=(before[0] - logits).abs().max().item(),
            decision_flips=int((before[1] != decisions).sum()),
            dtype=dtype,
            trained_on=trained_on,
        )
        _reject_flips(parity)
        (aside / REPORT).write_text(json.dumps(asdict(parity), indent=2) + "\n", encoding="utf-8")
        aside.rename(out)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return parity


def _reject_flips(parity: Parity) -> None:
    if parity.decision_flips:
        raise ValueError(
            f"expected the exported model to decide as the trained one, got {parity}; keep the "
            "adapter apart, or train it on a base in `dtype: float32`"
        )


def _batches(vlm: VLM, count: int) -> list[dict[str, Tensor]]:
    towers = StimulusSet.recipe(task="tower", count=count, size_px=_SIZE_PX, seed=1, split="test")
    preprocess = Preprocess.from_pretrained(vlm.origin.path, resize="pillow")
    samples = [[stimulus.image] for stimulus in towers]
    parts = [samples[start : start + _BATCH] for start in range(0, count, _BATCH)]
    return [
        {name: torch.from_numpy(each) for name, each in preprocess(part).items()} for part in parts
    ]


def _answers(vlm: VLM, batches: list[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """Logits where the answer begins ``(N, vocabulary)``, and the options chosen ``(N,)``."""
    logits, decisions = [], []
    with vlm.answering():
        for arrays in batches:
            logits.append(vlm.logits(QUESTION, arrays))
            scores = vlm.scores([QUESTION] * len(logits[-1]), arrays)
            decisions.append(scores.log_mass.argmax(dim=-1))
    return torch.cat(logits), torch.cat(decisions)

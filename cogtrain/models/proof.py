"""What a saved adapter was part of, and how the model answered with it: proof that a load worked.

Names that moved between versions, another base, other pixels: each leaves a model that runs and
answers something else. So four stimuli lie beside every adapter, with logits at the place where the
answer begins, and a load that does not reproduce them is no load. The images are kept as files: a
later version of the renderer changes nothing about them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import peft
import torch
import transformers
from PIL import Image
from torch import Tensor

from cogtrain import Preprocess, StimulusSet
from cogtrain.models.lora import Tuning
from cogtrain.models.origin import DType, Init, Origin, Quantization

if TYPE_CHECKING:
    from cogtrain.models.vlm import VLM

FORMAT = 1
COUNT = 4
QUESTION = "will_fall"
PROVENANCE, FOLDER = "cogtrain.json", "proof"

# Tokens whose logits are kept, evenly over the vocabulary: enough that no change hides.
_TOKENS = 64
# Largest difference that rounding explains, as a share of the largest logit.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 1e-2}


@dataclass(frozen=True)
class Provenance:
    """The base and the tuning of a saved adapter, and the versions that saved it.

    Attributes:
        pretrained: Of the base, as in `Origin`; so are `init`, `dtype` and `quantization`.
        fingerprint: Of the base.
        tuning: What was trained.
        versions: Of what computed it.
    """

    pretrained: str
    init: Init
    dtype: DType
    quantization: Quantization | None
    fingerprint: str
    tuning: Tuning
    versions: dict[str, str]

    @classmethod
    def of(cls, origin: Origin, tuning: Tuning) -> "Provenance":
        """Of an adapter that is about to be saved."""
        return cls(
            origin.pretrained,
            origin.init,
            origin.dtype,
            origin.quantization,
            origin.fingerprint,
            tuning,
            _versions(),
        )

    def write(self, folder: Path) -> None:
        """Writes ``cogtrain.json`` beside the adapter in ``folder``."""
        record = {"format": FORMAT} | asdict(self)
        (folder / PROVENANCE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Provenance":
        """What `write` wrote.

        Raises:
            FileNotFoundError: If it is missing.
            ValueError: If it is damaged.
        """
        record = _read(folder / PROVENANCE)
        try:
            tuning = Tuning.from_record(record.pop("tuning"))
            record.pop("format")
            return cls(tuning=tuning, **record)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"expected the record of an adapter, got `{folder / PROVENANCE}` ({error}); "
                "save the adapter again"
            ) from error


def save(vlm: "VLM", folder: Path) -> None:
    """Writes four stimuli and the model's logits about them into ``folder / "proof"``."""
    into = folder / FOLDER
    into.mkdir(parents=True, exist_ok=True)
    towers = StimulusSet.recipe(task="tower", count=COUNT, size_px=224, seed=0, split="test")
    images = [stimulus.image for stimulus in towers]
    for index, image in enumerate(images):
        Image.fromarray(image).save(into / f"{index}.png")
    logits = _logits(vlm, images)
    kept = torch.linspace(0, logits.shape[1] - 1, _TOKENS).long()
    record = {
        "question": QUESTION,
        "dtype": str(vlm.model.dtype).removeprefix("torch."),
        "tokens": kept.tolist(),
        "logits": logits[:, kept].tolist(),
        "log_normaliser": logits.logsumexp(dim=-1).tolist(),
    }
    (into / "logits.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def check(vlm: "VLM", folder: Path) -> float:
    """Compares the model's logits with those saved in ``folder / "proof"``.

    Returns:
        The largest difference.

    Raises:
        FileNotFoundError: If there is nothing to compare with.
        ValueError: If they differ by more than rounding does: 0.1 % of the largest logit in
            float32, 5 % in bfloat16.
    """
    made, record = Provenance.read(folder), _read(folder / FOLDER / "logits.json")
    if made.quantization != vlm.origin.quantization:
        # Rounding to 4 bits is no rounding that a comparison of logits survives: `check` proves
        # names, shapes and base only, which `adapter.load` has done.
        return float("nan")
    logits = _logits(vlm, [_image(folder / FOLDER / f"{index}.png") for index in range(COUNT)])
    expected = torch.tensor(record["logits"])
    difference = (logits[:, record["tokens"]] - expected).abs().max().item()
    normalisers = torch.tensor(record["log_normaliser"])
    difference = max(difference, (logits.logsumexp(-1) - normalisers).abs().max().item())
    coarser = max(_TOLERANCE[vlm.model.dtype], _TOLERANCE[getattr(torch, record["dtype"])])
    most = coarser * expected.abs().max().item()
    if not difference <= most:
        raise ValueError(
            f"expected the answers that the adapter in `{folder}` was saved with, got logits that "
            f"differ by {difference:.3g} (rounding explains {most:.3g}); {_changes(made)}"
        )
    return difference


def _logits(vlm: "VLM", images: list[np.ndarray]) -> Tensor:
    preprocess = Preprocess.from_pretrained(vlm.origin.path, resize="pillow")
    arrays = preprocess([[image] for image in images])
    tensors = {name: torch.from_numpy(each).to(vlm.device) for name, each in arrays.items()}
    with vlm.answering():
        return vlm.logits(QUESTION, tensors).cpu()


def _image(file: Path) -> np.ndarray:
    if not file.is_file():
        raise FileNotFoundError(
            f"expected the image of a stimulus at `{file}`, got none; copy the whole folder of the "
            "adapter, or load with `verify=False`"
        )
    return np.asarray(Image.open(file).convert("RGB"))


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"expected `{file.name}` beside the adapter, got `{file.parent}` without it; give an "
            "adapter that cogtrain saved, or load with `verify=False`"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"expected JSON in `{file}`, got something else ({error}); save the adapter again"
        ) from error


def _versions() -> dict[str, str]:
    return {module.__name__: str(module.__version__) for module in (torch, transformers, peft)}


def _changes(made: Provenance) -> str:
    """What to look at: versions that moved, or else the files."""
    moved = [
        f"{name} was {made.versions.get(name)} and is {version}"
        for name, version in _versions().items()
        if made.versions.get(name) != version
    ]
    if moved:
        return f"{', '.join(moved)}: use the versions that it was saved with"
    return "the base's processor or prompts have changed: use the version it was saved with"

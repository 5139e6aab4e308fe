"""The model of a training, all of it but its weights."""

from typing import Any

from cogtrain.checking.config import Planned
from cogtrain.models.footprint import Load, Unweighted
from cogtrain.models.origin import Origin
from cogtrain.models.vlm import VLM
from cogtrain.training.callbacks.token_map import token_maps


def outline(plan: Planned) -> VLM:
    """The model of tensors that have a shape and no memory; quantised weights are as others are.

    Raises:
        ValueError: If its family is not supported, or it cannot be trained as asked for.
    """
    model = plan.config["model"]
    return VLM(Unweighted(model["pretrained"], "random", model["dtype"]), plan.tuning)


def first_batch(plan: Planned) -> dict[str, Any]:
    """The first micro-batch that would be trained on."""
    return dict(next(iter(plan.data.train_dataloader())))


def token_map(plan: Planned, vlm: VLM, batch: dict[str, Any]) -> str:
    """What the first items read, and what is learned of them.

    Raises:
        ValueError: If a token of an image would be learned as an answer.
    """
    return "\n".join(text.plain for text in token_maps(vlm, plan.objective, batch))


def origin(plan: Planned) -> Origin:
    """The base, as the config asks for it."""
    model = plan.config["model"]
    return Origin(model["pretrained"], "random", model["dtype"], quantization=model["quantization"])


def load(plan: Planned, batch: dict[str, Any]) -> Load:
    """A micro-batch of the largest images, asked what ``batch`` is asked."""
    side = max(each.size_px for each in plan.data.recipes["train"])
    model = plan.config["model"]
    return Load(
        sizes_px=((side, side),) * plan.data.batch_size,
        questions=tuple(dict.fromkeys(batch["question"])),
        tokens_per_pass=model["tokens_per_pass"],
        gradient_checkpointing=bool(model["gradient_checkpointing"]),
    )

"""Where a run computes and in which numbers: what cannot be is said before anything is trained."""

from typing import Any

import torch
from torch import nn

from cogtrain.complaint import UsageError

_SPELLED = {"16": "16-mixed", "bf16": "bf16-mixed"}
_ROUNDS = {"16-true": "float16", "bf16-true": "bfloat16"}
_MIXES = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


def require_accelerator(accelerator: Any) -> None:
    """Refuses a GPU that is not there.

    Args:
        accelerator: `trainer.accelerator`.

    Raises:
        UsageError: If torch finds none.
    """
    is_apple = accelerator == "gpu" and torch.backends.mps.is_available()
    if accelerator not in ("gpu", "cuda") or is_apple or torch.cuda.is_available():
        return
    why = "is made without CUDA: install one with it"
    if torch.version.cuda is not None:
        why = f"is made for CUDA {torch.version.cuda}: see whether `nvidia-smi` finds a card"
    raise UsageError(
        f"expected a GPU for `trainer.accelerator: {accelerator}`, got none; torch "
        f"{torch.__version__} {why}, or leave the option out to train on the CPU"
    )


def require_precision(precision: Any, model: nn.Module) -> str | None:
    """Refuses to train in numbers that lose what is learned.

    Args:
        precision: `trainer.precision`.
        model: As it was loaded.

    Returns:
        What should be known of coarse numbers that are not refused, if they are some.

    Raises:
        UsageError: If trained weights would be rounded to 16 bits or are in float16, if float16
            meets bfloat16, or float16 the CPU.
    """
    precision = _SPELLED.get(str(precision), precision)
    if precision in _ROUNDS:
        raise UsageError(
            "expected a `trainer.precision` that leaves trained weights in 32 bits, got "
            f"{precision}; set `model.dtype: {_ROUNDS[precision]}` for the base alone and leave "
            "`trainer.precision` out"
        )
    if precision == "16-mixed" and not torch.cuda.is_available():
        raise UsageError(
            "expected a GPU for `trainer.precision: 16-mixed`, got a CPU, which has no such "
            "operations; leave it out, or set it to bf16-mixed"
        )
    weights = [each for each in model.parameters() if each.dtype in _MIXES.values()]
    others = {each.dtype for each in weights} - {_MIXES.get(precision)}
    if precision in _MIXES and others:
        raise UsageError(
            f"expected one kind of 16 bits, got `trainer.precision: {precision}` with a base in "
            f"{str(others.pop()).removeprefix('torch.')}; leave `trainer.precision` out"
        )
    trained = {each.dtype for each in weights if each.requires_grad}
    if torch.float16 in trained:
        raise UsageError(
            "expected weights that are trained in float32, got float16, in which steps are lost; "
            "set `model.dtype: float32`"
        )
    if not trained:
        return None
    return (
        "note: weights that are trained in bfloat16 lose what moves them by less than 1/256; "
        "`model.dtype: float32` keeps it, and `trainer.precision: bf16-mixed` computes as fast"
    )

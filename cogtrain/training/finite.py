"""Finite: a step that would make the weights nonsense is not taken.

What is not finite is never mended: one such gradient makes every weight `nan`, and nothing that is
trained afterwards means anything. So the run ends before the step, all ranks at the same one, and
what the steps before have learned is kept.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, distributed

from cogtrain.training.window import Window

_MOST = 8  # stimuli that are named; the others are counted


class NotFiniteError(ValueError):
    """A loss or a gradient that is `nan` or infinite; no weight has been moved by it."""


def require_finite(window: Window, gradients: Iterable[Tensor | None] = ()) -> None:
    """Lets a step be taken if its loss and its gradients are finite.

    Args:
        window: Of the step, closed.
        gradients: As the optimizer will see them, the same on every rank.

    Raises:
        NotFiniteError: Otherwise, with the ids of the stimuli whose loss it was, of all ranks.
    """
    means = window.means
    if means is None:
        return
    # One look at the device for both.
    is_loss = torch.isfinite(means.loss) | (means.weight == 0)
    is_gradient = torch.isfinite(_norm([each for each in gradients if each is not None]))
    if bool(is_loss & is_gradient.to(is_loss.device)):
        return
    what = "gradients" if bool(is_loss) else "a loss"
    raise NotFiniteError(
        f"expected finite numbers to learn from, got {what} that {_verb(what)} not, "
        f"{_stimuli(_everywhere(window.not_finite()))}; no weight was moved: look at these stimuli, "
        "lower `optimizer.lr`, set `trainer.gradient_clip_val`, or use `model.dtype: float32`"
    )


def _norm(gradients: Sequence[Tensor]) -> Tensor:
    """Of all gradients together; of sharded ones over all shards."""
    norm = torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm  # type: ignore[operator]


def _verb(what: str) -> str:
    return "are" if what == "gradients" else "is"


def _stimuli(ids: Sequence[str]) -> str:
    if not ids:
        return "from stimuli whose own losses are finite"
    more = f" and {len(ids) - _MOST} more" if len(ids) > _MOST else ""
    return f"from {', '.join(ids[:_MOST])}{more}"


def _everywhere(ids: list[str]) -> list[str]:
    """Those of all ranks, in their order."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return ids
    found: list[list[str]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(found, ids)
    return [each for rank in found for each in rank]

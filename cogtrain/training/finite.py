"""Numbers that are none: a loss, a gradient or weights that are not finite end a run at once.

No weight has moved by then, and no checkpoint is written over a good one. Nobody waits for the
device in the middle of a window: what each micro-batch lost is looked at only if the sum over all
of them and all ranks is not finite. That sum is the same on every rank, so all stop together.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from cogtrain.complaint import RunError

_SHOWN = 4


class NotFiniteError(RunError):
    """A run that has left the numbers; every rank raises it at the same place."""


class LossRecord:
    """Which stimulus had which loss in the window under way.

    Example:
        >>> record = LossRecord()
        >>> losses = torch.tensor([0.5, torch.nan])
        >>> record.add({"set": ["towers"] * 2, "ids": ["a", "b"]}, losses)
        >>> try:
        ...     record.close(3, losses.sum(), torch.tensor(1.0))
        ... except NotFiniteError as error:
        ...     print(str(error).partition(", got ")[2])
        nan for 1 of 2 items (stimulus `b` of set `towers`); no weight has moved
    """

    def __init__(self) -> None:
        self._window: list[tuple[dict[str, Any], Tensor]] = []

    def add(self, batch: dict[str, Any], losses: Tensor) -> None:
        """Takes a micro-batch in.

        Args:
            batch: Its `set` and `ids` are kept, one of each per item.
            losses: ``(N,)``.
        """
        names = {name: batch[name] for name in ("set", "ids")}
        self._window.append((names, losses.detach()))

    def close(self, step: int, total: Tensor, norm: Tensor, scaler: Any = None) -> None:
        """Ends the window; the next micro-batch begins another. Every rank must ask.

        Args:
            step: Optimizer step that is about to be taken, counted from 1.
            total: Sum of the losses of all ranks.
            norm: Of the gradient of all ranks.
            scaler: `torch.amp.GradScaler`, which leaves steps out by itself until its scale is low
                enough for float16.

        Raises:
            NotFiniteError: If a loss or the gradient is infinite or no number.
        """
        window, self._window = self._window, []
        if bool(total.isfinite() & norm.isfinite()):  # the one place that waits for the device
            return
        if not total.isfinite():
            raise NotFiniteError(
                f"expected a finite loss in step {step}, got {_blame(window)}; no weight has moved"
            )
        if scaler is None or scaler.get_scale() < 1.0:
            raise NotFiniteError(
                f"expected a finite gradient in step {step}, got a norm of {float(norm)} from "
                f"{_blame(window)}; no weight has moved"
            )


def _blame(window: Sequence[tuple[dict[str, Any], Tensor]]) -> str:
    """The stimuli of all ranks whose loss is not finite; if each is, all of them."""
    every, bad = [], []
    for batch, losses in window:
        names = list(zip(batch["set"], batch["ids"], losses.tolist(), strict=True))
        every += names
        bad += [name for name in names if not math.isfinite(name[2])]
    bad, every = (_of_all_ranks(names) for names in (bad, every))
    values = f"{bad[0][2]} for " if bad else ""
    return f"{values}{len(bad or every)} of {len(every)} items ({listed(bad or every)})"


def listed(stimuli: Iterable[tuple[Any, ...]]) -> str:
    """Stimuli, set and id each, the first few of each set.

    Example:
        >>> listed([("towers", "a"), ("towers", "b"), ("towers", "a")])
        'stimuli `a`, `b` of set `towers`'
    """
    by_set: dict[str, dict[str, None]] = {}
    for of, name, *_ in stimuli:
        by_set.setdefault(of, {})[name] = None
    parts = []
    for of, names in by_set.items():
        shown = ", ".join(f"`{name}`" for name in list(names)[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        parts.append(f"stimul{'i' if len(names) > 1 else 'us'} {shown}{more} of set `{of}`")
    return "; ".join(parts)


def whole(norm: Any) -> Tensor:
    """A norm of all ranks, from that of the shards of each; every rank must ask."""
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def require_finite_weights(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Refuses to write what cannot be continued from.

    Raises:
        NotFiniteError: If a trained weight is infinite or no number.
    """
    trained = [each.detach() for each in parameters if each.requires_grad]
    largest = float(whole(get_total_norm(trained, norm_type=math.inf)))
    if not math.isfinite(largest):
        raise NotFiniteError(
            f"expected finite weights to keep, got {largest} among the trained ones; nothing was "
            "written: lower `optimizer.lr`"
        )


def _of_all_ranks(names: list[Any]) -> list[Any]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return names
    parts: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, names)
    return [name for part in parts for name in part]

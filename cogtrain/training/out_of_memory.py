"""Out of memory: which batch it was, and what to lower."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

# What torch says where there is no class of its own for it.
_SAYINGS = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "out of memory")
_NAMED = 3  # stimuli; the others are counted

_LOWER = {
    "train": "lower `data.batch_size` and raise `trainer.accumulate_grad_batches` as much, which "
    "trains the same, or set `model.tokens_per_pass` or `model.gradient_checkpointing: true`",
    "judge": "lower `data.eval_batch_size`, which changes no answer",
}


class OutOfMemoryError(ValueError):
    """A batch that the memory of the device does not hold."""


class BatchInHand(Callback):
    """Remembers which batch is being worked on, so that an error can name it."""

    def __init__(self) -> None:
        self._stage = ""
        self._batch: dict[str, Any] = {}

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any
    ) -> None:
        """Remembers a batch that is trained on."""
        self._stage, self._batch = "train", batch

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any
    ) -> None:
        """Remembers a batch that is judged."""
        self._stage, self._batch = "judge", batch

    on_test_batch_start = on_predict_batch_start = on_validation_batch_start

    def explain(self, error: BaseException) -> OutOfMemoryError | None:
        """The error in a user's words, if memory is what was missing; else nothing."""
        if not is_out_of_memory(error) or not self._batch:
            return None
        batch = self._batch
        ids = list(dict.fromkeys(batch["ids"]))
        named = ", ".join(ids[:_NAMED])
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        first = str(error).strip().splitlines()[0]
        return OutOfMemoryError(
            f"expected memory for {len(batch['ids'])} items of {batch['set'][0]} ({named}{more}), "
            f"{_arrays(batch)}, got {type(error).__name__}: {first.rstrip('.')}; "
            f"{_LOWER[self._stage]}"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` is about memory of this machine or its devices."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAYINGS)


def _arrays(batch: dict[str, Any]) -> str:
    """Shapes of what the model reads of the images."""
    shapes = (f"{name} {'×'.join(map(str, each.shape))}" for name, each in batch["arrays"].items())
    return "; ".join(shapes) or "text alone"

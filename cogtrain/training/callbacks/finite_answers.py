"""FiniteAnswers: a validation without a single answer that is a number ends the run."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from cogtrain.training.finite import NotFiniteError


class FiniteAnswers(Callback):
    """Ends training if weights have come to answer nothing, before anything is kept of them.

    A single stimulus without an answer is no reason: scores count it as wrong and say so. It must
    come before the callbacks that write checkpoints.
    """

    def __init__(self) -> None:
        self._counts: Tensor | None = None

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Counts items, and those that were answered, where they are: nobody waits."""
        certainty = outputs["response_probability"]
        is_counted = outputs["weights"].to(certainty.device) > 0
        counts = torch.stack([is_counted.sum(), (is_counted & certainty.isfinite()).sum()]).float()
        self._counts = counts if self._counts is None else self._counts + counts

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Asks all ranks.

        Raises:
            NotFiniteError: If there were items, and none of them was answered.
        """
        counts, self._counts = self._counts, None
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        own = torch.zeros(2, device=pl_module.device) if counts is None else counts
        items, answered = trainer.strategy.reduce(own, reduce_op="sum").tolist()
        if items and not answered:
            raise NotFiniteError(
                f"expected answers in the validation after step {trainer.global_step}, got no "
                f"number for any of {items:.0f} items; the weights have diverged and are not kept"
            )

"""MemoryProbe: a run that will not fit fails before its first step."""

import sys
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import ModelParallelStrategy

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.training.callbacks.under_way import UnderWay
from cogtrain.training.module import VLMModule
from cogtrain.training.worst_batch import try_once, worst_batches

_GIB = 2**30


def is_needed(trainer: Trainer) -> bool:
    """Whether memory is a GPU's, and a rank can go through the model on its own."""
    is_gpu = trainer.strategy.root_device.type == "cuda"
    return is_gpu and not isinstance(trainer.strategy, ModelParallelStrategy)


class MemoryProbe(Callback):
    """Tries the worst batches that can come, where `is_needed`, and says what they took.

    It must come before callbacks that watch the clock.

    Args:
        module: What is trained.
        data: On what.
        under_way: Is told which batch is tried, to name it.
    """

    def __init__(self, module: VLMModule, data: StimuliDataModule, under_way: UnderWay) -> None:
        self.module = module
        self.data = data
        self.under_way = under_way

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tries each kind of set once."""
        if not is_needed(trainer):
            return
        for name, batch in worst_batches(self.module.vlm, self.data):
            self.under_way.begin(f"the largest batch of set `{name}`", batch, is_training=True)
            self._try(trainer, batch)
            self.under_way.end()
        self._say(trainer)

    def _try(self, trainer: Trainer, batch: dict[str, Any]) -> None:
        on_device = trainer.strategy.batch_to_device(batch)
        with trainer.precision_plugin.train_step_context():
            accumulates = trainer.accumulate_grad_batches > 1
            try_once(self.module, on_device, accumulates=accumulates)

    def _say(self, trainer: Trainer) -> None:
        device = trainer.strategy.root_device
        if device.type != "cuda":
            return
        took = torch.cuda.max_memory_allocated(device) / _GIB
        total = torch.cuda.get_device_properties(device).total_memory / _GIB
        torch.cuda.reset_peak_memory_stats(device)  # what is logged is what training takes
        if trainer.is_global_zero:
            print(f"memory: the largest batch takes {took:.1f} of {total:.1f} GiB", file=sys.stderr)

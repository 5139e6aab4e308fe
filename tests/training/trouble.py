"""Callbacks that make a training go wrong, for configs of tests."""

import torch
from lightning.pytorch import Callback


class BadLoss(Callback):
    """The loss of the second item of a rank's batch is `value`, from one step on."""

    def __init__(self, step=2, value="nan", rank=0):
        self.step, self.value, self.rank = step, float(value), rank

    def on_train_start(self, trainer, pl_module):
        given = pl_module.losses

        def losses(batch, scores):
            found, weights = given(batch, scores)
            if trainer.global_step >= self.step and trainer.global_rank == self.rank:
                place = torch.arange(len(found), device=found.device) == 1
                found = torch.where(place, found * self.value, found)
            return found, weights

        pl_module.losses = losses


class BadGradient(Callback):
    """A gradient is infinite in one step, whatever the loss."""

    def __init__(self, step=2):
        self.step = step

    def on_after_backward(self, trainer, pl_module):
        if trainer.global_step == self.step:
            next(p for p in pl_module.parameters() if p.grad is not None).grad[0] = torch.inf


class NoMemory(Callback):
    """The device has no memory left, in one step or in any validation."""

    def __init__(self, step=2, kind="OutOfMemoryError"):
        self.step, self.kind = step, kind

    def _fail(self):
        if self.kind == "OutOfMemoryError":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore.")
        torch.empty(2**48)

    def on_before_backward(self, trainer, pl_module, loss):
        if trainer.global_step == self.step:
            self._fail()

    def on_validation_batch_end(self, *_):
        if self.step < 0:
            self._fail()

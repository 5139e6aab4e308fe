"""What every optimizer step has to say: its loss, its accuracy, its learning rate."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from cogtrain.training.window import Window


def is_logged(trainer: Trainer) -> bool:
    """Whether the step that was just taken is a `log_every_n_steps`th one."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # not declared
    return bool(every) and trainer.global_step % every == 0


class StepLog(Callback):
    """Logs a step as one: over all its micro-batches and ranks, before the next one begins.

    A number belongs to the weights that it was measured with, so the step is that of the optimizer
    steps they had taken.

    Args:
        window: Of the module that is trained.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._lr = float("nan")

    def on_before_optimizer_step(self, trainer: Trainer, *_: Any) -> None:
        """Keeps the learning rate that the step is taken with."""
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Shows every step, and logs each `log_every_n_steps`th."""
        means, self.window.means = self.window.means, None
        if means is None:  # in the middle of a window
            return
        shown = {"train/loss": means.loss, "train/accuracy": means.accuracy}
        pl_module.log_dict(shown, prog_bar=True, logger=False, batch_size=1)
        if is_logged(trainer):
            numbers = {name: float(value) for name, value in shown.items()} | {"lr": self._lr}
            for logger in trainer.loggers:
                logger.log_metrics(numbers, step=trainer.global_step - 1)

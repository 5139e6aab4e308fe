"""Progress as lines, for logs and pipes; on a terminal Lightning's own bar is used."""

import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar
from lightning.pytorch.utilities.types import STEP_OUTPUT

_SHOWN = (
    *("train/loss", "train/accuracy", "val/macro/accuracy"),
    *("train/stimuli_per_s", "train/data_wait_percent"),
)


class LineProgress(ProgressBar):
    """One line on stderr now and then: step, share, numbers, speed, time left.

    Args:
        every_s: Seconds between lines; a log of a day then has a few thousand.
    """

    def __init__(self, every_s: float = 15.0) -> None:
        super().__init__()
        self.every_s = every_s
        self._enabled = True
        self._began_s = self._shown_s = 0.0
        self._began_at = 0

    def enable(self) -> None:
        """Shows lines."""
        self._enabled = True

    def disable(self) -> None:
        """Shows none; Lightning calls it on every rank but the first."""
        self._enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._began_s = self._shown_s = time.monotonic()
        self._began_at = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """A line, if it is time."""
        if time.monotonic() - self._shown_s >= self.every_s:
            self._show(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A line with the new accuracy."""
        if trainer.state.fn == "fit":
            self._show(trainer, pl_module)

    def _show(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._enabled:
            return
        self._shown_s = time.monotonic()
        done, total = trainer.global_step, int(trainer.estimated_stepping_batches)
        metrics = self.get_metrics(trainer, pl_module)
        parts = [f"step {done}/{total} ({done / max(1, total):.0%})"]
        parts += [f"{name} {_number(metrics[name])}" for name in _SHOWN if name in metrics]
        elapsed_s = self._shown_s - self._began_s
        if done > self._began_at:
            left_s = elapsed_s / (done - self._began_at) * (total - done)
            parts.append(f"{_duration(elapsed_s)} < {_duration(left_s)}")
        print(" | ".join(parts), file=sys.stderr, flush=True)


def progress_bar() -> ProgressBar:
    """The bar that suits standard error: a live one on a terminal, lines otherwise."""
    return RichProgressBar(refresh_rate=5) if sys.stderr.isatty() else LineProgress()


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""Exact continuation: what a step leaves behind, and nothing of a step that was cut short.

Weights, optimizer and schedule change only inside an optimizer step. So between two steps
everything else that continues a run (Lightning's counters, the place in the stimulus stream) is
remembered, and a run that is interrupted anywhere is written down as it was at the last boundary.
Randomness needs no state at all: every batch seeds its own stream from (seed, epoch, batch, rank).
"""

import copy
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

_MIX = 0x9E3779B97F4A7C15  # odd, so multiplying by it permutes the 64-bit integers
_MASK = (1 << 64) - 1


def stream_seed(seed: int, *keys: int) -> int:
    """Seed of the stream that belongs to ``keys``: SplitMix64 folded over them.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    state = seed & _MASK
    for key in keys:
        state = (state + (key + 1) * _MIX) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1  # torch takes a signed 64-bit seed


class RandomStreams(Callback):
    """Gives every training batch its own random stream, so dropout continues exactly."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seeds torch on every device."""
        keys = (trainer.current_epoch, batch_idx, trainer.global_rank)
        torch.manual_seed(stream_seed(self.seed, *keys))


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt` fit to continue from: at times, after validation, at the end, on failure.

    Args:
        path: File to write; an older one is replaced only by a complete new one.
        every_s: Longest time between two checkpoints. Ten minutes bound what a crash of the machine
            can cost.
    """

    def __init__(self, path: Path, *, every_s: float = 600.0) -> None:
        self.path = path
        self.every_s = every_s
        self.asked_to_stop = False
        self._is_stepping = False
        self._is_failing = False
        self._boundary: dict[str, Any] | None = None
        self._saved_at_s = time.monotonic()

    def interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler of Ctrl-C: at once, unless weights are just changing; then right after.

        Raises:
            KeyboardInterrupt: Unless inside an optimizer step.
        """
        again, self.asked_to_stop = self.asked_to_stop, True
        if again or not self._is_stepping:
            raise KeyboardInterrupt

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The first boundary, unless a checkpoint gave one."""
        self._saved_at_s = time.monotonic()
        if self._boundary is None:
            self._remember(trainer)

    def on_before_optimizer_step(self, *_: Any) -> None:
        """From here to the end of the batch the state is of two minds."""
        self._is_stepping = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remembers the boundary after an optimizer step; stops there if asked to.

        Raises:
            KeyboardInterrupt: If Ctrl-C came during the step.
        """
        if self._is_stepping:
            self._remember(trainer)
            self._is_stepping = False
            if self.asked_to_stop:
                raise KeyboardInterrupt
            if self._is_due(trainer):
                self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves during training."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves the finished run, which can be continued with more epochs."""
        self._save(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Saves the last boundary, if training had begun and no optimizer step was cut short.

        Of several ranks one may fail alone, and saving together would wait for ever; only Ctrl-C
        reaches all of them.
        """
        is_together = trainer.world_size == 1 or isinstance(exception, KeyboardInterrupt)
        if self._boundary is not None and not self._is_stepping and is_together:
            self._is_failing = True
            self._save(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Puts the last boundary in place of counters that a cut-short batch has moved."""
        if self._is_failing and self._boundary is not None:
            checkpoint.update(copy.deepcopy(self._boundary))

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Takes the boundary that the checkpoint was made at."""
        if trainer.state.fn == "fit":
            keys = _boundary_keys(trainer)
            held = {key: checkpoint[key] for key in keys if key in checkpoint}
            self._boundary = copy.deepcopy(held)

    def _remember(self, trainer: Trainer) -> None:
        datamodule = _datamodule(trainer)
        self._boundary = copy.deepcopy(
            {
                "epoch": trainer.current_epoch,
                "global_step": trainer.global_step,
                "loops": {"fit_loop": trainer.fit_loop.state_dict()},
                type(datamodule).__qualname__: datamodule.state_dict(),
            }
        )

    def _is_due(self, trainer: Trainer) -> bool:
        due = time.monotonic() - self._saved_at_s >= self.every_s
        return bool(trainer.strategy.broadcast(due)) if trainer.world_size > 1 else due

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at_s = time.monotonic()


def _datamodule(trainer: Trainer) -> Any:
    return trainer.datamodule  # type: ignore[attr-defined]  # set by `fit`, not declared


def _boundary_keys(trainer: Trainer) -> tuple[str, ...]:
    return ("epoch", "global_step", "loops", type(_datamodule(trainer)).__qualname__)

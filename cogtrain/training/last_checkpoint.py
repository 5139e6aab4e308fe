"""LastCheckpoint: when `last.ckpt` is written, so that little is lost whatever happens."""

import time
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from cogtrain.training.checkpoint_file import CheckpointError
from cogtrain.training.finite import NotFiniteError
from cogtrain.training.state import Boundaries
from cogtrain.training.stopping import Stopped


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt` fit to continue from: at times, after validation, at the end, on failure.

    Args:
        path: File to write; an older one is replaced only by a complete new one.
        boundaries: Knows the state between two steps.
        every_s: Longest time between two checkpoints. Ten minutes bound what a crash of the machine
            can cost.
    """

    def __init__(self, path: Path, boundaries: Boundaries, *, every_s: float = 600.0) -> None:
        self.path = path
        self.boundaries = boundaries
        self.every_s = every_s
        self.asked_to_stop = False
        self.saved_step: int | None = None
        self._saved_at_s = time.monotonic()

    def interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler of Ctrl-C: at once, unless a step or a validation would be halved by it.

        Raises:
            KeyboardInterrupt: Unless inside an optimizer step, or where weights are chosen.
        """
        again, self.asked_to_stop = self.asked_to_stop, True
        if again or not self._is_halfway:
            raise KeyboardInterrupt

    @property
    def _is_halfway(self) -> bool:
        return self.boundaries.is_stepping or self.boundaries.is_concluding

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._saved_at_s = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves after an optimizer step if it is time.

        Raises:
            KeyboardInterrupt: If Ctrl-C came during the step.
        """
        if self.asked_to_stop:
            raise KeyboardInterrupt
        if not trainer.fit_loop._should_accumulate() and self._is_due(trainer):
            self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves during training.

        Raises:
            KeyboardInterrupt: If Ctrl-C came while weights were chosen.
        """
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        self._save(trainer)
        self.boundaries.is_concluding = False
        if self.asked_to_stop:
            raise KeyboardInterrupt

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves the finished run, which can be continued with more epochs."""
        self._save(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Saves the last boundary, if training had begun and nothing was cut short halfway.

        Of several ranks one may fail alone, and saving together would wait for ever; only Ctrl-C
        and an agreed stop reach all of them.
        """
        boundaries = self.boundaries
        is_together = trainer.world_size == 1 or isinstance(exception, (KeyboardInterrupt, Stopped))
        is_hopeless = isinstance(exception, (CheckpointError, NotFiniteError))
        is_whole = boundaries.has_begun and not self._is_halfway
        if is_whole and is_together and not is_hopeless:
            self._save(trainer)

    def _is_due(self, trainer: Trainer) -> bool:
        due = time.monotonic() - self._saved_at_s >= self.every_s
        return bool(trainer.strategy.broadcast(due)) if trainer.world_size > 1 else due

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        place = self.boundaries.place
        self.saved_step = None if place is None else place.step
        self._saved_at_s = time.monotonic()

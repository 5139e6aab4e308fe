"""Watching: when the tested sets are judged while the model trains, and what that takes."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from cogtrain.training.state import Boundaries

SECONDS = "val/watch/seconds"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How much of what is tested is judged in validations, too.

    Args:
        items: Most stimuli of each tested set and of the photographs, the same ones every time; 0
            for none of any. A hundred tell a gain of twenty points from none, and cost less than
            the validation set of the default.
        every: Judged in the first validation and in each `every`th after it; how often there is
            one says `trainer.val_check_interval`.

    Raises:
        ValueError: For a negative count, or an interval below 1.
    """

    items: int = 100
    every: int = 1

    def __post_init__(self) -> None:
        if self.items < 0:
            raise ValueError(
                f"expected `eval.watch.items` to be at least 0, got {self.items}; 0 watches nothing"
            )
        if self.every < 1:
            raise ValueError(
                f"expected `eval.watch.every` to be at least 1, got {self.every}; 1 is every "
                "validation"
            )


class Watching(Callback):
    """Decides in which validations the watched sets are judged, and logs the seconds of that.

    It must come after the callbacks that score. Whether it is due depends on how many validations
    have ended, which a checkpoint knows: a validation that was stopped is done again as it was.

    Args:
        watch: How often.
        boundaries: Knows how many validations have ended.
        names: Of the watched sets.
        clock: Gives seconds.

    Attributes:
        is_due: Whether the validation that is under way, or was last, judges the watched sets.
    """

    def __init__(
        self,
        watch: Watch,
        boundaries: Boundaries,
        names: Iterable[str],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.watch = watch
        self.boundaries = boundaries
        self.names = frozenset(names)
        self.clock = clock
        self.is_due = False
        self._since_s = self._taken_s = 0.0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Decides."""
        self.is_due = self.boundaries.validations % self.watch.every == 0
        self._since_s, self._taken_s = self.clock(), 0.0

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Counts the time since the batch before, waiting for the images included."""
        now_s = self.clock()
        if batch["set"][0] in self.names:
            self._taken_s += now_s - self._since_s
        self._since_s = now_s

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the time that scoring took, and logs."""
        if not (self.names and self.is_due) or trainer.sanity_checking:
            return
        taken_s = self._taken_s + self.clock() - self._since_s
        for logger in trainer.loggers:
            logger.log_metrics({SECONDS: taken_s}, step=trainer.global_step)

"""Exact continuation: what a step leaves behind, and nothing of a step that was cut short.

Weights, optimizer and schedule change only inside an optimizer step. So between two steps
everything else that continues a run (the place in the stimulus stream, whether this step is yet to
be validated, how long the log is) is remembered as a few numbers, and whatever checkpoint is
written later holds the last of these boundaries. Randomness needs no state at all. Nothing of it
depends on the number of ranks: a run may go on with more or fewer of them.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loops.training_epoch_loop import RestartStage

from cogtrain.training.logs import MetricsFile
from cogtrain.training.stepwise_wandb import StepwiseWandb

PLACE = "cogtrain_place"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run stands between two optimizer steps.

    Attributes:
        step: Optimizer steps taken.
        epoch: Epochs that are over, validation included.
        phase: `start` of an epoch, `inside` it, or `end`: trained to its end, yet to be validated.
        is_due: Whether a validation was due at this step and has not ended.
        validated: Step of the last validation that ended; -1 before the first.
        validations: How many have ended.
        metrics_bytes: Length of `metrics.jsonl`, with all that belongs to the steps so far.
    """

    step: int = 0
    epoch: int = 0
    phase: Literal["start", "inside", "end"] = "start"
    is_due: bool = False
    validated: int = -1
    validations: int = 0
    metrics_bytes: int = 0


class Boundaries(Callback):
    """Remembers the last place between two steps, puts it into checkpoints, and goes back to it.

    It must come after the callbacks that log and before those that write checkpoints.

    Attributes:
        place: The last boundary; nothing before training.
        has_begun: Whether everything of a checkpoint is back, so that there is something to save.
        is_stepping: Whether an optimizer step is being taken.
        is_concluding: Whether a validation was ticked off, and what follows from it is being done.
    """

    def __init__(self) -> None:
        self.place: Place | None = None
        self.has_begun = False
        self.is_stepping = False
        self.is_concluding = False
        self._stream: dict[str, Any] = {}
        self._is_resumed = False

    @property
    def validations(self) -> int:
        """Validations that have ended, those before a continuation too."""
        return 0 if self.place is None else self.place.validations

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sets Lightning's counters to the boundary; without a checkpoint, it is the beginning."""
        _validate_between_steps(trainer)
        if self.place is None:
            _cut_log(trainer, 0)
            self._remember(trainer, Place())
        elif self._is_resumed:
            _enter(trainer, self.place)
        self._is_resumed, self.has_begun = False, True

    def on_before_optimizer_step(self, *_: Any) -> None:
        """From here to the end of the batch the state is of two minds."""
        self.is_stepping = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remembers the boundary after an optimizer step."""
        if not self.is_stepping or self.place is None:
            return
        loop, fetcher = trainer.fit_loop.epoch_loop, trainer.fit_loop._data_fetcher
        is_over, is_due = loop._num_ready_batches_reached(), loop._should_check_val_fx(fetcher)  # type: ignore[arg-type]
        place = Place(
            step=trainer.global_step,
            epoch=trainer.current_epoch + (is_over and not is_due),
            phase="inside" if not is_over else "end" if is_due else "start",
            is_due=is_due,
            validated=self.place.validated,
            validations=self.place.validations,
            metrics_bytes=_metrics_bytes(trainer),
        )
        self._remember(trainer, place)
        self.is_stepping = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes a validation that the clock asked for."""
        if _is_within_fit(trainer) and self.place is not None:
            self.place = replace(self.place, is_due=not trainer.fit_loop._should_accumulate())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ticks the validation of this step off, unless it came in the middle of a window."""
        if not _is_within_fit(trainer) or self.place is None or not self.place.is_due:
            return
        is_end = self.place.phase == "end"
        self.place = replace(
            self.place,
            epoch=self.place.epoch + is_end,
            phase="start" if is_end else self.place.phase,
            is_due=False,
            validated=self.place.step,
            validations=self.place.validations + 1,
            metrics_bytes=_metrics_bytes(trainer),
        )
        self.is_concluding = True

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Puts the boundary in place of counters that a cut-short batch may have moved."""
        if self.place is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.sync()
        del checkpoint["loops"]  # they follow from the place
        checkpoint[PLACE] = asdict(self.place)
        checkpoint |= {"epoch": self.place.epoch, "global_step": self.place.step} | self._stream

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Takes the boundary that the checkpoint was made at."""
        if trainer.state.fn != "fit":
            return
        if PLACE not in checkpoint:
            raise ValueError(
                "expected a checkpoint that says where its run was, got one without; continue from "
                "`last` or `best` of a run's `checkpoints`"
            )
        self.place, self._is_resumed = Place(**checkpoint[PLACE]), True
        _cut_log(trainer, self.place.metrics_bytes)
        _tell_again(trainer)
        key = _stream_key(trainer)
        self._stream = {key: checkpoint[key]} if key in checkpoint else {}
        checkpoint["loops"] = {"fit_loop": _loops(trainer, self.place)}

    def _remember(self, trainer: Trainer, place: Place) -> None:
        self.place = place
        self._stream = {_stream_key(trainer): _datamodule(trainer).state_dict()}


def _validate_between_steps(trainer: Trainer) -> None:
    """Moves validations to the ends of steps: within one there is nothing new to validate."""
    every, batches = trainer.accumulate_grad_batches, trainer.val_check_batch
    if batches is not None and batches != float("inf") and batches != trainer.num_training_batches:
        trainer.val_check_batch = max(every, int(batches) // every * every)


def _loops(trainer: Trainer, place: Place) -> dict[str, Any]:
    """State of Lightning's loops at ``place``, as far as it can be told before there is data."""
    state = trainer.fit_loop.state_dict()
    begun = place.epoch + (place.phase != "start")
    epochs = {"ready": begun, "started": begun, "processed": place.epoch, "completed": place.epoch}
    steps = {"ready": place.step, "completed": place.step}
    optimizer = state["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]
    optimizer["step"] |= {"total": dict(steps), "current": dict(steps)}
    state["epoch_progress"] |= {"total": dict(epochs), "current": dict(epochs)}
    state["epoch_loop.state_dict"] = {"_batches_that_stepped": place.step}
    return state


def _enter(trainer: Trainer, place: Place) -> None:
    """Makes Lightning go on within the epoch at ``place``.

    It decides by its counters whether to train, to validate or to count a batch once more. They are
    set here to what they are when nothing is half done, whatever they were when the run stopped.
    """
    loop = trainer.fit_loop.epoch_loop
    if place.phase == "start":
        loop.restarting = False
        return
    batches = int(trainer.num_training_batches)
    begun = batches if place.phase == "end" else _datamodule(trainer).batches_begun()
    for progress in (loop.batch_progress.current, loop.batch_progress.total):
        earlier = place.epoch * batches if progress is loop.batch_progress.total else 0
        progress.ready = progress.completed = earlier + begun
        progress.started = progress.processed = earlier + begun  # type: ignore[attr-defined]
    loop.batch_progress.is_last_batch = begun >= batches
    loop.restarting = True
    is_asked = loop._should_check_val_fx(trainer.fit_loop._data_fetcher)  # type: ignore[arg-type]
    loop._restart_stage = RestartStage.RESTARTED_ON_LAST
    loop.val_loop._restart_stage = "restarted_mid_evaluation" if place.is_due else "none"
    # Where a validation is or was due, Lightning counts the step behind it once more.
    loop._batches_that_stepped = place.step - is_asked


def _is_within_fit(trainer: Trainer) -> bool:
    return trainer.state.fn == "fit" and not trainer.sanity_checking


def _cut_log(trainer: Trainer, length: int) -> None:
    """Drops what was logged after a boundary: it will be logged again."""
    for logger in trainer.loggers:
        if isinstance(logger, MetricsFile):
            logger.cut(length)


def _tell_again(trainer: Trainer) -> None:
    """Gives an offline W&B run what the file has kept, so that it holds every step, each once."""
    files = [logger.path for logger in trainer.loggers if isinstance(logger, MetricsFile)]
    for logger in trainer.loggers:
        if isinstance(logger, StepwiseWandb) and files:
            logger.tell_again(files[0])


def _metrics_bytes(trainer: Trainer) -> int:
    ours = [logger for logger in trainer.loggers if isinstance(logger, MetricsFile)]
    return ours[0].length() if ours else 0


def _datamodule(trainer: Trainer) -> Any:
    return trainer.datamodule  # type: ignore[attr-defined]  # set by `fit`, not declared


def _stream_key(trainer: Trainer) -> str:
    return type(_datamodule(trainer)).__qualname__

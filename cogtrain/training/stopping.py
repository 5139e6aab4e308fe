"""Polite ends: SIGTERM and SIGUSR1 stop a run where it can be continued.

A cluster says so before it takes a machine away. While a model trains, the signal is only noted;
the next boundary stops, all ranks at the same one, and the checkpoint is written there. Before and
after training nothing would be lost, so it stops at once. The exit code is 128 + the signal's
number, as shells count: 143 for SIGTERM, 138 for SIGUSR1.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))


class Stopped(SystemExit):
    """A run that ended because it was asked to; `code` is the exit code of the process."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum


class Stopping(Callback):
    """Notes signals, and stops training where all ranks can.

    It must come after `Boundaries`.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._is_training = False

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: notes the signal during training.

        Raises:
            Stopped: At any other time.
        """
        self._asked = signum
        if not self._is_training:
            raise Stopped(signum)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within it, the signals are handled here; only the main thread may ask for them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle) for each in SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals back from Lightning, whose handler talks to other ranks at any time."""
        self._is_training = True
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                if signal.getsignal(each) not in (signal.SIG_DFL, None):
                    signal.signal(each, self.handle)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The last checkpoint is about to be written: stop after it.

        Raises:
            Stopped: If that was asked for during the last step.
        """
        self._is_training = False
        self._stop_together(trainer)

    def on_exception(self, *_: Any) -> None:
        """What comes now is tidying up."""
        self._is_training = False

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """One rank alone need not finish its window.

        Raises:
            Stopped: If that was asked for.
        """
        if trainer.world_size == 1:
            self._stop_together(trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Stops after a step.

        Raises:
            Stopped: If that was asked for on any rank.
        """
        if not trainer.fit_loop._should_accumulate():
            self._stop_together(trainer)

    def on_validation_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Stops a validation, which will be done again.

        Raises:
            Stopped: If that was asked for on any rank.
        """
        if trainer.state.fn == "fit":
            self._stop_together(trainer)

    def _stop_together(self, trainer: Trainer) -> None:
        asked = self._asked
        if trainer.world_size > 1:
            device = trainer.strategy.root_device
            loudest = trainer.strategy.reduce(
                torch.tensor([float(asked)], device=device), reduce_op="max"
            )
            asked = int(loudest)
        if asked:
            raise Stopped(asked)


@contextmanager
def on_interrupt(handler: Any) -> Iterator[None]:
    """Lets ``handler`` answer Ctrl-C, and gives the signal back, which Lightning does not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

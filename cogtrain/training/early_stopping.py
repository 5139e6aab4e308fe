"""EarlyStopping: ends training when validations have not become better for a while."""

import sys
from collections.abc import Callable
from typing import Any

from lightning.pytorch import LightningModule, Trainer, callbacks

from cogtrain.training.best_checkpoint import Best


class EarlyStopping(callbacks.EarlyStopping):
    """Lightning's `EarlyStopping` by what chooses weights; a run that was continued ends alike.

    Args:
        best: By what, and after how many validations.
        is_judged: Whether the set of a name is judged in the validation under way; one in which it
            is not does not count. Left out, all are.

    Raises:
        ValueError: If `best` says nothing of patience.
    """

    def __init__(self, best: Best, is_judged: Callable[[str], bool] = lambda name: True) -> None:
        if best.patience is None:
            raise ValueError("expected `eval.best.patience`, got none; give a number")
        self.best = best
        self._is_judged = is_judged
        super().__init__(
            best.metric,
            mode=best.mode,
            patience=best.patience,
            strict=False,  # of a number that is missing, `BestCheckpoint` says more
            check_finite=False,  # a correlation of constant answers is undefined, and may change
            check_on_train_epoch_end=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting, by the patience that this run was given."""
        super().load_state_dict(state_dict | {"patience": self.patience})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends at once if the run that is continued had ended.

        Lightning's state does not say so, and further steps would find other weights.
        """
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Says why there were no more steps."""
        if self.wait_count >= self.patience and trainer.is_global_zero:
            times = f"{self.wait_count} validation{'s' if self.wait_count > 1 else ''}"
            print(
                f"ended early, after step {trainer.global_step}: `{self.monitor}` did not get "
                f"better in {times}",
                file=sys.stderr,
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts, if there is something new to go by."""
        if self._is_judged(self.best.set):
            super().on_validation_end(trainer, pl_module)

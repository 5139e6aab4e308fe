"""BestCheckpoint: keeps the weights that did best in validation, by any number that is logged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from cogtrain.complaint import unknown

MACRO = "val/macro/accuracy"


@dataclass(frozen=True, kw_only=True)
class Best:
    """What makes weights better than others.

    Args:
        metric: As it is logged, such as ``val/tower/error_consistency``,
            ``val/alignment/spearman`` or ``val/transfer/accuracy``; by default the mean accuracy
            over the validation sets.
        mode: Whether `max` or `min` of it is best.
        patience: Validations in a row without a better one after which training ends; left out, it
            goes on to its end.

    Raises:
        ValueError: If `patience` is less than 1.
    """

    metric: str = MACRO
    mode: Literal["max", "min"] = "max"
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.patience is not None and self.patience < 1:
            raise ValueError(
                f"expected `eval.best.patience` to be at least 1, got {self.patience}; leave it "
                "out to train to the end"
            )

    @property
    def set(self) -> str:
        """What the metric is of: a set, or a mean over several."""
        _, _, rest = self.metric.partition("val/")
        return rest.rpartition("/")[0].partition(":")[0]


class BestCheckpoint(ModelCheckpoint):
    """Lightning's `ModelCheckpoint` of one file; the first of equals stays.

    Args:
        path: File to write.
        best: By what.
        sets: Names of the sets that are judged in validations, and of means over them.
        is_judged: Whether that of a name is judged in the validation under way; left out, all are.

    Raises:
        ValueError: If `best` is of none of them.
    """

    def __init__(
        self,
        path: Path,
        best: Best,
        sets: Sequence[str],
        is_judged: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self.best = best
        self._is_judged = is_judged
        if best.metric != MACRO and best.set not in sets:
            known = [MACRO, *(f"val/{each}/accuracy" for each in sets)]
            raise ValueError(f"`eval.best.metric`: {unknown('metric', best.metric, known)}")
        super().__init__(
            dirpath=path.parent,
            filename=path.stem,
            monitor=best.metric,
            mode=best.mode,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves if the metric is the best so far.

        Raises:
            ValueError: If the validation had no such number.
        """
        if not self._is_judged(self.best.set):
            return
        if trainer.state.fn == "fit" and self.monitor not in trainer.callback_metrics:
            known = [name for name in trainer.callback_metrics if name.startswith("val/")]
            message = unknown("metric", str(self.monitor), known)
            raise ValueError(
                f"`eval.best.metric`: {message}; comparing with people needs the set's `humans`"
            )
        super().on_validation_end(trainer, pl_module)

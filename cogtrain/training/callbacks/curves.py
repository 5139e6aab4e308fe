"""Curves: how far beliefs can be taken at their word, and how answers change with the margin."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from cogtrain.evaluation import binned
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.tables import wandb_loggers, wandb_table, write_both

_CALIBRATED = "calibrated"

CURVES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "calibration": (binned.calibration, "how often the first answer is true over its probability"),
    "psychometric": (binned.psychometric, "P(first answer) over the margin in metres"),
}
"""Name of each curve → how it is found of answers, and what its chart is called."""


class Curves(Callback):
    """Logs `<stage>/<set>/calibration` and `<stage>/<set>/psychometric`, with people's beside it.

    In Weights & Biases each is a line chart on a table with the columns of `binned.psychometric`
    (`at, value, low, high, n` per `observer`) and `step`; in the run folder they are
    ``report/tables/<stage>_<curve>.parquet`` and ``.html``, of the last validation or the test.
    It must come after the `JudgmentsCallback`.

    Args:
        judgments: Knows the answers.
        folder: Run's `report` folder.
    """

    def __init__(self, judgments: JudgmentsCallback, folder: Path) -> None:
        self.judgments = judgments
        self.folder = folder / "tables"

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the curves."""
        self._log(trainer, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the curves."""
        self._log(trainer, "test")

    def _log(self, trainer: Trainer, stage: str) -> None:
        if not trainer.is_global_zero:
            return
        charts: dict[str, Any] = {}
        for name, (found, title) in CURVES.items():
            table = found(self.judgments.answers).assign(step=trainer.global_step)
            table = table.sort_values(["set", "question", "observer", "at"], ignore_index=True)
            write_both(table, self.folder, f"{stage}_{name}")
            for place, key in self.judgments.places.items():
                rows = table[(table["set"] == key[0]) & (table["question"] == key[1])]
                if len(rows):
                    charts[f"{stage}/{place}/{name}"] = (name, title, rows)
        for logger in wandb_loggers(trainer):
            shown = {key: _chart(*chart) for key, chart in charts.items()}
            if shown:
                logger.log_metrics(shown, trainer.global_step)


def _chart(name: str, title: str, rows: Any) -> Any:
    """A line per observer; the diagonal is where beliefs are calibrated."""
    import pandas as pd
    import wandb

    if name == "calibration":
        ends = pd.DataFrame({"observer": _CALIBRATED, "at": [0.0, 1.0], "value": [0.0, 1.0]})
        rows = pd.concat([rows, ends], ignore_index=True)
    text = ("set", "question", "observer")
    rows = rows.assign(**{column: rows[column].fillna("") for column in text})
    return wandb.plot.line(wandb_table(rows), "at", "value", stroke="observer", title=title)

"""A few stimuli of every set as the model saw them, with its answers: in W&B and as files."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from typing_extensions import override

from cogtrain.evaluation.cell import PEOPLE
from cogtrain.stimulus_table import write_table
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.known import Known
from cogtrain.training.callbacks.patches import PatchLayout
from cogtrain.training.callbacks.tables import wandb_loggers, wandb_table, write_both

COLUMNS = (
    *("set", "stimulus_id", "image", "question", "truth", "response", "probability"),
    *("human_probability", "human_n", "step"),
)
_PLACE = ["set", "question", "stimulus_id"]
_BLANK = {"set": "", "stimulus_id": "", "file": "", "margin_m": ""}
_UNSAFE = re.compile(r"[^\w.~-]")


class StimuliTable(Callback):
    """Shows what went in and what came out, as `<stage>/stimuli`.

    `probability` is the model's of the question's first option, `human_probability` the share of
    people who chose it and `human_n` how many answered; empty where nobody is known to have. The
    same table is ``tables/<stage>_stimuli.parquet`` and ``.html``, of the last validation or the
    test. It must come after the `JudgmentsCallback`.

    Args:
        layout: Turns the model's input back into images.
        folder: Run's `report` folder; tested stimuli go to ``stimuli/<set>/<id>.png``.
        judgments: Knows what people answered.
        known: ``stimuli/index.csv`` lists its tested stimuli: `set, stimulus_id, file` (empty
            without a picture), `margin_m`, `style` and the factors.
        count: Pictures per set: what a reader of the report may want to leaf through.
    """

    def __init__(
        self,
        layout: PatchLayout,
        folder: Path,
        judgments: JudgmentsCallback,
        *,
        known: Known,
        count: int = 100,
    ) -> None:
        self.layout = layout
        self.folder = folder / "stimuli"
        self.tables = folder / "tables"
        self.judgments = judgments
        self.known = known
        self.count = count
        self._shown: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the stage before."""
        self._shown.clear()

    on_test_epoch_start = on_validation_epoch_start

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
        """Keeps the first stimuli of each set that have a picture; the first rank's are enough."""
        if not trainer.is_global_zero or all(
            len(self._shown[name]) >= self.count for name in set(batch["set"])
        ):
            return
        pictures = self.layout.images(batch["arrays"]) if batch["arrays"] else []
        images = [None if place is None else pictures[place] for place in batch["image"]]
        weights, probabilities = outputs["weights"].tolist(), outputs["probability"].tolist()
        for index, name in enumerate(batch["set"]):
            is_seen = images[index] is not None and weights[index] > 0
            if is_seen and len(self._shown[name]) < self.count:
                self._shown[name].append(
                    {
                        "set": name,
                        "stimulus_id": batch["ids"][index],
                        "image": images[index],
                        "question": batch["question"][index],
                        "truth": outputs["truth"][index],
                        "response": outputs["response"][index],
                        "probability": probabilities[index],
                        "step": trainer.global_step,
                    }
                )

    on_test_batch_end = on_validation_batch_end

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the table."""
        self._log(trainer, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the table and writes the images."""
        self._log(trainer, "test")
        if trainer.is_global_zero:
            self._write()

    def _rows(self) -> list[dict[str, Any]]:
        return [row for rows in self._shown.values() for row in rows]

    def _log(self, trainer: Trainer, stage: str) -> None:
        if not trainer.is_global_zero:
            return
        import pandas as pd

        answers = self.judgments.answers
        people = answers[answers["observer"] == PEOPLE][[*_PLACE, "probability", "n"]]
        people = people.rename(columns={"probability": "human_probability", "n": "human_n"})
        rows = pd.DataFrame(self._rows(), columns=[*COLUMNS[:7], "step"])
        table: Any = rows.merge(people, how="left", on=_PLACE)[list(COLUMNS)]
        write_both(table, self.tables, f"{stage}_stimuli")
        for logger in wandb_loggers(trainer):
            logger.log_metrics({f"{stage}/stimuli": wandb_table(table)}, trainer.global_step)

    def _write(self) -> None:
        listed: dict[tuple[str, str], str] = {}
        for row in self._rows():
            file = Path(_file_name(row["set"])) / f"{_file_name(row['stimulus_id'])}.png"
            _save(row["image"], self.folder / file)
            listed[row["set"], row["stimulus_id"]] = file.as_posix()
        rows = [
            known | {"file": listed.get((known["set"], known["stimulus_id"]), "")}
            for known in self.known.rows("test")
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        columns = dict.fromkeys(name for row in (_BLANK, *rows) for name in row)
        write_table(columns, rows, self.folder / "index.csv")


def _file_name(name: str) -> str:
    """``name`` with what a file system may not take replaced."""
    return _UNSAFE.sub("_", name)


def _save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)

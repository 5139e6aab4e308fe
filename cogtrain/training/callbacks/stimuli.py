"""A few stimuli of every set as the model saw them, with its answers: in W&B and as files."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from PIL import Image
from typing_extensions import override

from cogtrain.stimuli import StimulusSet
from cogtrain.stimulus_table import write_table
from cogtrain.training.callbacks.patches import PatchLayout

COLUMNS = ("set", "stimulus_id", "image", "question", "truth", "response", "probability", "step")
_BLANK = {"set": "", "stimulus_id": "", "file": "", "margin_m": ""}
_UNSAFE = re.compile(r"[^\w.~-]")


class StimuliTable(Callback):
    """Shows what went in and what came out.

    Args:
        layout: Turns the model's input back into images.
        folder: Run's `report` folder; tested stimuli go to ``stimuli/<set>/<id>.png``.
        sets: The tested sets. ``stimuli/index.csv`` lists their stimuli: `set, stimulus_id, file`
            (empty without a picture), `margin_m`, `style` and the factors.
        count: Pictures per set: what a reader of the report may want to leaf through.
    """

    def __init__(
        self, layout: PatchLayout, folder: Path, *, sets: Sequence[StimulusSet], count: int = 100
    ) -> None:
        self.layout = layout
        self.folder = folder / "stimuli"
        self.sets = sets
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
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and trainer.is_global_zero:
                import wandb

                table = wandb.Table(columns=list(COLUMNS))
                for row in self._rows():
                    shown = row | {"image": wandb.Image(row["image"])}
                    table.add_data(*(shown[name] for name in COLUMNS))
                logger.log_metrics({f"{stage}/stimuli": table}, trainer.global_step)  # type: ignore[dict-item]

    def _write(self) -> None:
        listed: dict[tuple[str, str], str] = {}
        for row in self._rows():
            file = Path(_file_name(row["set"])) / f"{_file_name(row['stimulus_id'])}.png"
            _save(row["image"], self.folder / file)
            listed[row["set"], row["stimulus_id"]] = file.as_posix()
        rows = [known | {"file": listed.get(key, "")} for key, known in self._known()]
        self.folder.mkdir(parents=True, exist_ok=True)
        columns = dict.fromkeys(name for row in (_BLANK, *rows) for name in row)
        write_table(columns, rows, self.folder / "index.csv")

    def _known(self) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        """What is known of every stimulus of the tested sets, by set and id."""
        for member in self.sets:
            for stimulus in member:
                look = {} if stimulus.appearance is None else {"style": stimulus.appearance.style}
                told = {"margin_m": stimulus.margin} | look
                place = {"set": member.name, "stimulus_id": stimulus.id, "file": ""}
                # A factor never hides a column of ours.
                yield (member.name, stimulus.id), {**stimulus.factors, **told, **place}


def _file_name(name: str) -> str:
    """``name`` with what a file system may not take replaced."""
    return _UNSAFE.sub("_", name)


def _save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)

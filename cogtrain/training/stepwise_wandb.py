"""A Weights & Biases run in which every step stands once, however often its training was continued.

A continued training takes the steps after its checkpoint again, bit for bit. W&B can rewind a run
only where an account may (https://docs.wandb.ai/models/runs/rewind, a private preview), so rows are
numbered by their steps: W&B drops a row that is not behind its last one, which here is one that it
has. Offline, each start makes a folder of its own; the newest is told what the run's log has kept,
and holds the whole run.

Whatever goes wrong here costs what was to be shown, never the training.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cogtrain.metrics.estimate import Estimate
from cogtrain.training.callbacks.numbers import flat

_OF_A_STEP = ("train/", "lr")


def attempt(doing: Callable[[], Any]) -> bool:
    """Does something that may fail, says so in one line if it does, and returns whether it did."""
    try:
        doing()
    except Exception as error:  # whatever it is: a full disk, a process of W&B that is gone
        first = (str(error).splitlines() or [""])[0] or type(error).__name__
        print(f"note: Weights & Biases missed something ({first})", file=sys.stderr)
        return False
    return True


class StepwiseWandb(WandbLogger):
    """Numbers rows by optimizer steps; else as Lightning's own.

    After a row that could not be logged there are no further ones: `metrics.jsonl` has them all.
    """

    _is_lost = False

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Logs values to the row of a step, of which there are two.

        Args:
            metrics: By name; numbers, tables or images.
            step: Optimizer steps that the weights had taken. What was measured with them
                (validations, tests) comes before the step that is taken next from them (`train/`,
                `lr`): the rows are 2 × step and 2 × step + 1.
        """
        if self._is_lost:
            return
        values, options = dict(metrics), {}
        if step is not None:
            is_of_step = any(name.startswith(_OF_A_STEP) for name in metrics)
            values["trainer/global_step"] = step
            options["step"] = 2 * step + int(is_of_step)
        self._is_lost = not attempt(lambda: self.experiment.log(values, **options))

    @rank_zero_only
    def send(self, folder: Path, kind: str) -> None:
        """Hands a folder over as the artifact `<kind>-<id of the run>`, in a version of its own.

        Offline, its files are kept with the run until `wandb sync`.

        Args:
            folder: Whose files are taken as they are now.
            kind: What it is, such as `adapter`.
        """
        import wandb

        def hand_over() -> None:
            artifact = wandb.Artifact(f"{kind}-{self.experiment.id}", type=kind)
            artifact.add_dir(str(folder))
            self.experiment.log_artifact(artifact)

        attempt(hand_over)

    def tell_again(self, log: Path) -> None:
        """Tells an offline run what ``log``, a `metrics.jsonl`, holds, and puts older folders away.

        They go to ``earlier`` beside it: they hold tables of stimuli, and steps that were taken
        again.
        """
        if not self.experiment.offline or not log.exists():
            return
        own = Path(self.experiment.dir).parent
        for folder in sorted(own.parent.glob("offline-run-*")):
            if folder != own:
                (own.parent / "earlier").mkdir(exist_ok=True)
                folder.rename(own.parent / "earlier" / folder.name)
        for step, values in _rows(log):
            self.log_metrics(values, step)


def _rows(log: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Step and numbers of every line; a last one that was cut short is passed over."""
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            return
        if "name" in record:
            yield record["step"], {record["name"]: record["value"]}
        else:
            estimates = {record["metric"]: Estimate.from_record(record)}
            yield record["step"], flat(f"{record['stage']}/{record['set']}", estimates)

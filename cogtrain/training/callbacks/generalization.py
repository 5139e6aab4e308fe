"""GeneralizationCallback: how far training carries, axis by axis, while it goes on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from lightning.pytorch import Callback, LightningModule, Trainer

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.evaluation.axis import Declared, axis_of
from cogtrain.evaluation.transfer import CARRIED
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.mean import mean_of
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.numbers import publish
from cogtrain.training.callbacks.watching import Watching

TRANSFER = "transfer"
_PARTS = ("train", "val", "test")
AXES = tuple(axis for axis in CARRIED if axis != "same")


def transfer_name(axis: str) -> str:
    """What the mean along one axis is called.

    >>> transfer_name("size")
    'transfer-size'
    """
    return f"{TRANSFER}-{axis}"


def declared(data: StimuliDataModule) -> tuple[list[Declared], dict[str, Declared]]:
    """What is trained on, and what validations judge by the name of the set."""
    by_part = {part: [Declared.of(asdict(each)) for each in data.recipes[part]] for part in _PARTS}
    judged = [*by_part["test"], *by_part["val"]]  # a name that both have is that of `val`
    if data.photographs is not None:
        judged.insert(0, Declared.of_photographs(asdict(data.photographs)))
    return by_part["train"], {each.name: each for each in judged}


class GeneralizationCallback(Callback):
    """Logs mean accuracy over the sets that differ from everything that is trained on.

    `val/transfer/accuracy` is over all of them, `val/transfer-size/accuracy` over those along one
    of `AXES`; what is like the trained sets is in neither. It must come after the
    `JudgmentsCallback`.

    Args:
        judgments: Scores the sets.
        watching: Knows when all of them are judged.
        trained: The sets of `data.train`, as declared.
        judged: What is judged in validations, by the name of the set.
    """

    def __init__(
        self,
        judgments: JudgmentsCallback,
        watching: Watching,
        *,
        trained: Sequence[Declared],
        judged: Mapping[str, Declared],
    ) -> None:
        self.judgments = judgments
        self.watching = watching
        self.trained = tuple(trained)
        self.judged = dict(judged)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs, if anything lies elsewhere."""
        if not self.watching.is_due:
            return
        along: dict[str, dict[str, Estimate]] = defaultdict(dict)
        for name, estimates in self.judgments.results.items():
            axis = self._axis(name)
            if axis in AXES:
                along[TRANSFER][name] = estimates["accuracy"]
                along[transfer_name(axis)][name] = estimates["accuracy"]
        for place, accuracies in along.items():
            publish(trainer, pl_module, f"val/{place}", {"accuracy": mean_of(accuracies)})

    def _axis(self, name: str) -> str:
        set_name, question = self.judgments.places[name]
        return axis_of(self.trained, self.judged[set_name], question)

"""AlignmentCallback: how much like people the model answers, in one number per metric."""

from lightning.pytorch import Callback, LightningModule, Trainer

from cogtrain.metrics.mean import mean_of
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.numbers import publish
from cogtrain.training.callbacks.watching import Watching

ALIGNMENT = "alignment"
METRICS = ("spearman", "pearson", "error_consistency")


class AlignmentCallback(Callback):
    """Logs the mean over all sets that people have judged, as `val/alignment/<metric>`.

    Each set's own numbers, with what people reach, are logged beside it (`val/<set>/<metric>`,
    `val/<set>/error_consistency_ceiling`). It must come after the `JudgmentsCallback`.

    Args:
        judgments: Scores the sets.
        watching: Knows when all of them are judged; of a part, the mean would be another number.
    """

    def __init__(self, judgments: JudgmentsCallback, watching: Watching) -> None:
        self.judgments = judgments
        self.watching = watching

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs, if there are people."""
        results = self.judgments.results
        judged = {name: each for name, each in results.items() if METRICS[0] in each}
        if not judged or not self.watching.is_due:
            return
        means = {
            metric: mean_of({name: each[metric] for name, each in judged.items()})
            for metric in METRICS
        }
        publish(trainer, pl_module, f"val/{ALIGNMENT}", means)

"""Numbers: estimates under the names that loggers and checkpoints know them by."""

import math
from collections.abc import Mapping

from lightning.pytorch import LightningModule, Trainer

from cogtrain.metrics.estimate import Estimate


def flat(place: str, estimates: Mapping[str, Estimate]) -> dict[str, float]:
    """Values and ends of intervals, without those that are undefined.

    A gap in a curve says more than a broken point.

    >>> flat("val/towers", {"accuracy": Estimate(0.5, low=0.25)})
    {'val/towers/accuracy': 0.5, 'val/towers/accuracy_low': 0.25}
    """
    numbers: dict[str, float] = {}
    for metric, estimate in estimates.items():
        ends = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
        for end, value in ends.items():
            if not math.isnan(value):
                numbers[f"{place}/{metric}{end}"] = value
    return numbers


def offer(module: LightningModule, place: str, estimates: Mapping[str, Estimate]) -> None:
    """Lets the best weights be chosen by the values, which are equal on all ranks."""
    values = {f"{place}/{name}": each.value for name, each in estimates.items()}
    module.log_dict(values, logger=False, sync_dist=True)


def publish(
    trainer: Trainer, module: LightningModule, place: str, estimates: Mapping[str, Estimate]
) -> None:
    """Offers the values and gives every logger those that are defined, with their intervals."""
    offer(module, place, estimates)
    numbers = flat(place, estimates)
    for logger in trainer.loggers:
        if numbers and trainer.is_global_zero:
            logger.log_metrics(numbers, step=trainer.global_step)

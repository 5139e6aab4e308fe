"""Metric classes of performance: one observer against the truth.

State from `ItemMetric`, arithmetic from the functions of the same names.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cogtrain.metrics.accuracy import accuracy, choice_accuracy
from cogtrain.metrics.calibration import brier, calibration_error, log_loss
from cogtrain.metrics.counts import mean_absolute_error
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.item_metric import ItemMetric
from cogtrain.metrics.sensitivity import auroc, criterion, d_prime


class Accuracy(ItemMetric):
    """Share of right answers; see `cogtrain.metrics.accuracy`.

    Example:
        >>> metric = Accuracy()
        >>> metric.update(["a", "b"], [0.9, 0.2], ["yes", "yes"])
        >>> metric.compute().value
        0.5
    """

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return accuracy(items.probability, items.truth, chance=1 / len(self.options))


class ChoiceAccuracy(ItemMetric):
    """Share of right answers among several options; see `cogtrain.metrics.choice_accuracy`.

    Args:
        options: All answers.

    Example:
        >>> metric = ChoiceAccuracy(options=("red", "green", "blue"))
        >>> metric.update(["a", "b"], ["red", "blue"], ["red", "green"])
        >>> metric.compute().value, round(metric.compute().chance, 3)
        (0.5, 0.333)
    """

    takes_two_options = False

    def update(
        self,
        ids: Sequence[str],
        responses: Sequence[str | None],
        truth: Sequence[str | None],
        weights: Any = None,
    ) -> None:
        """Adds a batch.

        Args:
            ids: Stimulus ids.
            responses: The chosen options, `None` without an answer.
            truth: The right ones, `None` where unknown.
            weights: 0 marks padding, which is left out; ``(N,)``.

        Raises:
            ValueError: If lengths differ, or an answer is none of the options.
        """
        self.add(ids, [self._places(responses), self._places(truth)], weights)

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        named = (self._names(items.probability), self._names(items.truth))
        return choice_accuracy(*named, options=len(self.options))

    def _places(self, answers: Sequence[str | None]) -> np.ndarray:
        place: dict[str | None, float] = {name: i for i, name in enumerate(self.options)}
        place[None] = np.nan
        strange = [answer for answer in answers if answer not in place]
        if strange:
            raise ValueError(
                f"expected answers to be among {', '.join(self.options)}, got {strange[0]!r}; "
                "pass the question's options"
            )
        return np.array([place[answer] for answer in answers], dtype=float)

    def _names(self, places: np.ndarray) -> list[str | None]:
        return [None if np.isnan(place) else self.options[int(place)] for place in places]


class MeanAbsoluteError(ItemMetric):
    """Mean distance of counts from true counts; see `cogtrain.metrics.mean_absolute_error`.

    Example:
        >>> metric = MeanAbsoluteError()
        >>> metric.update(["a", "b"], [3, 5], [4, 5])
        >>> metric.compute().value
        0.5
    """

    takes_two_options = False

    def update(
        self,
        ids: Sequence[str],
        counts: Any,
        truth: Any,
        weights: Any = None,
    ) -> None:
        """Adds a batch.

        Args:
            ids: Stimulus ids.
            counts: The answers, ``(N,)``; `nan` without an answer.
            truth: True counts, ``(N,)``; `nan` where unknown.
            weights: 0 marks padding, which is left out; ``(N,)``.

        Raises:
            ValueError: If lengths differ.
        """
        self.add(ids, [np.asarray(counts, dtype=float), np.asarray(truth, dtype=float)], weights)

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return mean_absolute_error(items.probability, items.truth)


class Auroc(ItemMetric):
    """Area under the ROC curve; see `cogtrain.metrics.auroc`."""

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return auroc(items.probability, items.truth)


class DPrime(ItemMetric):
    """Sensitivity apart from bias; see `cogtrain.metrics.d_prime`."""

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return d_prime(items.probability, items.truth)


class Criterion(ItemMetric):
    """Bias apart from sensitivity; see `cogtrain.metrics.criterion`."""

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return criterion(items.probability, items.truth)


class Brier(ItemMetric):
    """Mean squared distance from the truth; see `cogtrain.metrics.brier`."""

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return brier(items.probability, items.truth)


class LogLoss(ItemMetric):
    """Minus the log probability of the truth, in nats; see `cogtrain.metrics.log_loss`."""

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return log_loss(items.probability, items.truth)


class CalibrationError(ItemMetric):
    """Distance of stated from observed probability; see `cogtrain.metrics.calibration_error`."""

    def compute(self) -> Estimate:
        """Over everything seen, on all ranks."""
        items = self.items()
        return calibration_error(items.probability, items.truth)

"""Metric classes of alignment: one observer against people.

State from `ItemMetric`, arithmetic from the functions of the same names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cogtrain.judgments import Judgments
from cogtrain.metrics.accuracy import accuracy, decide
from cogtrain.metrics.ceiling import (
    leave_one_out,
    noise_ceiling,
    normalised_correlation,
    split_half,
)
from cogtrain.metrics.consistency import error_consistency, error_consistency_ceiling
from cogtrain.metrics.correlation import kendall, pearson, spearman
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.human_accuracy import human_accuracy, human_majority_accuracy
from cogtrain.metrics.individuals import spearman_to_individuals
from cogtrain.metrics.item_metric import ItemMetric, Items
from cogtrain.metrics.likelihood import human_likelihood, mcfadden_r2
from cogtrain.metrics.panel import key_of
from cogtrain.metrics.psychometric import psychometric_slope, psychometric_slope_ratio


class Spearman(ItemMetric):
    """Rank correlation with the human proportion; see `cogtrain.metrics.spearman`."""

    def compute(self) -> Estimate:
        """Over the stimuli that the people answered."""
        items = self.items()
        return spearman(items.probability, self.proportion_at(items))


class Pearson(ItemMetric):
    """Correlation with the human proportion; see `cogtrain.metrics.pearson`."""

    def compute(self) -> Estimate:
        """Over the stimuli that the people answered."""
        items = self.items()
        return pearson(items.probability, self.proportion_at(items))


class ErrorConsistency(ItemMetric):
    """Mean kappa over correctness with people; see `cogtrain.metrics.error_consistency`."""

    def compute(self) -> Estimate:
        """Over the stimuli that the people answered."""
        items = self.items()
        return error_consistency(items.probability, self.people_at(items), items.truth)


class SpearmanToIndividuals(ItemMetric):
    """Rank correlation of choices with single people's; see `spearman_to_individuals`."""

    def compute(self) -> Estimate:
        """Over all pairs of stimulus and person."""
        items = self.items()
        choices = decide(items.probability)
        return spearman_to_individuals(choices, self.people_at(items))


class Kendall(ItemMetric):
    """Tau-b with the human proportion; see `cogtrain.metrics.kendall`."""

    def compute(self) -> Estimate:
        """Over the stimuli that the people answered."""
        items = self.items()
        return kendall(items.probability, self.proportion_at(items))


class NormalisedCorrelation(ItemMetric):
    """Pearson's r over the noise ceiling; see `cogtrain.metrics.normalised_correlation`."""

    def compute(self) -> Estimate:
        """Over the stimuli that two people answered."""
        items = self.items()
        return normalised_correlation(items.probability, self.people_at(items))


class HumanLikelihood(ItemMetric):
    """Log probability of people's choices; see `cogtrain.metrics.human_likelihood`."""

    def compute(self) -> Estimate:
        """Over all pairs of stimulus and person."""
        items = self.items()
        return human_likelihood(items.probability, self.people_at(items))


class McFaddenR2(ItemMetric):
    """Likelihood of people's choices over the base rate's; see `cogtrain.metrics.mcfadden_r2`."""

    def compute(self) -> Estimate:
        """Over all pairs of stimulus and person."""
        items = self.items()
        return mcfadden_r2(items.probability, self.people_at(items))


class SplitHalf(ItemMetric):
    """Reliability of the human mean on the stimuli seen; see `cogtrain.metrics.split_half`."""

    def compute(self) -> Estimate:
        """Over the stimuli seen that two people answered."""
        return split_half(self.people_at(self.items()))


class NoiseCeiling(ItemMetric):
    """Highest Pearson's r on the stimuli seen; see `cogtrain.metrics.noise_ceiling`."""

    def compute(self) -> Estimate:
        """Over the stimuli seen that two people answered."""
        return noise_ceiling(self.people_at(self.items()))


class LeaveOneOut(ItemMetric):
    """One person with the others on the stimuli seen; see `cogtrain.metrics.leave_one_out`."""

    def compute(self) -> Estimate:
        """Over the stimuli seen that two people answered."""
        return leave_one_out(self.people_at(self.items()))


class PsychometricSlope(ItemMetric):
    """Slope over the margin; see `cogtrain.metrics.psychometric_slope`.

    Args:
        margins: Signed margin by stimulus id; a stimulus without one is left out.
        humans: As for every `ItemMetric`.
        options: Keywords of `ItemMetric`.

    Example:
        >>> metric = PsychometricSlope({"a": -0.1, "b": 0.0, "c": 0.2})
        >>> metric.update(["a", "b", "c"], [0.8, 0.6, 0.1], [1, 1, 0])
        >>> round(metric.compute().value, 1)
        -12.0
    """

    def __init__(
        self, margins: Mapping[str, float], humans: Judgments | None = None, **options: Any
    ) -> None:
        super().__init__(humans, **options)
        self._margins = {key_of(name): float(margin) for name, margin in margins.items()}

    def margins_at(self, items: Items) -> np.ndarray:
        """Margin of each item, ``(items,)``; `nan` where there is none."""
        keys = (row.tobytes() for row in items.keys)
        return np.array([self._margins.get(key, np.nan) for key in keys], dtype=float)

    def compute(self) -> Estimate:
        """Over the stimuli with a margin."""
        items = self.items()
        return psychometric_slope(items.probability, self.margins_at(items))


class PsychometricSlopeRatio(PsychometricSlope):
    """Slope over people's slope; see `cogtrain.metrics.psychometric_slope_ratio`."""

    def compute(self) -> Estimate:
        """Over the stimuli with a margin that people answered."""
        items = self.items()
        people, margins = self.people_at(items), self.margins_at(items)
        return psychometric_slope_ratio(items.probability, people, margins)


class SetMetrics(ItemMetric):
    """Everything that is reported about one stimulus set, from one shared state.

    `compute` returns estimates by name: `accuracy`; with `humans` also `spearman`, `pearson`,
    `error_consistency`, `error_consistency_ceiling`, `human_accuracy` and
    `human_majority_accuracy`, the human ones over the stimuli that the observer saw.

    Example:
        >>> metrics = SetMetrics()
        >>> metrics.update(["a", "b", "b"], [0.9, 0.2, 0.2], ["yes", "no", "no"], [1, 1, 0])
        >>> metrics.compute()["accuracy"].n
        2
    """

    def __init__(self, humans: Judgments | None = None, **options: Any) -> None:
        super().__init__(humans, **options)
        self._human: tuple[bytes, dict[str, Estimate]] = (b"", {})

    def compute(self) -> dict[str, Estimate]:
        """Estimates by name, over everything seen, on all ranks."""
        items = self.items()
        chance = 1 / len(self.options)
        estimates = {"accuracy": accuracy(items.probability, items.truth, chance=chance)}
        if self.people is None:
            return estimates
        people, proportion = self.people_at(items), self.proportion_at(items)
        estimates["spearman"] = spearman(items.probability, proportion)
        estimates["pearson"] = pearson(items.probability, proportion)
        estimates["error_consistency"] = error_consistency(items.probability, people, items.truth)
        return estimates | self._human_estimates(items, people)

    def _human_estimates(self, items: Items, people: np.ndarray) -> dict[str, Estimate]:
        # People do not change between validations; the ceiling is the only slow number here.
        same = items.keys.tobytes() + items.truth.tobytes()
        if self._human[0] != same:
            asked = (~np.isnan(people)).any(axis=0)
            people, truth = people[:, asked], items.truth[asked]
            estimates = {
                "error_consistency_ceiling": error_consistency_ceiling(people, truth),
                "human_accuracy": human_accuracy(people, truth),
                "human_majority_accuracy": human_majority_accuracy(people, truth),
            }
            self._human = (same, estimates)
        return self._human[1]

"""The metric classes: state from `ItemMetric`, arithmetic from the functions of the same names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cogtrain.judgments import Judgments
from cogtrain.metrics.accuracy import accuracy, choice_accuracy, decide
from cogtrain.metrics.consistency import error_consistency, error_consistency_ceiling
from cogtrain.metrics.correlation import pearson, spearman
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.human_accuracy import human_accuracy, human_majority_accuracy
from cogtrain.metrics.individuals import spearman_to_individuals
from cogtrain.metrics.item_metric import ItemMetric, Items


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

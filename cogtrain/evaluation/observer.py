"""Every statistic of one observer, over what he, people and the truth say of the same stimuli."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from cogtrain.judgments import Judgments
from cogtrain.metrics import (
    Estimate,
    Panel,
    Resampling,
    accuracy,
    calibration_error,
    choice_accuracy,
    error_consistency_range,
    mean_absolute_error,
    permutation_test,
)
from cogtrain.metrics.accuracy import CorrectStatistic, decide
from cogtrain.metrics.calibration import CalibrationStatistic, MeanLoss, nats, squared_error
from cogtrain.metrics.ceiling import NormalisedStatistic
from cogtrain.metrics.consistency import ConsistencyStatistic
from cogtrain.metrics.correlation import CorrelationStatistic
from cogtrain.metrics.individuals import IndividualsStatistic
from cogtrain.metrics.likelihood import LikelihoodStatistic
from cogtrain.metrics.panel import in_key_order, proportion_of
from cogtrain.metrics.psychometric import SlopeRatioStatistic, SlopeStatistic
from cogtrain.metrics.sensitivity import AurocStatistic, CriterionStatistic, DPrimeStatistic
from cogtrain.metrics.statistic import Statistic

Builder = Callable[[], Statistic]

TESTED = (
    "accuracy",
    "auroc",
    "d_prime",
    "spearman",
    "pearson",
    "spearman_to_individuals",
    "error_consistency",
    "human_likelihood",
)
"""What is tested against chance by permutation; the others would only say the same again."""


@dataclass(frozen=True, eq=False)
class Observed:
    """One observer's answers, and what else is known of the same stimuli, in key order.

    Attributes:
        stimuli: Those that were put to the observer.
        chosen: 1 first option, 0 second, `nan` none, ``(stimuli,)``.
        graded: P(first option) where there is one, else the choice.
        truth: 1 first option, 0 second, `nan` unknown.
        margin: Signed margin, `nan` unknown.
        people: Their answers, ``(observers, stimuli)``; no rows without people.
    """

    stimuli: tuple[str, ...]
    chosen: np.ndarray
    graded: np.ndarray
    truth: np.ndarray
    margin: np.ndarray
    people: np.ndarray

    def at(self, stimuli: Sequence[str]) -> "Observed":
        """The same at some of the stimuli, in their order."""
        place = {name: column for column, name in enumerate(self.stimuli)}
        columns = [place[name] for name in stimuli]
        return Observed(
            tuple(stimuli),
            self.chosen[columns],
            self.graded[columns],
            self.truth[columns],
            self.margin[columns],
            self.people[:, columns],
        )


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of stimuli, whoever judges them.

    Attributes:
        truth: True answer by stimulus id.
        margin: Signed margin by stimulus id.
        people: Their answers, or nothing.
        options: The two answers.
    """

    truth: Mapping[str, str]
    margin: Mapping[str, float]
    people: Panel | None
    options: Sequence[str]

    def truth_at(self, stimuli: Sequence[str]) -> np.ndarray:
        """1 where the first option is true, 0 where the second is, `nan` where unknown."""
        code = {self.options[0]: 1.0, self.options[1]: 0.0}
        found = [code.get(self.truth.get(name, ""), np.nan) for name in stimuli]
        return np.array(found, dtype=float)

    def margin_at(self, stimuli: Sequence[str]) -> np.ndarray:
        """Signed margins; `nan` where unknown."""
        return np.array([self.margin.get(name, np.nan) for name in stimuli], dtype=float)

    def observed(self, own: Judgments) -> Observed:
        """The judgments of one observer to one question, with what is known of their stimuli."""
        panel = Panel.from_judgments(own, options=self.options)
        stimuli = tuple(in_key_order(panel.stimuli))
        choices = Panel.from_judgments(own, options=self.options, graded=False)
        nobody = np.zeros((0, len(stimuli)))
        return Observed(
            stimuli,
            choices.at(stimuli)[0],
            panel.at(stimuli)[0],
            self.truth_at(stimuli),
            self.margin_at(stimuli),
            self.people.at(stimuli) if self.people else nobody,
        )


def builders_of(one: Observed, *, seed: int = 0) -> dict[str, Builder]:
    """What makes each statistic, by name; those of people or margins only where there are some.

    Args:
        one: What the observer answered.
        seed: Fixes the random halves of people.
    """
    chosen, graded, truth, margin = one.chosen, one.graded, one.truth, one.margin
    found: dict[str, Builder] = {
        "accuracy": lambda: CorrectStatistic(chosen, truth),
        "d_prime": lambda: DPrimeStatistic(chosen, truth),
        "criterion": lambda: CriterionStatistic(chosen, truth),
        "auroc": lambda: AurocStatistic(graded, truth),
        "brier": lambda: MeanLoss(graded, truth, squared_error, 0.25),
        "log_loss": lambda: MeanLoss(graded, truth, nats, float(np.log(2))),
        "calibration_error": lambda: CalibrationStatistic(graded, truth),
    }
    if len(one.people):
        found |= _with_people(one, seed)
    if not np.isnan(margin).all():
        found["psychometric_slope"] = lambda: SlopeStatistic(graded, margin)
        if len(one.people):
            found["psychometric_slope_ratio"] = lambda: SlopeRatioStatistic(
                graded, one.people, margin
            )
    return found


def _with_people(one: Observed, seed: int) -> dict[str, Builder]:
    graded, people, proportion = one.graded, one.people, proportion_of(one.people)
    return {
        "spearman": lambda: CorrelationStatistic(graded, proportion, "spearman"),
        "pearson": lambda: CorrelationStatistic(graded, proportion, "pearson"),
        "normalised_correlation": lambda: NormalisedStatistic(graded, people, seed),
        "kendall": lambda: CorrelationStatistic(graded, proportion, "kendall"),
        "spearman_to_individuals": lambda: IndividualsStatistic(decide(one.chosen), people),
        "error_consistency": lambda: ConsistencyStatistic(one.chosen, people, one.truth),
        "human_likelihood": lambda: LikelihoodStatistic(graded, people),
        "mcfadden_r2": lambda: LikelihoodStatistic(graded, people, over_base_rate=True),
    }


def estimates_of(one: Observed, **resampling: Unpack[Resampling]) -> dict[str, Estimate]:
    """Every statistic with its interval, and the range that error consistency can take."""
    # Two that say more than their statistic: Wilson's interval, and the floor of calibration.
    found = {
        "accuracy": accuracy(one.chosen, one.truth),
        "calibration_error": calibration_error(one.graded, one.truth, **resampling),
    }
    builders = builders_of(one, seed=resampling.get("seed", 0))
    estimates = {
        name: found[name] if name in found else build().estimate(**resampling)
        for name, build in builders.items()
    }
    if len(one.people):
        ends = error_consistency_range(one.chosen, one.people, one.truth)
        estimates["error_consistency_lowest"], estimates["error_consistency_highest"] = ends
    return estimates


def p_values_of(one: Observed, *, permutations: int, seed: int = 0) -> dict[str, float]:
    """P of each of `TESTED` if the answers had nothing to do with the stimuli."""
    builders = builders_of(one, seed=seed)
    return {
        name: permutation_test(builders[name](), permutations=permutations, seed=seed)
        for name in TESTED
        if name in builders
    }


def estimates_of_choices(
    own: Judgments, truth: Mapping[str, str], options: int | None, **resampling: Unpack[Resampling]
) -> dict[str, Estimate]:
    """Accuracy where there are not two options but several; of counts also how far off they are."""
    answers = dict(zip(own.table["stimulus_id"], own.table["response"], strict=True))
    stimuli = in_key_order(answers)
    said = [None if (answer := answers[name]) != answer else answer for name in stimuli]
    true = [truth.get(name) for name in stimuli]
    found = {"accuracy": choice_accuracy(said, true, options=options)}
    if "count" in own.names("scale"):
        counts = (np.array([_count(text) for text in texts]) for texts in (said, true))
        found["mean_absolute_error"] = mean_absolute_error(*counts, **resampling)
    return found


def _count(text: str | None) -> float:
    return float(text) if text is not None and text.isdigit() else np.nan

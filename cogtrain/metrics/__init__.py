"""Metrics: pure functions of arrays, and torchmetrics classes of the same names over them.

Every function returns an `Estimate`: value, 95 % interval, n, chance level; undefined is `nan` with
a reason. The functions need numpy only; the classes are loaded, and torch with them, when named.
"""

from typing import TYPE_CHECKING, Any

from cogtrain.metrics.accuracy import accuracy, choice_accuracy
from cogtrain.metrics.consistency import error_consistency, error_consistency_ceiling
from cogtrain.metrics.correlation import pearson, spearman
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.human_accuracy import (
    human_accuracy,
    human_majority_accuracy,
    observer_accuracies,
)
from cogtrain.metrics.individuals import spearman_to_individuals, spearman_to_individuals_ceiling
from cogtrain.metrics.log import append_estimates, read_estimates
from cogtrain.metrics.panel import Panel

if TYPE_CHECKING:
    from cogtrain.metrics.alignment import (
        Accuracy,
        ChoiceAccuracy,
        ErrorConsistency,
        Pearson,
        SetMetrics,
        Spearman,
        SpearmanToIndividuals,
    )

__all__ = [
    "Accuracy",
    "ChoiceAccuracy",
    "ErrorConsistency",
    "Estimate",
    "Panel",
    "Pearson",
    "SetMetrics",
    "Spearman",
    "SpearmanToIndividuals",
    "accuracy",
    "append_estimates",
    "choice_accuracy",
    "error_consistency",
    "error_consistency_ceiling",
    "human_accuracy",
    "human_majority_accuracy",
    "observer_accuracies",
    "pearson",
    "read_estimates",
    "spearman",
    "spearman_to_individuals",
    "spearman_to_individuals_ceiling",
]


def __getattr__(name: str) -> Any:
    """Loads a metric class, and torch, when it is first named."""
    if name not in __all__:
        raise AttributeError(f"module 'cogtrain.metrics' has no attribute {name!r}")
    from cogtrain.metrics import alignment

    return getattr(alignment, name)

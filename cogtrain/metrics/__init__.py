"""Metrics: pure functions of arrays, and torchmetrics classes of the same names over them.

Every function returns an `Estimate`: value, 95 % interval, n, chance level; undefined is `nan` with
a reason. The functions need numpy only; the classes are loaded, and torch with them, when named.
"""

from typing import TYPE_CHECKING, Any

from cogtrain.metrics.accuracy import accuracy, choice_accuracy
from cogtrain.metrics.adjustment import benjamini_hochberg, holm
from cogtrain.metrics.calibration import brier, calibration_error, log_loss, reliability_curve
from cogtrain.metrics.ceiling import (
    leave_one_out,
    naive_ceiling,
    noise_ceiling,
    normalised_correlation,
    observer_to_rest,
    split_half,
)
from cogtrain.metrics.comparison import exchange_test, paired_difference, permutation_test
from cogtrain.metrics.consistency import (
    error_consistency,
    error_consistency_ceiling,
    error_consistency_range,
)
from cogtrain.metrics.correlation import kendall, pearson, spearman
from cogtrain.metrics.counts import mean_absolute_error
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.human_accuracy import (
    human_accuracy,
    human_majority_accuracy,
    observer_accuracies,
)
from cogtrain.metrics.individuals import (
    spearman_to_individuals,
    spearman_to_individuals_ceiling,
    spearman_to_individuals_naive_ceiling,
)
from cogtrain.metrics.likelihood import (
    human_likelihood,
    human_likelihood_ceiling,
    mcfadden_r2,
    mcfadden_r2_ceiling,
)
from cogtrain.metrics.log import append_estimates, read_estimates
from cogtrain.metrics.panel import Panel
from cogtrain.metrics.psychometric import psychometric_slope, psychometric_slope_ratio
from cogtrain.metrics.sensitivity import (
    auroc,
    criterion,
    d_prime,
    human_criterion,
    human_d_prime,
)
from cogtrain.metrics.statistic import Resampling

if TYPE_CHECKING:
    from cogtrain.metrics.alignment import (
        ErrorConsistency,
        HumanLikelihood,
        Kendall,
        LeaveOneOut,
        McFaddenR2,
        NoiseCeiling,
        NormalisedCorrelation,
        Pearson,
        PsychometricSlope,
        PsychometricSlopeRatio,
        SetMetrics,
        Spearman,
        SpearmanToIndividuals,
        SplitHalf,
    )
    from cogtrain.metrics.performance import (
        Accuracy,
        Auroc,
        Brier,
        CalibrationError,
        ChoiceAccuracy,
        Criterion,
        DPrime,
        LogLoss,
        MeanAbsoluteError,
    )

__all__ = [
    "Accuracy",
    "Auroc",
    "Brier",
    "CalibrationError",
    "ChoiceAccuracy",
    "Criterion",
    "DPrime",
    "ErrorConsistency",
    "Estimate",
    "HumanLikelihood",
    "Kendall",
    "LeaveOneOut",
    "LogLoss",
    "McFaddenR2",
    "MeanAbsoluteError",
    "NoiseCeiling",
    "NormalisedCorrelation",
    "Panel",
    "Pearson",
    "PsychometricSlope",
    "PsychometricSlopeRatio",
    "Resampling",
    "SetMetrics",
    "Spearman",
    "SpearmanToIndividuals",
    "SplitHalf",
    "accuracy",
    "append_estimates",
    "auroc",
    "benjamini_hochberg",
    "brier",
    "calibration_error",
    "choice_accuracy",
    "criterion",
    "d_prime",
    "error_consistency",
    "error_consistency_ceiling",
    "error_consistency_range",
    "exchange_test",
    "holm",
    "human_accuracy",
    "human_criterion",
    "human_d_prime",
    "human_likelihood",
    "human_likelihood_ceiling",
    "human_majority_accuracy",
    "kendall",
    "leave_one_out",
    "log_loss",
    "mcfadden_r2",
    "mcfadden_r2_ceiling",
    "mean_absolute_error",
    "naive_ceiling",
    "noise_ceiling",
    "normalised_correlation",
    "observer_accuracies",
    "observer_to_rest",
    "paired_difference",
    "pearson",
    "permutation_test",
    "psychometric_slope",
    "psychometric_slope_ratio",
    "read_estimates",
    "reliability_curve",
    "spearman",
    "spearman_to_individuals",
    "spearman_to_individuals_ceiling",
    "spearman_to_individuals_naive_ceiling",
    "split_half",
]


def __getattr__(name: str) -> Any:
    """Loads a metric class, and torch, when it is first named."""
    if name not in __all__:
        raise AttributeError(f"module 'cogtrain.metrics' has no attribute {name!r}")
    from cogtrain.metrics import alignment, performance

    return getattr(performance if hasattr(performance, name) else alignment, name)

"""Every figure of people together: what stands beside a model's."""

from collections.abc import Callable
from typing import Unpack

import numpy as np

from cogtrain.metrics import (
    Estimate,
    Resampling,
    auroc,
    brier,
    calibration_error,
    error_consistency_ceiling,
    human_accuracy,
    human_criterion,
    human_d_prime,
    human_likelihood_ceiling,
    human_majority_accuracy,
    leave_one_out,
    log_loss,
    mcfadden_r2_ceiling,
    noise_ceiling,
    observer_accuracies,
    psychometric_slope,
    spearman_to_individuals_ceiling,
    spearman_to_individuals_naive_ceiling,
    split_half,
)
from cogtrain.metrics.panel import proportion_of


def estimates_of_people(
    answers: np.ndarray,
    truth: np.ndarray,
    margin: np.ndarray,
    **resampling: Unpack[Resampling],
) -> dict[str, Estimate]:
    """Accuracy and bias of people, their agreement, and what their proportion is worth as forecast.

    Args:
        answers: ``(observers, stimuli)``.
        truth: ``(stimuli,)``.
        margin: ``(stimuli,)``; `nan` where unknown.
        resampling: See `Resampling`.
    """
    asked = (~np.isnan(answers)).any(axis=0)
    answers, truth, margin = answers[:, asked], truth[asked], margin[asked]
    found = _performance(answers, truth, **resampling) | _agreement(answers, truth, **resampling)
    if not np.isnan(margin).all():
        found["human_psychometric_slope"] = psychometric_slope(answers, margin, **resampling)
    return found


def _performance(
    answers: np.ndarray, truth: np.ndarray, **resampling: Unpack[Resampling]
) -> dict[str, Estimate]:
    found = {
        "human_accuracy": human_accuracy(answers, truth, **resampling),
        "human_majority_accuracy": human_majority_accuracy(answers, truth),
        "human_d_prime": human_d_prime(answers, truth, **resampling),
        "human_criterion": human_criterion(answers, truth, **resampling),
    }
    accuracies = observer_accuracies(answers, truth)
    if not np.isnan(accuracies).all():
        n = found["human_accuracy"].n
        found["human_accuracy_lowest"] = Estimate(float(np.nanmin(accuracies)), n=n)
        found["human_accuracy_highest"] = Estimate(float(np.nanmax(accuracies)), n=n)
    crowd = proportion_of(answers)
    forecasts: dict[str, Callable[..., Estimate]] = {
        "crowd_auroc": auroc,
        "crowd_brier": brier,
        "crowd_log_loss": log_loss,
        "crowd_calibration_error": calibration_error,
    }
    return found | {name: of(crowd, truth, **resampling) for name, of in forecasts.items()}


def _agreement(
    answers: np.ndarray, truth: np.ndarray, **resampling: Unpack[Resampling]
) -> dict[str, Estimate]:
    return {
        "error_consistency_ceiling": error_consistency_ceiling(answers, truth, **resampling),
        "spearman_to_individuals_ceiling": spearman_to_individuals_ceiling(answers, **resampling),
        "spearman_to_individuals_naive_ceiling": spearman_to_individuals_naive_ceiling(
            answers, **resampling
        ),
        "split_half": split_half(answers, **resampling),
        "noise_ceiling": noise_ceiling(answers, **resampling),
        "pearson_leave_one_out": leave_one_out(answers, kind="pearson", **resampling),
        "spearman_leave_one_out": leave_one_out(answers, kind="spearman", **resampling),
        "kendall_leave_one_out": leave_one_out(answers, kind="kendall", **resampling),
        "human_likelihood_ceiling": human_likelihood_ceiling(answers, **resampling),
        "mcfadden_r2_ceiling": mcfadden_r2_ceiling(answers, **resampling),
    }

"""What the margin allows: to one who knows it exactly, and to one who sees it with noise."""

import numpy as np

from cogtrain.audit.measure import Measurements
from cogtrain.metrics.estimate import Estimate

FALLS = ("will_fall", "will_fall_if_removed")
"""Questions that the sign of the margin answers: negative means yes."""

MARGIN_NOISE_M = 0.2
"""Default noise: a fifth of a block of 1 m, the size of the perceptual noise on positions in
Battaglia, Hamrick & Tenenbaum 2013; here it blurs the margin itself."""


def optimum_rows(seen: Measurements, question: str, noise_m: float) -> dict[str, Estimate]:
    """Accuracy of the sign of the margin and of the noisy ideal observer; none without margins.

    The observer says yes if the margin that it sees is negative, so it is right with probability
    Φ(|margin| / noise) where the answer is the sign's; the value is the mean over stimuli.
    """
    margins = seen.column("margin").astype(float)
    answers = seen.answers(question)
    if question not in FALLS or not len(margins) or np.isnan(margins).any():
        return {}
    falls = np.array([answer == "yes" for answer in answers])
    by_sign = (margins < 0) == falls
    return {
        "sign of the margin": Estimate(
            float(by_sign.mean()), n=len(margins), chance=_chance(falls)
        ),
        "ideal noisy observer": Estimate(
            float(_noisy(margins, falls, noise_m).mean()), n=len(margins), chance=_chance(falls)
        ),
    }


def _noisy(margins: np.ndarray, falls: np.ndarray, noise_m: float) -> np.ndarray:
    from scipy.stats import norm

    says_yes = norm.cdf(-margins / noise_m) if noise_m > 0 else (margins < 0).astype(float)
    return np.where(falls, says_yes, 1 - says_yes)


def _chance(falls: np.ndarray) -> float:
    return float(max(falls.mean(), 1 - falls.mean()))

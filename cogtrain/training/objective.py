"""What training minimises: how little of its belief the model puts on the true answer."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Negative log probability of the true option.

    Args:
        over: `vocabulary` also punishes belief in words that are no answer, so the model learns to
            answer at all; `options` only weighs the options against each other.
    """

    over: Literal["vocabulary", "options"] = "vocabulary"

    def __call__(self, log_mass: Tensor, truth: Tensor) -> Tensor:
        """Loss per item.

        Args:
            log_mass: Log probability of each option over the full vocabulary, ``(N, options)``.
            truth: Index of the true option, int64 ``(N,)``.

        Returns:
            Float32 ``(N,)``, at least 0.
        """
        log_p = log_mass.float()
        if self.over == "options":
            log_p = torch.log_softmax(log_p, dim=-1)
        return -log_p.gather(1, truth[:, None]).squeeze(1)

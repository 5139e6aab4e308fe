"""How weights move: AdamW that decays only matrices, and a warm-up with a decay after it."""

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch.optim.lr_scheduler import LambdaLR

from cogtrain.models.vlm import VLM


@dataclass(frozen=True, kw_only=True)
class AdamW:
    """Adam with decoupled weight decay, on matrices only: decaying a gain or a bias has no meaning.

    Args:
        lr: Highest learning rate, reached after the warm-up. 2e-3 suits the tiny default; LoRA on a
            large model wants about 1e-4.
        weight_decay: Share of every matrix that is taken off per step and unit of learning rate.
        betas: Memory of the first and second moment. 0.95 forgets a bad batch sooner than 0.999.
        eps: Keeps the division finite.
        lr_multipliers: Component (`vision`, `merger`, `language`) to a factor of `lr`.
        loraplus_lr_ratio: Learning rate of an adapter's second matrix as a multiple of that of its
            first (LoRA+); 16 is usual, 1 is LoRA.
    """

    lr: float = 2e-3
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    lr_multipliers: dict[str, float] = field(default_factory=dict)
    loraplus_lr_ratio: float = 1.0

    def build(self, vlm: VLM) -> torch.optim.AdamW:
        """Optimizer over what is trained of ``vlm``, in named groups.

        Raises:
            ValueError: If nothing is, a multiplier names no component, or the ratio is below 1.
        """
        groups = vlm.parameter_groups(
            lr=self.lr,
            weight_decay=self.weight_decay,
            lr_multipliers=self.lr_multipliers,
            loraplus_lr_ratio=self.loraplus_lr_ratio,
        )
        if not groups:
            raise ValueError(
                "expected something to train, got only frozen components; "
                "set one of `model.tuning.tune` to `lora` or `full`"
            )
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps)


@dataclass(frozen=True, kw_only=True)
class WarmupDecay:
    """Learning rate per step: a straight rise, then half a cosine or a straight line down.

    Args:
        warmup: Share of all steps that the rise takes.
        warmup_steps: Optimizer steps that the rise takes, in place of `warmup`.
        decay: Way down, `cosine` or `linear`.
        floor: Learning rate at the last step, as a share of the highest.

    Raises:
        ValueError: For a share outside [0, 1], or a negative number of steps.
    """

    warmup: float = 0.05
    warmup_steps: int | None = None
    decay: Literal["cosine", "linear"] = "cosine"
    floor: float = 0.0

    def __post_init__(self) -> None:
        for name in ("warmup", "floor"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(
                    f"expected `lr_scheduler.{name}` to be a share from 0 to 1, got {value}; "
                    "give it as a share of the whole run"
                )
        if self.warmup_steps is not None and self.warmup_steps < 0:
            raise ValueError(
                f"expected `lr_scheduler.warmup_steps` to be at least 0, got {self.warmup_steps}; "
                "0 is no rise"
            )

    def factor(self, step: int, total: int) -> float:
        """Share of the highest learning rate at ``step`` (from 0) of ``total``."""
        rise = round(self.warmup * total) if self.warmup_steps is None else self.warmup_steps
        if step < rise:
            return (step + 1) / rise
        progress = min(1.0, (step - rise) / max(1, total - rise))
        is_straight = self.decay == "linear"
        left = 1.0 - progress if is_straight else 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.floor + (1.0 - self.floor) * left

    def build(self, optimizer: torch.optim.Optimizer, total: int) -> LambdaLR:
        """Schedule of ``optimizer`` over ``total`` optimizer steps."""
        return LambdaLR(optimizer, lambda step: self.factor(step, total))

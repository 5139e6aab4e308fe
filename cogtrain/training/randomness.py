"""Randomness of training without state: every batch has its own stream, whichever rank meets it."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

_MIX = 0x9E3779B97F4A7C15  # odd, so multiplying by it permutes the 64-bit integers
_MASK = (1 << 64) - 1


def stream_seed(seed: int, *keys: int) -> int:
    """Seed of the stream that belongs to ``keys``: SplitMix64 folded over them.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    state = seed & _MASK
    for key in keys:
        state = (state + (key + 1) * _MIX) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1  # torch takes a signed 64-bit seed


class RandomStreams(Callback):
    """Gives every training batch its own random stream, so dropout continues exactly.

    The stream follows from the seed, the epoch and the batch's place in the sequence of all ranks:
    the same stimuli meet the same dropout on one rank and on eight.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seeds torch on every device."""
        torch.manual_seed(stream_seed(self.seed, trainer.current_epoch, batch["position"]))

"""The window: all items that one optimizer step learns from, over micro-batches and ranks.

The loss of a step is the weighted mean over these items. A mean of the micro-batches' means would
be another number wherever they differ in weight: at a short end of an epoch, with padding, with
sets that count differently. So every micro-batch adds its sum, and only the finished gradient is
divided, by what the whole window weighs. 1 x 8, 2 x 4 and 4 x 2 ranks then learn the same.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class WindowMeans(NamedTuple):
    """Weighted means over the items of a window; `nan` if all of them weigh nothing.

    Attributes:
        loss: What the step minimised.
        accuracy: Share of the weight that was answered with the true option.
        weight: What the items weigh together, 1 each unless sets count differently.
        total: Sum that `loss` is the mean of; finite unless a loss is not.
    """

    loss: Tensor
    accuracy: Tensor
    weight: Tensor
    total: Tensor


class Window:
    """Sums over the micro-batches of one optimizer step.

    Example:
        >>> window = Window()
        >>> for loss, weight in ((1.0, 1.0), (4.0, 0.0)):  # the second item only fills up
        ...     _ = window.add(torch.tensor([loss]), torch.tensor([1.0]), torch.tensor([weight]))
        >>> window.close().loss.item()
        1.0
    """

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self.means: WindowMeans | None = None

    def add(self, losses: Tensor, correct: Tensor, weights: Tensor) -> Tensor:
        """Takes a micro-batch in.

        Args:
            losses: ``(N,)``.
            correct: ``(N,)``, 1 where the true option was chosen, else 0.
            weights: ``(N,)``, 0 for an item that only fills up.

        Returns:
            Weighted sum of `losses`, to propagate back.
        """
        total = (losses * weights).sum()
        sums = torch.stack([total.detach(), (correct * weights).sum(), weights.sum()])
        self._sums = sums if self._sums is None else self._sums + sums
        return total

    def close(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> WindowMeans:
        """Ends the window; the next micro-batch begins another.

        Args:
            reduce: Adds a tensor up over all ranks.
        """
        sums = reduce(torch.zeros(3) if self._sums is None else self._sums)
        self._sums = None
        self.means = WindowMeans(sums[0] / sums[2], sums[1] / sums[2], sums[2], sums[0])
        return self.means


def divide_gradients(parameters: Iterable[torch.nn.Parameter], weight: Tensor) -> None:
    """Turns gradients of a sum into those of a mean; what weighs nothing teaches nothing.

    Args:
        parameters: Those without a gradient are passed over.
        weight: What the items of the sum weigh together, a scalar.
    """
    factor = torch.where(weight > 0, 1.0 / weight, torch.zeros_like(weight))
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor.to(parameter.grad.dtype))

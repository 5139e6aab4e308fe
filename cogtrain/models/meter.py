"""Meter: what computing with tensors takes, counted at every operation."""

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


class Meter(TorchDispatchMode):
    """Counts bytes of tensors that are alive, and floating-point operations, while it is entered.

    For tensors with values as well as for fake ones, which have a shape and no memory. What a
    kernel takes inside itself is not seen.

    Args:
        standing: Tensors that are there anyhow, and not counted.
        given: Those that are there and counted.

    Attributes:
        live_bytes: Of tensors that are alive now.
        peak_bytes: The most that were alive at once.
        flops: Operations so far, by the formulas of `torch.utils.flop_counter`: matrix products,
            convolutions and attention.

    >>> rows = torch.ones(2, 8)
    >>> with Meter([rows]) as meter:
    ...     made = (rows @ rows.T).exp()
    >>> meter.live_bytes, meter.peak_bytes, meter.flops
    (16, 32, 64)
    """

    def __init__(self, standing: Iterable[Tensor], given: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.live_bytes = self.peak_bytes = self.flops = 0
        self._known: dict[int, weakref.ref[Any]] = {}
        for tensor in standing:
            self._keep(tensor, is_counted=False)
        for tensor in given:
            self._keep(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Does the operation and counts it."""
        kwargs = kwargs or {}
        if func is torch.ops.aten.index.Tensor:
            # How many a mask picks is known from the mask, even where what is picked from is fake.
            args = (args[0], _counted(args[1]), *args[2:])
        out = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=out)
        for each in tree_leaves(out):
            if isinstance(each, Tensor):
                self._keep(each)
        return out

    def _keep(self, tensor: Tensor, *, is_counted: bool = True) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes() if is_counted else 0
        self._known[key] = weakref.ref(storage, lambda _: self._drop(key, size))
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)

    def _drop(self, key: int, size: int) -> None:
        del self._known[key]
        self.live_bytes -= size


def _counted(indices: list[Tensor | None]) -> list[Tensor | None]:
    """Indices with places instead of masks, where these have values."""
    found: list[Tensor | None] = []
    for index in indices:
        is_mask = index is not None and index.dtype == torch.bool
        if index is None or not is_mask or isinstance(index, FakeTensor):
            found.append(index)
        else:
            found += index.nonzero(as_tuple=True)
    return found

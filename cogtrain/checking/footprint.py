"""What an item leaves behind for its gradients, and what it costs: the code that trains, run idly.

The model has its full size, in memory that is never written, and products of matrices, which take
the time, are left out: their results have the right shape and any content. So tensors are kept and
operations counted as in training. Kernels are those of this machine; a GPU's may keep a little more
or less.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode
from transformers.modeling_layers import GradientCheckpointingLayer

from cogtrain.models import layers
from cogtrain.models.vlm import VLM

_ATEN = torch.ops.aten
_HEAVY = frozenset(
    {
        _ATEN.mm.default,
        _ATEN.addmm.default,
        _ATEN.bmm.default,
        _ATEN.baddbmm.default,
        _ATEN.convolution.default,
        _ATEN.convolution_backward.default,
        _ATEN._scaled_dot_product_flash_attention_for_cpu.default,
        _ATEN._scaled_dot_product_flash_attention_for_cpu_backward.default,
    }
)


class Footprint(NamedTuple):
    """Of one item.

    Attributes:
        kept_bytes: What is kept of it from the forward pass for the backward pass.
        operations: Floating-point operations of both.
    """

    kept_bytes: int
    operations: int


class _Idle(TorchDispatchMode):
    """Leaves out what takes time."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func not in _HEAVY:
            return func(*args, **(kwargs or {}))
        shapes = tree_map_only(torch.Tensor, lambda each: each.to("meta"), (args, kwargs or {}))
        found = func(*shapes[0], **shapes[1])
        return tree_map_only(torch.Tensor, lambda each: torch.empty_like(each, device="cpu"), found)


def footprint(
    vlm: VLM, batch: Mapping[str, Any], *, recomputes: bool = False, idle: bool = True
) -> Footprint:
    """What the first item of ``batch`` takes.

    Args:
        vlm: Of `outline`, which then is on the CPU with any content.
        batch: A micro-batch, collated.
        recomputes: Whether layers keep only what they read (`model.gradient_checkpointing`).
        idle: Whether products of matrices are left out; the figures are the same.
    """
    if any(each.device.type == "meta" for each in vlm.parameters()):
        vlm.to_empty(device="cpu")
        for buffer in vlm.buffers():  # places in tables among them, which must be there
            buffer.zero_()
    found = _measured(vlm.train(), batch, idle)
    if not recomputes:
        return found.whole
    layers.recompute(vlm.model)
    again = _measured(vlm, batch, idle)
    return Footprint(found.inputs + found.largest, again.whole.operations)


class _Measured(NamedTuple):
    whole: Footprint
    inputs: int  # bytes that its layers read
    largest: int  # bytes that one of them keeps


def _measured(vlm: VLM, batch: Mapping[str, Any], idle: bool) -> _Measured:
    weights = {each.untyped_storage().data_ptr() for each in vlm.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}
    inputs, before, grown = [0], [0], [0]

    def keep(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that no other takes its address
        return value

    def size() -> int:
        return sum(storage.nbytes() for storage in kept.values())

    def enter(_: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        first = given[0] if given else named["hidden_states"]
        if torch.is_grad_enabled():  # of a frozen tower nothing is kept
            inputs.append(first.numel() * first.element_size())
        before.append(size())

    def leave(*_: Any) -> None:
        grown.append(size() - before[-1])

    hooks = []
    for layer in vlm.model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            hooks += [layer.register_forward_pre_hook(enter, with_kwargs=True)]
            hooks += [layer.register_forward_hook(leave)]
    item = batch["image"].index(0)
    arrays = vlm.family.images.pick(batch["arrays"], [0])
    question, wording = [batch["question"][item]], [batch["wording"][item]]
    # An idle mode must be entered first: what counts sees operations before they are left out.
    with _Idle() if idle else torch.enable_grad(), FlopCounterMode(display=False) as counter:
        with saved_tensors_hooks(keep, lambda value: value):
            scores = vlm.scores(question, arrays, wording=wording)
        whole = size()
        scores.log_mass.sum().backward()
    for hook in hooks:
        hook.remove()
    return _Measured(Footprint(whole, counter.get_total_flops()), sum(inputs), max(grown))

"""What a training takes: memory of one GPU, operations, time."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from lightning.fabric.utilities.throughput import _CUDA_FLOPS

from cogtrain.complaint import UsageError, unknown
from cogtrain.models.vlm import VLM

DEFAULT_GPU = "h100 sxm"
UTILISATION = 0.4  # of what the device could do; good runs reach about as much
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)  # 4 bits, a byte per 64 weights, a float per 64 of these
_MOMENTS = 2  # of AdamW, in float32


class Memory(NamedTuple):
    """Bytes on one GPU while it trains, besides what is kept of a batch for its gradients.

    Attributes:
        frozen: Weights that do not move.
        trained: Weights that do.
        gradients: Of these.
        moments: Of these, by AdamW.
    """

    frozen: float
    trained: int
    gradients: int
    moments: int


def memory(vlm: VLM, quantization: str | None) -> Memory:
    """By counting every parameter.

    Args:
        vlm: The model; its weights need not be there.
        quantization: Of the linear layers of the frozen language model.
    """
    trained = [p for p in vlm.parameters() if p.requires_grad]
    own = sum(p.numel() * p.element_size() for p in trained)
    moments = sum(p.numel() for p in trained) * _MOMENTS * torch.float32.itemsize
    return Memory(sum(_frozen(vlm, quantization)), own, own, moments)


def _frozen(vlm: VLM, quantization: str | None) -> Iterator[float]:
    linear = {
        id(module.weight)
        for name, module in vlm.model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and vlm.family.component(name) == "language"
        and "lm_head" not in name
    }
    for parameter in vlm.parameters():
        if not parameter.requires_grad:
            is_rounded = quantization is not None and id(parameter) in linear
            yield parameter.numel() * (_NF4_BYTES if is_rounded else parameter.element_size())


def hours(total: float, gpu: str) -> float:
    """Hours that ``total`` operations take on one device at 40 % of its best in bfloat16.

    Raises:
        UsageError: For a device that Lightning does not know, naming the nearest.
    """
    known = {name: best for name, best in _CUDA_FLOPS.items() if torch.bfloat16 in best}
    if gpu not in known:
        raise UsageError(unknown("device of `--gpu`", gpu, known))
    return total / (UTILISATION * known[gpu][torch.bfloat16]) / 3600


def size(count: float) -> str:
    """Bytes as a reader takes them in.

    >>> size(3 * 2**29), size(5 * 2**20)
    ('1.50 GiB', '5.0 MiB')
    """
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 / 10 else f"{count / 2**20:.1f} MiB"

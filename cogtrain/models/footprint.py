"""Footprint: what training takes of memory and of operations, told before there is a GPU.

The model is built at full depth of tensors that have a shape and no memory, and the code that
trains goes through it once, forward and backward: nothing is extrapolated, and a family, an adapter
or an image size is as it is when it runs.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.fabric.utilities.throughput import _CUDA_FLOPS
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.initialization import no_init_weights

from cogtrain import Preprocess
from cogtrain.models import layers, lora
from cogtrain.models.lora import Tuning
from cogtrain.models.meter import Meter
from cogtrain.models.origin import Origin
from cogtrain.models.vlm import VLM

_GIB, _TERA = 2**30, 1e12

# `bitsandbytes` keeps one scale for so many weights and rounds the scales too, so many together.
_NF4_BLOCK, _NF4_SCALES = 64, 256
# Beside them, float32 each: the values of 4 bits, those of the rounded scales, and their offset.
_NF4_TABLES = 16 + 256 + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One micro-batch.

    Attributes:
        sizes_px: ``(height, width)`` of each image.
        questions: Names of the questions that are asked about every image.
        tokens_per_pass: As of `VLM`.
        gradient_checkpointing: As of the config: whether `layers.recompute` is called.

    Raises:
        ValueError: Without an image or a question, or with a size or bound below 1.
    """

    sizes_px: tuple[tuple[int, int], ...]
    questions: tuple[str, ...]
    tokens_per_pass: int | None = None
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        if not self.sizes_px or not self.questions:
            raise ValueError(
                f"expected a micro-batch of images and questions, got {len(self.sizes_px)} images "
                f"and {len(self.questions)} questions; give at least one of each"
            )
        if (least := min(min(size) for size in self.sizes_px)) < 1:
            raise ValueError(
                f"expected images of at least 1 x 1 px, got a side of {least}; correct the size"
            )
        if self.tokens_per_pass is not None and self.tokens_per_pass < 1:
            raise ValueError(
                f"expected `tokens_per_pass` to be at least 1, got {self.tokens_per_pass}; leave "
                "it out for no bound"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What one rank takes, unsharded, to train with micro-batches of one `Load`.

    Attributes:
        weights_type: Of what is frozen, such as ``bfloat16`` or ``nf4``.
        weights_bytes: Of what is frozen, buffers among it.
        trained_bytes: Of the adapter, and of weights that are trained themselves.
        gradient_bytes: Of what is trained, kept from micro-batch to micro-batch.
        optimizer_bytes: Both moments of AdamW.
        activation_bytes: Of the micro-batch and of what its forward pass keeps for the backward.
        working_bytes: The most that the two passes take beyond that at once.
        flops: Floating-point operations of both, those that are done twice counted twice.
        stimuli: Images of the micro-batch.
    """

    weights_type: str
    weights_bytes: int
    trained_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    working_bytes: int
    flops: int
    stimuli: int

    @property
    def peak_bytes(self) -> int:
        """The most at once: while a micro-batch is computed, or while AdamW has a copy of a moment.

        It leaves out what is no tensor of the model: the CUDA context, what the allocator cannot
        use (fragmentation), workspaces inside kernels, and batches that wait. Attention is that of
        a CPU, which keeps as much as flash attention; `compile` and the trainer's mixed precision
        are not modelled.
        """
        standing = self.weights_bytes + self.trained_bytes
        standing += self.gradient_bytes + self.optimizer_bytes
        computing = self.activation_bytes + self.working_bytes
        return standing + max(computing, self.optimizer_bytes // 2)

    def lines(self) -> tuple[str, ...]:
        """For people to read: memory in GiB, part by part, and operations per stimulus."""
        per_stimulus = self.flops / self.stimuli / _TERA
        return (
            f"weights      {_gib(self.weights_bytes)} ({self.weights_type}, frozen)",
            f"trained      {_gib(self.trained_bytes)}",
            f"gradients    {_gib(self.gradient_bytes)}",
            f"AdamW        {_gib(self.optimizer_bytes)}",
            f"activations  {_gib(self.activation_bytes)} (kept for the backward pass)",
            f"in work      {_gib(self.working_bytes)}",
            f"in all       {_gib(self.peak_bytes)} at least, and what CUDA itself takes",
            f"operations   {per_stimulus:.3g} TFLOP per stimulus, forward and backward",
        )


def footprint(origin: Origin, tuning: Tuning, load: Load) -> Footprint:
    """What training ``tuning`` of ``origin`` takes with micro-batches of ``load``.

    Reads the config, the tokenizer and the preprocessing of the checkpoint, and no weights. A
    shape of 3 B or 7 B parameters takes 15 to 21 s of processor time and 1.3 GB.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: As of `VLM.load` and `VLM.scores`, for what would fail there.

    >>> load = Load(sizes_px=((112, 112),), questions=("will_fall",))
    >>> taken = footprint(Origin("tiny"), Tuning(r=8), load)
    >>> taken.trained_bytes == taken.gradient_bytes == taken.optimizer_bytes // 2
    True
    """
    lora.check_trainable(tuning, origin.quantization)
    is_rounded = origin.quantization is not None
    dtype = "bfloat16" if is_rounded else origin.dtype
    unweighted = Unweighted(origin.pretrained, "random", dtype, origin.attn_implementation)
    vlm = VLM(unweighted, tuning)
    trained = [each for each in vlm.parameters() if each.requires_grad]
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    rounded = list(_rounded(vlm)) if is_rounded else []
    frozen = [each for each in [*vlm.parameters(), *vlm.buffers()] if not each.requires_grad]
    meter, kept = _measured(vlm, load)
    # Weights in 4 bits are made bfloat16 for a matrix product, one layer at a time.
    widened = max((each.nbytes for each in rounded), default=0)
    return Footprint(
        weights_type=origin.quantization or str(vlm.model.dtype).removeprefix("torch."),
        weights_bytes=_bytes(frozen) - _bytes(rounded) + sum(map(_nf4_bytes, rounded)),
        trained_bytes=_bytes(trained),
        gradient_bytes=_bytes(trained),
        optimizer_bytes=2 * _bytes(trained),
        activation_bytes=kept,
        working_bytes=meter.peak_bytes - kept + widened,
        flops=meter.flops,
        stimuli=len(load.sizes_px),
    )


def hours(flops: float, device: str, utilisation: float, dtype: str = "bfloat16") -> float:
    """How long a GPU computes.

    Args:
        flops: Operations in all.
        device: Name in Lightning's table of devices, such as ``a100`` or ``h100 sxm``.
        utilisation: Share of the device's best speed that is reached, in (0, 1]; 0.3 to 0.5 is
            usual for large models.
        dtype: Type that is computed in.

    Raises:
        ValueError: For another device, a type that it does not have, or a share outside.

    >>> round(hours(1e18, "a100", 0.4), 2)
    2.23
    """
    if (name := device.lower()) not in _CUDA_FLOPS:
        raise ValueError(
            f"expected a device of {', '.join(_CUDA_FLOPS)}, got `{device}`; name one of these"
        )
    if not 0 < utilisation <= 1:
        raise ValueError(
            f"expected `utilisation` in (0, 1], got {utilisation}; 0.3 to 0.5 is usual"
        )
    speeds = {str(each).removeprefix("torch."): speed for each, speed in _CUDA_FLOPS[name].items()}
    if dtype not in speeds:
        raise ValueError(
            f"expected a type that `{name}` computes in ({', '.join(speeds)}), got `{dtype}`; "
            "name one of these"
        )
    return flops / (speeds[dtype] * utilisation) / 3600


class Unweighted(Origin):
    """An origin of which only the shapes are made.

    Whatever meets its tensors is a shape from there on. Everything else, such as positions and
    masks, has values, because code asks for them.
    """

    def model(self) -> Any:
        """The `transformers` model, of tensors that have a shape and no memory."""
        with no_init_weights(), FakeTensorMode(allow_non_fake_inputs=True):
            model = super().model()
        model.tie_weights()
        return model


def _measured(vlm: VLM, load: Load) -> tuple[Meter, int]:
    """The meter after both passes, and the bytes that were alive between them."""
    vlm.tokens_per_pass = load.tokens_per_pass
    if load.gradient_checkpointing:
        layers.recompute(vlm.model)
    vlm.train()
    arrays = _arrays(vlm.origin, load.sizes_px)
    images = [place for place in range(len(load.sizes_px)) for _ in load.questions]
    asked = load.questions * len(load.sizes_px)
    gradients = [each.grad for each in vlm.parameters() if each.grad is not None]
    with Meter([*vlm.parameters(), *vlm.buffers(), *gradients], arrays.values()) as meter:
        scores = vlm.scores(asked, arrays, image=images)
        loss = -scores.log_probability[:, 0].sum()
        kept = meter.live_bytes
        if loss.requires_grad:  # not where nothing is trained
            loss.backward()
    return meter, kept


def _arrays(origin: Origin, sizes_px: Iterable[tuple[int, int]]) -> dict[str, Tensor]:
    """What the checkpoint's own preprocessing makes of black images."""
    preprocess = Preprocess.from_pretrained(origin.path, resize="pillow")
    arrays = preprocess([[np.zeros((*size, 3), np.uint8)] for size in sizes_px])
    return {name: torch.from_numpy(each) for name, each in arrays.items()}


def _rounded(vlm: VLM) -> Iterable[Tensor]:
    """Weights that ``nf4`` keeps in 4 bits; as `Origin` says, linear layers of the language."""
    for name, module in vlm.model.named_modules():
        is_linear = isinstance(module, nn.Linear) and not lora.is_adapter(name)
        if is_linear and name != "lm_head" and vlm.family.component(name) == "language":
            yield module.weight


def _nf4_bytes(weight: Tensor) -> int:
    scales = math.ceil(weight.numel() / _NF4_BLOCK)
    float32 = math.ceil(scales / _NF4_SCALES) + _NF4_TABLES
    return math.ceil(weight.numel() / 2) + scales + 4 * float32


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(each.nbytes for each in tensors)


def _gib(size: int) -> str:
    return f"{size / _GIB:8.3f} GiB"

"""Throughput: how fast a run trains, how long it waits for data, how much memory it takes.

Lightning's own monitor takes every rank's batches to be alike and says nothing before its window is
full; here whatever was done between two logged steps is added up, over micro-batches and ranks.
"""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import psutil
import torch
from lightning.fabric.utilities.throughput import get_available_flops
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cogtrain.models.vlm import VLM
from cogtrain.training.callbacks.step_log import is_logged
from cogtrain.training.module import VLMModule

NAMES = (
    *("train/stimuli_per_s", "train/tokens_per_s", "train/data_wait_percent"),
    *("train/mfu_percent", "train/rss_gib", "train/cuda_peak_gib"),
)
"""What is logged, where it is known: these follow the clock, and differ between equal runs."""

_SHOWN = ("train/stimuli_per_s", "train/data_wait_percent")
_GIB = 2**30


class Work(NamedTuple):
    """What one rank did between two logged steps.

    Attributes:
        stimuli: That count; one with several questions is one.
        tokens: That the language model read, images' placeholders among them, padding not.
        flops: Floating-point operations; `nan` where they are not counted.
        busy_s: Seconds of training: validation and what else stands between are not in it.
        wait_s: Of these, for batches.
        rss_gib: Memory of the process now.
        cuda_peak_gib: Most that tensors took on the device so far; `nan` without CUDA.
    """

    stimuli: float
    tokens: float
    flops: float
    busy_s: float
    wait_s: float
    rss_gib: float
    cuda_peak_gib: float


def rates(ranks: Tensor, available_flops: float = math.nan) -> dict[str, float]:
    """Numbers of a run from the work of its ranks.

    Args:
        ranks: ``(ranks, 7)``, a `Work` each.
        available_flops: Operations per second that one device could do at best.

    Returns:
        `NAMES`: speeds of all ranks together; the share of their time that they waited for data;
        the model's use of what their devices could do (MFU); the memory of the rank that takes
        most. What is not known is left out.

    Example:
        >>> work = Work(64, 3200, math.nan, 2.0, 0.5, 1.5, math.nan)
        >>> rates(torch.tensor([work, work]))["train/stimuli_per_s"]
        64.0
    """
    total = Work(*ranks.double().sum(dim=0).tolist())
    most = Work(*ranks.double().amax(dim=0).tolist())
    busy_s = total.busy_s or math.nan
    values = (
        total.stimuli * len(ranks) / busy_s,
        total.tokens * len(ranks) / busy_s,
        100 * total.wait_s / busy_s,
        100 * total.flops / (busy_s * available_flops),
        most.rss_gib,
        most.cuda_peak_gib,
    )
    known = zip(NAMES, values, strict=True)
    return {name: value for name, value in known if not math.isnan(value)}


class Throughput(Callback):
    """Logs `NAMES` with each `log_every_n_steps`th step, and shows the speed beside the loss.

    The first logged number holds the start, too: threads that begin, kernels that are chosen.

    Where the best speed of the device is known, operations are those of the first micro-batch in
    proportion to its tokens. It is computed once more for that: to count while it trains would
    change the last bits, because counting takes operations apart.

    Args:
        module: What is trained.
        clock: Seconds from any moment on.
    """

    def __init__(self, module: VLMModule, clock: Callable[[], float] = time.perf_counter) -> None:
        self.module = module
        self._clock = clock
        self._available = self._flops_per_token = math.nan
        self._has_stepped = False
        self._stimuli: Tensor | int = 0
        self._tokens = self._read = 0
        self._busy_s = self._since_s = self._waited_s = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._available = _available_flops(trainer, self.module.vlm)
        self._forget(trainer)
        self._since_s = self._clock()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Counts the operations of the first micro-batch, if there is something to compare with."""
        self._read = self.module.vlm.tokens
        if math.isnan(self._available) or not math.isnan(self._flops_per_token):
            return
        began_s = self._clock()
        with trainer.precision_plugin.train_step_context():
            self._flops_per_token = flops_per_token(self.module, batch)
        self._since_s += self._clock() - began_s

    def on_before_optimizer_step(self, *_: Any) -> None:
        """The window ends with this micro-batch."""
        self._has_stepped = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Adds a micro-batch, and logs if it was the last one of a step that is logged."""
        self._tokens += self.module.vlm.tokens - self._read
        self._stimuli = self._stimuli + _stimuli(batch)
        has_stepped, self._has_stepped = self._has_stepped, False
        if has_stepped and is_logged(trainer):
            self._log(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        if _is_within_fit(trainer):
            self._stop(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts it again."""
        if _is_within_fit(trainer):
            self._since_s = self._clock()

    def _stop(self, trainer: Trainer) -> None:
        if trainer.strategy.root_device.type == "cuda":  # what was begun there belongs to the time
            torch.cuda.synchronize(trainer.strategy.root_device)
        now_s = self._clock()
        self._busy_s, self._since_s = self._busy_s + now_s - self._since_s, now_s

    def _log(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop(trainer)
        device = trainer.strategy.root_device
        own = torch.tensor(self._work(trainer), device=device)
        ranks = trainer.strategy.all_gather(own).reshape(-1, len(own))
        numbers = rates(ranks, self._available)
        self._forget(trainer)
        shown = {name: numbers[name] for name in _SHOWN if name in numbers}
        pl_module.log_dict(shown, prog_bar=True, logger=False, batch_size=1)
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=trainer.global_step - 1)

    def _work(self, trainer: Trainer) -> Work:
        device = trainer.strategy.root_device
        peak = torch.cuda.max_memory_allocated(device) / _GIB if device.type == "cuda" else math.nan
        return Work(
            float(self._stimuli),
            self._tokens,
            self._tokens * self._flops_per_token,
            self._busy_s,
            _waited_s(trainer) - self._waited_s,
            psutil.Process().memory_info().rss / _GIB,
            peak,
        )

    def _forget(self, trainer: Trainer) -> None:
        self._stimuli, self._tokens, self._busy_s = 0, 0, 0.0
        self._waited_s = _waited_s(trainer)


def flops_per_token(module: VLMModule, batch: dict[str, Any]) -> float:
    """Operations of a step per token that is read, forward and backward, as torch counts them.

    Neither gradients nor random streams know of it. What checkpointing of activations does twice is
    counted twice.
    """
    vlm = module.vlm
    before, devices = vlm.tokens, [vlm.device] if vlm.device.type == "cuda" else []
    trained = [each for each in module.parameters() if each.requires_grad]
    with torch.random.fork_rng(devices), FlopCounterMode(display=False) as counted:
        losses, weights = module.losses(batch, module.answer(batch)[1])
        torch.autograd.grad((losses * weights).sum(), trained, allow_unused=True)
    read, vlm.tokens = vlm.tokens - before, before
    return counted.get_total_flops() / read


def _stimuli(batch: dict[str, Any]) -> Tensor:
    """How many stimuli of a batch count, on its device: nobody waits for it."""
    stimuli = list(zip(batch["set"], batch["ids"], strict=True))
    counts = batch["weights"] > 0
    if len(set(stimuli)) < len(stimuli):  # several questions, or a short end that is filled up
        first = {each: row for row, each in reversed(list(enumerate(stimuli)))}
        counts = counts[list(first.values())]
    return counts.sum()


def _waited_s(trainer: Trainer) -> float:
    return float(trainer.train_dataloader.waited_s)  # type: ignore[union-attr]  # our `Collating`


def _is_within_fit(trainer: Trainer) -> bool:
    return trainer.state.fn == "fit" and not trainer.sanity_checking


def _available_flops(trainer: Trainer, vlm: VLM) -> float:
    """Operations per second of the device at best; `nan` if it is not a known one.

    Also where weights are sharded: no rank can go through the model on its own.
    """
    if isinstance(trainer.strategy, ModelParallelStrategy):
        return math.nan
    sizes: dict[torch.dtype, int] = {}
    for parameter in vlm.parameters():
        if parameter.is_floating_point():  # weights in 4 bits are computed with in the others' type
            sizes[parameter.dtype] = sizes.get(parameter.dtype, 0) + parameter.numel()
    mixed = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    dtype = mixed.get(str(trainer.precision), max(sizes, key=lambda each: sizes[each]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a device is unknown is no news for the user
        known = get_available_flops(trainer.strategy.root_device, dtype)
    return math.nan if known is None else float(known)

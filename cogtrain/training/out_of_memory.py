"""Out of memory: what did not fit, and what to lower so that it does."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cogtrain.complaint import RunError
from cogtrain.training.finite import listed

# What allocators say where torch has no type for it: of the CPU, of the driver, of cuBLAS.
_SAID = (
    "DefaultCPUAllocator: can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


class OutOfMemoryError(RunError):
    """A batch that does not fit; the message says which, and what to lower.

    Attributes:
        changes: Options that would make it fit, as good as any: key to value.
    """

    def __init__(self, message: str, changes: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.changes = dict(changes or {})


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` is about memory of a device or of the machine."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _SAID)


def before_any_batch(error: BaseException) -> OutOfMemoryError:
    """What to tell of an ``error`` outside of any batch: of the model, or of batches ahead."""
    return OutOfMemoryError(
        f"expected the model to fit into memory, got {_reason(error)} outside of any batch; train "
        "an adapter on a base in `model.dtype: bfloat16` or `model.quantization: nf4`, take a "
        "smaller model, or lower `data.batch_size`"
    )


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a model was working on.

    Attributes:
        what: In words, such as `step 3`.
        stimuli: Set and id of each item.
        lengths: Tokens of each row that was to be read.
        is_training: Whether gradients were made.
        batch_size: As the config has it, for training or judging.
        accumulate: Micro-batches per step.
        tokens_per_pass: As the config has it.
        recomputes: Whether activations are computed again for gradients.
        is_sharded: Whether ranks must make the same passes.
    """

    what: str
    stimuli: Sequence[tuple[str, str]]
    lengths: Sequence[int]
    is_training: bool
    batch_size: int
    accumulate: int = 1
    tokens_per_pass: int | None = None
    recomputes: bool = False
    is_sharded: bool = False

    def complaint(self, error: BaseException) -> OutOfMemoryError:
        """What to tell of ``error``.

        Example:
            >>> load = Load(what="step 3", stimuli=[("towers", "a"), ("towers", "b")],
            ...     lengths=[90, 80], is_training=True, batch_size=2, recomputes=True)
            >>> print(str(load.complaint(MemoryError())).partition(" (")[0])
            expected step 3 to fit into memory, got no room for more with 2 items
        """
        changes, ways = self._fewer_stimuli()
        *most, last = [*ways, *self._less_of_each(), "lower `size_px` of the sets"]
        advice = f"{', '.join(most)}, or {last}" if most else last
        longest = max(self.lengths, default=0)
        return OutOfMemoryError(
            f"expected {self.what} to fit into memory, got {_reason(error)} with "
            f"{len(self.stimuli)} items ({listed(self.stimuli)}), the longest of {longest} tokens; "
            f"{advice}",
            changes,
        )

    def _fewer_stimuli(self) -> tuple[dict[str, Any], list[str]]:
        if self.batch_size < 2:
            return {}, []
        half = self.batch_size // 2
        if not self.is_training:
            key = "data.eval_batch_size"
            return {key: half}, [f"lower `{key}` from {self.batch_size} to {half}"]
        windows = self.accumulate * -(-self.batch_size // half)
        return {"data.batch_size": half, "trainer.accumulate_grad_batches": windows}, [
            f"lower `data.batch_size` from {self.batch_size} to {half} and raise "
            f"`trainer.accumulate_grad_batches` from {self.accumulate} to {windows}"
        ]

    def _less_of_each(self) -> list[str]:
        ways = []
        if self.is_training and not self.recomputes:
            ways.append("set `model.gradient_checkpointing`")
        longest = max(self.lengths, default=0)
        read = min(longest * len(self.lengths), self.tokens_per_pass or math.inf)
        if not self.is_sharded and read > longest:  # a row is read whole
            ways.append(f"set `model.tokens_per_pass` to {max(longest, int(read) // 2)}")
        return ways


def _reason(error: BaseException) -> str:
    """How much was asked for, and of what, as far as the allocator said so."""
    said = str(error)
    asked = re.search(r"ried to allocate (?P<size>[\d.]+ \w+)", said)
    device = re.search(r"GPU (?P<number>\d+) has a total capacity of (?P<size>[\d.]+ \w+)", said)
    room = f"no room for {asked['size']} more" if asked else "no room for more"
    return f"{room} on GPU {device['number']} of {device['size']}" if device else room

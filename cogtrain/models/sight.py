"""Which token sees which: what came before it, and in some families all of its own image."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cogtrain.models.menu import Path


def branched(length: int, branches: tuple[Path, ...]) -> Tensor:
    """``(L, L)`` bool of a prompt of ``length`` and beginnings of answers laid behind it.

    The prompt sees what came before; a branch the prompt, its own beginnings, and itself.
    """
    total = length + len(branches)
    sight = torch.ones(total, total, dtype=torch.bool).tril()
    for row, path in enumerate(branches):
        for column, other in enumerate(branches):
            sight[length + row, length + column] = path[: len(other)] == other
    return sight


def side_by_side(shared: int, sights: Sequence[Tensor]) -> Tensor:
    """``(L, L)`` bool of sequences that begin alike, laid one behind the other.

    Args:
        shared: How many tokens they have in common; these come once.
        sights: ``(L, L)`` of each alone, the common beginning included.
    """
    ends = [each[shared:] for each in sights]
    begun = torch.cat([sights[0][:shared, :shared], *(end[:, :shared] for end in ends)])
    own = torch.block_diag(sights[0].new_zeros(shared, 0), *(end[:, shared:] for end in ends))
    return torch.cat([begun, own], dim=1)


def for_attention(mask: Tensor, attention: str, dtype: torch.dtype) -> Tensor:
    """``mask``, bool, as an ``attention`` of `transformers` takes it.

    Raises:
        ValueError: If it takes none.
    """
    if attention == "sdpa":
        return mask
    if attention == "eager":
        lowest = torch.finfo(dtype).min
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, lowest)
    raise ValueError(
        "expected attention `sdpa` or `eager` where tokens see others than those before them, "
        f"got `{attention}`; load the model with `attn_implementation='sdpa'`"
    )


def within_images(config: Any, input_ids: Tensor) -> Tensor:
    """``(L, L)`` bool: tokens ``(L,)`` of one image see each other, also those behind them."""
    is_image = input_ids == config.image_token_id
    begins = is_image & ~torch.nn.functional.pad(is_image[:-1], (1, 0))
    image = torch.where(is_image, begins.cumsum(0), -torch.arange(len(input_ids)) - 1)
    return image[:, None] == image


def by_layer(config: Any, mask: Tensor, position_ids: Tensor) -> dict[str, Tensor]:
    """Masks of layers that see everything and of those that see a window of ``sliding_window``.

    Args:
        config: Of the model.
        mask: ``(N, 1, L, L)`` bool, who sees whom.
        position_ids: ``(1, N, L)``; distances count from these, as branches lie side by side.
    """
    positions = position_ids[0]
    distance = positions[:, None, :, None] - positions[:, None, None, :]
    near = distance < config.get_text_config().sliding_window
    return {"full_attention": mask, "sliding_attention": mask & near}

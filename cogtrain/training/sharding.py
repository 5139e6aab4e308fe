"""Sharding by FSDP2: every transformer block is a unit of its own, and the rest is one more."""

from typing import Any

from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.utils import _pytree

from cogtrain.models.answers import OptionScores
from cogtrain.models.vlm import VLM


def shard(vlm: VLM, mesh: DeviceMesh) -> None:
    """Spreads parameters, gradients and optimizer state of ``vlm`` over the ranks of ``mesh``.

    Parameters that a model uses twice, such as tied embeddings, are in the unit of the whole, which
    is the call of ``vlm`` itself.
    """
    _know_scores()
    blocks: Any = vlm.model._no_split_modules
    for module in vlm.model.modules():
        if type(module).__name__ in blocks:
            fully_shard(module, mesh=mesh)
    fully_shard(vlm, mesh=mesh)
    vlm.is_sharded = True


def _know_scores() -> None:
    """Lets torch find the tensors in what ``vlm`` returns, to follow them back."""
    if OptionScores not in _pytree.SUPPORTED_NODES:
        _pytree.register_pytree_node(
            OptionScores,
            lambda scores: ([scores.log_mass], scores.options),
            lambda values, options: OptionScores(options, next(iter(values))),
            serialized_type_name="cogtrain.OptionScores",
        )

"""What the layers of a model do to fit into memory, and to run faster."""

from typing import Any

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer


def recompute(model: Any) -> None:
    """Keeps only the inputs of layers that are trained through, and computes the rest once more.

    Gradients are the same bit for bit, dropout included.

    Args:
        model: Of `transformers`, adapters attached.
    """
    # Called otherwise until `transformers` 5.2x.
    name = "activation_checkpointing_enable"
    if not hasattr(model, name):
        name = "gradient_checkpointing_enable"
    getattr(model, name)({"use_reentrant": False})
    # It lets embeddings, those of patches too, ask for gradients, which reentrant checkpoints need:
    # a frozen tower would then keep everything that it computes, and be gone through backward.
    if hasattr(model, "_require_grads_hook"):
        model.disable_input_require_grads()


def compile_layers(model: nn.Module) -> None:
    """Lets `torch.compile` make kernels of each kind of layer, for any number of tokens.

    Layer by layer: what is alike is compiled once, and what cannot be (placing images among words)
    stays as it is. The last bits of results may differ.

    Args:
        model: Of `transformers`, adapters attached.
    """
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.compile(dynamic=True)

"""The language model over rows of tokens and the features of their images."""

from typing import Any

from torch import Tensor

from cogtrain.models.families import Family
from cogtrain.models.image_features import ImageFeatures
from cogtrain.models.sequences import Sequences
from cogtrain.models.sight import for_attention


def states_of(
    model: Any, family: Family, sequences: Sequences, features: ImageFeatures | None
) -> Tensor:
    """``(R, L, hidden)`` states of all tokens, before the output layer.

    Args:
        model: Of `transformers`.
        family: Its record.
        sequences: What is read.
        features: Of the image of each row that has one, in the order of the rows.

    Raises:
        ValueError: If the model's attention cannot see what the sequences ask for.
    """
    positions = sequences.position_ids
    return model.model(
        input_ids=sequences.input_ids,
        attention_mask=_masks(model, family, sequences),
        position_ids=positions if len(positions) > 1 else positions[0],
        use_cache=False,
        mm_encoder_outputs=None if features is None else features.inputs(family),
    ).last_hidden_state


def _masks(model: Any, family: Family, sequences: Sequences) -> Tensor | dict[str, Tensor] | None:
    """Who sees whom, as the language model takes it."""
    mask = sequences.attention_mask
    if mask is None or mask.ndim == 2:
        return mask
    attention = model.config.get_text_config()._attn_implementation
    if family.masks is None:
        return for_attention(mask, attention, model.dtype)
    masks = family.masks(model.config, mask, sequences.position_ids)
    return {name: for_attention(each, attention, model.dtype) for name, each in masks.items()}

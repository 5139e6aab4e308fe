"""What differs between families of vision-language models: one record each.

A new family is one more record here; nothing else in the package asks for a model type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cogtrain.models import kernels, placeholders, sight
from cogtrain.models.placeholders import Placeholders, Shape

Component = Literal["vision", "merger", "language"]
COMPONENTS: tuple[Component, ...] = ("vision", "merger", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family: where its components are, how images enter its sequences.

    Attributes:
        model_type: The name in ``config.json``.
        modules: Component to the paths of the modules and parameters that make it up, in the
            `transformers` model. Together they hold every parameter, and no parameter twice.
        visual: Path of the vision tower.
        images: How an image becomes placeholder tokens, and which arrays say so.
        position_ids: ``(core, input ids (1, L), shape of the image) -> (axes, 1, L)``; the shape
            is ``None`` without an image.
        is_stacked: Whether the model takes the vectors of all images as one tensor, not as a list.
        sight: ``(config, input ids (L,)) -> (L, L)`` bool, who sees whom beyond what came before;
            by default nobody.
        masks: ``(config, mask (N, 1, L, L), position ids) -> what the model takes as its mask``.
        speed_up: Given the vision tower, swaps slow computations for equal faster ones.
    """

    model_type: str
    modules: Mapping[Component, tuple[str, ...]]
    visual: str
    images: Placeholders
    position_ids: Callable[[Any, Tensor, Shape | None], Tensor]
    is_stacked: bool = False
    sight: Callable[[Any, Tensor], Tensor] | None = None
    masks: Callable[[Any, Tensor, Tensor], dict[str, Tensor]] | None = None
    speed_up: Callable[[nn.Module], None] | None = None

    def __reduce__(self) -> tuple[Callable[[str], "Family"], tuple[str]]:
        # Copied and sent between processes by name: a record is one of a kind.
        return family, (self.model_type,)

    def component(self, name: str) -> Component | None:
        """Component that a module or parameter of this full ``name`` belongs to, if to one."""
        for component, paths in self.modules.items():
            if any(name == path or name.startswith(path + ".") for path in paths):
                return component
        return None


def _multimodal_rope(core: Any, input_ids: Tensor, grid: Shape | None) -> Tensor:
    """Positions in time, height and width ``(3, 1, L)``: patches of images, tokens of text."""
    is_image = input_ids == core.config.image_token_id
    positions, _ = core.get_rope_index(
        input_ids,
        mm_token_type_ids=is_image.to(torch.int32),
        image_grid_thw=None if grid is None else torch.tensor([grid]),
    )
    return positions


def _in_order(_core: Any, input_ids: Tensor, _shape: Shape | None) -> Tensor:
    """Positions ``(1, 1, L)``: one after the other, whatever the token stands for."""
    return torch.arange(input_ids.shape[1])[None, None]


def _components(**paths: tuple[str, ...]) -> Mapping[Component, tuple[str, ...]]:
    return MappingProxyType({component: paths[component] for component in COMPONENTS})


def _qwen(model_type: str, *, vision: tuple[str, ...] = (), merger: tuple[str, ...] = ()) -> Family:
    """Patches of one tower whose last part merges them; ``vision`` and ``merger`` name more."""
    return Family(
        model_type=model_type,
        modules=_components(
            vision=("model.visual.patch_embed", "model.visual.blocks", *vision),
            merger=("model.visual.merger", *merger),
            language=("model.language_model", "lm_head"),
        ),
        visual="model.visual",
        images=placeholders.PATCH_GRID,
        position_ids=_multimodal_rope,
        speed_up=kernels.install,
    )


def _idefics(model_type: str) -> Family:
    return Family(
        model_type=model_type,
        modules=_components(
            vision=("model.vision_model",),
            merger=("model.connector",),
            language=("model.text_model", "lm_head"),
        ),
        visual="model.vision_model",
        images=placeholders.NAMED_TILES,
        position_ids=_in_order,
    )


def _projecting(
    model_type: str, images: Placeholders, *, merger: tuple[str, ...] = (), **rules: Any
) -> Family:
    """A tower, a projector and a language model side by side, as LLaVA began it."""
    return Family(
        model_type=model_type,
        modules=_components(
            vision=("model.vision_tower",),
            merger=("model.multi_modal_projector", *merger),
            language=("model.language_model", "lm_head"),
        ),
        visual="model.vision_tower",
        images=images,
        position_ids=_in_order,
        **rules,
    )


_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.model_type: family
        for family in (
            _qwen("qwen2_vl"),
            _qwen("qwen2_5_vl"),
            # Its deepstack: features of some blocks, merged by modules of their own.
            _qwen(
                "qwen3_vl",
                vision=("model.visual.pos_embed",),
                merger=("model.visual.deepstack_merger_list",),
            ),
            _idefics("idefics3"),
            _idefics("smolvlm"),
            _projecting("llava", placeholders.PICTURE),
            _projecting(
                "llava_onevision", placeholders.ANY_RESOLUTION, merger=("model.image_newline",)
            ),
            _projecting("internvl", placeholders.COUNTED_TILES, is_stacked=True),
            _projecting(
                "gemma3",
                placeholders.FRAMED_PICTURE,
                is_stacked=True,
                sight=sight.within_images,
                masks=sight.by_layer,
            ),
        )
    }
)


def family(model_type: str) -> Family:
    """Record of the family that ``config.json`` calls ``model_type``.

    Raises:
        ValueError: For any other; the message lists those that are supported.

    >>> family("qwen2_vl").images.token
    '<|image_pad|>'
    """
    if model_type not in _FAMILIES:
        raise ValueError(
            f"expected a checkpoint of a supported family ({', '.join(_FAMILIES)}), "
            f"got model_type `{model_type}`; add its record to `cogtrain/models/families.py`"
        )
    return _FAMILIES[model_type]

"""What differs between families of vision-language models: one record each.

A new family is one more record here; nothing else in the package asks for a model type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cogtrain.models import kernels

Component = Literal["vision", "merger", "language"]
COMPONENTS: tuple[Component, ...] = ("vision", "merger", "language")


@dataclass(frozen=True, slots=True)
class Family:
    """One family: where its components are, how images enter its sequences.

    Attributes:
        model_type: The name in ``config.json``.
        modules: Component to the paths of the modules that make it up, in the `transformers` model.
            Together they hold every parameter, and no parameter twice.
        visual: Path of the vision tower.
        image_token: Placeholder in the chat template; the sequence has one per merged patch.
        merge_size: From the model's config to the number of patches that are merged per side.
        position_ids: ``(core, input ids (1, L), grid (1, 3)) -> (axes, 1, L)``.
        speed_up: Given the vision tower, swaps slow computations for equal faster ones.
    """

    model_type: str
    modules: Mapping[Component, tuple[str, ...]]
    visual: str
    image_token: str
    merge_size: Callable[[Any], int]
    position_ids: Callable[[Any, Tensor, Tensor], Tensor]
    speed_up: Callable[[nn.Module], None]

    def __reduce__(self) -> tuple[Callable[[str], "Family"], tuple[str]]:
        # Copied and sent between processes by name: a record is one of a kind.
        return family, (self.model_type,)

    def component(self, name: str) -> Component | None:
        """Component that a module or parameter of this full ``name`` belongs to, if to one."""
        for component, paths in self.modules.items():
            if any(name == path or name.startswith(path + ".") for path in paths):
                return component
        return None


def _multimodal_rope(core: Any, input_ids: Tensor, grid_thw: Tensor) -> Tensor:
    """Positions in time, height and width ``(3, 1, L)``: patches of images, tokens of text."""
    is_image = input_ids == core.config.image_token_id
    positions, _ = core.get_rope_index(
        input_ids, mm_token_type_ids=is_image.to(torch.int32), image_grid_thw=grid_thw
    )
    return positions


_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.model_type: family
        for family in (
            Family(
                model_type="qwen2_vl",
                modules=MappingProxyType(
                    {
                        "vision": ("model.visual.patch_embed", "model.visual.blocks"),
                        "merger": ("model.visual.merger",),
                        "language": ("model.language_model", "lm_head"),
                    }
                ),
                visual="model.visual",
                image_token="<|image_pad|>",
                merge_size=lambda config: config.vision_config.spatial_merge_size,
                position_ids=_multimodal_rope,
                speed_up=kernels.install,
            ),
        )
    }
)


def family(model_type: str) -> Family:
    """Record of the family that ``config.json`` calls ``model_type``.

    Raises:
        ValueError: For any other; the message lists those that are supported.

    >>> family("qwen2_vl").image_token
    '<|image_pad|>'
    """
    if model_type not in _FAMILIES:
        raise ValueError(
            f"expected a checkpoint of a supported family ({', '.join(_FAMILIES)}), "
            f"got model_type `{model_type}`; add its record to `cogtrain/models/families.py`"
        )
    return _FAMILIES[model_type]

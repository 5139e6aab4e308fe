"""Which attention each part of a model really computes with, read from the loaded layers.

What was asked for is not always what there is: `transformers` falls back where a tower does not
know an implementation, and a vision tower may have a faster one (`cogtrain.models.kernels`).
"""

from typing import Any

from cogtrain.models.families import COMPONENTS, Family
from cogtrain.models.kernels import SEGMENTS

_CALLED = {SEGMENTS: "sdpa by segments"}


def implementations(model: Any, family: Family) -> dict[str, str]:
    """Names of `transformers` by component; one without attention is left out.

    Args:
        model: Of `transformers`.
        family: Its record.
    """
    found: dict[str, dict[str, None]] = {}
    for name, module in model.named_modules():
        used: str | None = getattr(getattr(module, "config", None), "_attn_implementation", None)
        component = family.component(name)
        if used and component is not None and type(module).__name__.endswith("Attention"):
            found.setdefault(component, {})[_CALLED.get(used, used)] = None
    return {each: " and ".join(found[each]) for each in COMPONENTS if each in found}

"""Parameters of a tuned model: the table of what is trained, and the groups an optimizer gets."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import nn

from cogtrain.models.families import COMPONENTS, Family
from cogtrain.models.lora import Tune, base_name, is_adapter


def table(model: nn.Module, family: Family, tune: Tune) -> str:
    """Every module that is trained, by component, with counts of parameters; one line per kind.

    Layers that differ only in their number share a line (``layers.*``). Frozen components have a
    line of their own, so that nothing goes without saying.
    """
    trained, total = Counter[tuple[str, str]](), Counter[str]()
    layers = _layers(model, family)
    for name, parameter in model.named_parameters():
        component = _component(family, name)
        total[component] += 0 if is_adapter(name) else _count(parameter)
        if parameter.requires_grad:
            trained[component, _kind(_owner(name, family))] += parameter.numel()
    rows = [("component", "tune", "module", "layers", "trained", "of")]
    for component in COMPONENTS:
        mode = getattr(tune, component)
        kinds = [kind for owner, kind in trained if owner == component]
        count, whole = _sum(trained, component), total[component]
        rows.append((component, mode, "", "", f"{count:,}", f"{whole:,}"))
        rows += [("", "", k, str(layers[k]), f"{trained[component, k]:,}", "") for k in kinds]
    rows.append(("all", "", "", "", f"{sum(trained.values()):,}", f"{sum(total.values()):,}"))
    return _format(rows)


def groups(
    model: nn.Module,
    family: Family,
    *,
    lr: float,
    weight_decay: float = 0.0,
    lr_multipliers: Mapping[str, float] | None = None,
    loraplus_lr_ratio: float = 1.0,
) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer, by component; only what is trained.

    Vectors (biases, norms) and embeddings are not decayed: decay would pull them towards values
    that mean something.

    Args:
        model: A model after `lora.attach`.
        family: Its family.
        lr: Learning rate of a component without a multiplier.
        weight_decay: Of the matrices.
        lr_multipliers: Component to a factor of ``lr``.
        loraplus_lr_ratio: Learning rate of an adapter's second matrix as a multiple of that of its
            first: LoRA+ (Hayou et al., 2024, arXiv:2402.12354), which recommends 16; 1 is LoRA.

    Returns:
        Groups with ``name`` (such as ``merger``, ``merger/no_decay`` and ``merger/lora_B``),
        ``params``, ``lr`` and ``weight_decay``, in the order of `COMPONENTS`; empty ones are left
        out.

    Raises:
        ValueError: If a multiplier names no component, or the ratio is below 1.
    """
    multipliers = dict(lr_multipliers or {})
    if unknown := sorted(multipliers.keys() - set(COMPONENTS)):
        raise ValueError(
            f"expected `lr_multipliers` of {', '.join(COMPONENTS)}, got `{unknown[0]}`; "
            "name a component"
        )
    if not loraplus_lr_ratio >= 1:
        raise ValueError(
            f"expected `loraplus_lr_ratio` to be at least 1, got {loraplus_lr_ratio}; "
            "1 is LoRA, 16 is usual for LoRA+"
        )
    members: dict[tuple[str, str], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = _component(family, name), _role(name, parameter, loraplus_lr_ratio)
            members.setdefault(key, []).append(parameter)
    ratios = {"/lora_B": loraplus_lr_ratio}
    return [
        {
            "name": component + role,
            "params": members[component, role],
            "lr": lr * multipliers.get(component, 1.0) * ratios.get(role, 1.0),
            "weight_decay": 0.0 if role == "/no_decay" else weight_decay,
        }
        for component in COMPONENTS
        for role in _ROLES
        if (component, role) in members
    ]


_ROLES = ("", "/no_decay", "/lora_B")


def _role(name: str, parameter: nn.Parameter, loraplus_lr_ratio: float) -> str:
    if parameter.ndim < 2 or "embed_tokens" in name:
        return "/no_decay"
    return "/lora_B" if loraplus_lr_ratio > 1 and ".lora_B." in name else ""


def _count(parameter: nn.Parameter) -> int:
    """Numbers that ``parameter`` stands for: of 4-bit weights two lie in each byte."""
    state: Any = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else state.shape.numel()


def _component(family: Family, name: str) -> str:
    return str(family.component(base_name(name)))


def _owner(name: str, family: Family) -> str:
    """Module of a parameter, adapter parts taken out; a parameter that stands alone is its own."""
    if any(name in paths for paths in family.modules.values()):
        return name
    return re.sub(r"\.lora_.*$", "", base_name(name).rsplit(".", 1)[0])


def _kind(module: str) -> str:
    """Name of a module with its layer numbers taken out."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", module)


def _layers(model: nn.Module, family: Family) -> Counter[str]:
    """Kind to the number of modules of that kind which own trained parameters."""
    named = model.named_parameters()
    return Counter(
        _kind(owner) for owner in {_owner(name, family) for name, p in named if p.requires_grad}
    )


def _sum(trained: Counter[tuple[str, str]], component: str) -> int:
    return sum(count for (owner, _), count in trained.items() if owner == component)


def _format(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join(left + right).rstrip())
    return "\n".join(lines)

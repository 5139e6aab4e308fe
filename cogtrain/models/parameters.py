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
    trained, total, layers = Counter[tuple[str, str]](), Counter[str](), _layers(model)
    for name, parameter in model.named_parameters():
        component = _component(family, name)
        total[component] += 0 if is_adapter(name) else parameter.numel()
        if parameter.requires_grad:
            trained[component, _kind(name)] += parameter.numel()
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

    Returns:
        Groups with ``name`` (such as ``merger`` and ``merger/no_decay``), ``params``, ``lr`` and
        ``weight_decay``, in the order of `COMPONENTS`; empty ones are left out.

    Raises:
        ValueError: If a multiplier names no component.
    """
    multipliers = dict(lr_multipliers or {})
    if unknown := sorted(multipliers.keys() - set(COMPONENTS)):
        raise ValueError(
            f"expected `lr_multipliers` of {', '.join(COMPONENTS)}, got `{unknown[0]}`; "
            "name a component"
        )
    members: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = _component(family, name), _decays(name, parameter)
            members.setdefault(key, []).append(parameter)
    return [
        {
            "name": component if decays else f"{component}/no_decay",
            "params": members[component, decays],
            "lr": lr * multipliers.get(component, 1.0),
            "weight_decay": weight_decay if decays else 0.0,
        }
        for component in COMPONENTS
        for decays in (True, False)
        if (component, decays) in members
    ]


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and "embed_tokens" not in name


def _component(family: Family, name: str) -> str:
    return str(family.component(base_name(name)))


def _kind(name: str) -> str:
    """Module of a parameter, with layer numbers and adapter parts taken out."""
    module = base_name(name).rsplit(".", 1)[0]
    module = re.sub(r"\.lora_.*$", "", module)
    return re.sub(r"\.\d+(?=\.|$)", ".*", module)


def _layers(model: nn.Module) -> Counter[str]:
    """Kind to the number of modules of that kind which own trained parameters."""
    owners = {
        re.sub(r"\.lora_.*$", "", base_name(name).rsplit(".", 1)[0])
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    return Counter(_kind(owner + ".weight") for owner in owners)


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

"""The adapter on disk: a PEFT folder that PEFT itself loads, complete on its own.

Components that are trained whole travel in the same file as PEFT's ``modules_to_save``, so the
folder and the untouched base give the very logits of the model that was trained.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import peft
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from cogtrain.models.families import Family
from cogtrain.models.lora import Tuning, base_name, is_adapter

WEIGHTS = "adapter_model.safetensors"
# PEFT's wrapper puts this in front of every name of the model inside it.
_PREFIX = "base_model.model."


def save(
    model: nn.Module, family: Family, tuning: Tuning, folder: Path, *, base: str, fingerprint: str
) -> None:
    """Writes ``adapter_config.json`` and ``adapter_model.safetensors`` into ``folder``.

    Args:
        model: A model after `lora.attach`.
        family: Its family.
        tuning: What it was attached with.
        folder: Made if it is missing.
        base: Name of the base checkpoint, noted for PEFT.
        fingerprint: Of the base checkpoint, noted in the weights and checked on load.

    Raises:
        ValueError: If no component is trained by ``lora``: there is no adapter to write.
    """
    config = _config(model, family, tuning)
    config.base_model_name_or_path = base
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous().clone() for name, tensor in _state(model).items()}
    aside = folder / (WEIGHTS + ".part")
    save_file(state, aside, metadata={"format": "pt", "base_fingerprint": fingerprint})
    aside.replace(folder / WEIGHTS)
    config.save_pretrained(str(folder))


def load(model: nn.Module, folder: Path, *, fingerprint: str) -> dict[str, Tensor]:
    """Puts a saved adapter into ``model``, which must be tuned as the saved one was.

    Returns:
        What was there before, for `put`.

    Raises:
        FileNotFoundError: Without ``adapter_model.safetensors``.
        ValueError: If the file is damaged, belongs to another base, or differs in names or shapes:
            nothing is ever loaded in part.
    """
    state, base = _read(folder)
    if base is not None and base != fingerprint:
        raise ValueError(
            f"expected an adapter of the base checkpoint {fingerprint}, got one of {base} in "
            f"`{folder}`; load it into the model it was trained on"
        )
    own = _state(model)
    reject_other_tensors(own, state, where=f"`{folder}`")
    before = {name: value.clone() for name, value in own.items()}
    put(model, state)
    return before


def put(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copies tensors by PEFT's names into the trained ones of ``model``."""
    own = _state(model)
    for name, value in state.items():
        own[name].copy_(value)


def reject_other_tensors(
    own: Mapping[str, Tensor], got: Mapping[str, Tensor], *, where: str
) -> None:
    """Refuses saved tensors that are not those which a model trains, name by name.

    Args:
        own: The model's.
        got: The saved ones.
        where: What they were read from.

    Raises:
        ValueError: Naming the first tensor that is missing, too many, of another shape, or called
            otherwise.
    """
    if renamed := _renamed(own, got):
        raise ValueError(
            f"expected trained tensors by this model's names, such as `{renamed[0]}`, got "
            f"`{renamed[1]}` in {where}: modules were renamed since; use the `transformers` that "
            "they were saved with, or rename them in the file"
        )
    if differing := sorted(own.keys() ^ got.keys()):
        side = "the model" if differing[0] in own else where
        raise ValueError(
            f"expected the {len(own)} trained tensors of this model, got {len(got)} in {where} "
            f"(`{differing[0]}` is only in {side}); set `model.tuning` as it was when they were "
            "saved"
        )
    for name, value in own.items():
        if value.shape != got[name].shape:
            raise ValueError(
                f"expected `{name}` of shape {tuple(value.shape)}, got {tuple(got[name].shape)} in "
                f"{where}; set `model.tuning` (its `r`) as it was when they were saved"
            )


def _renamed(own: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """A tensor by both of its names, if all that differs are beginnings of names."""
    absent, strange = sorted(own.keys() - got.keys()), sorted(got.keys() - own.keys())
    if not absent or sorted(map(_end, absent)) != sorted(map(_end, strange)):
        return None
    return absent[0], next(name for name in strange if _end(name) == _end(absent[0]))


def _end(name: str) -> str:
    """From the number of a layer on, or the module that a tensor is of: what renaming leaves."""
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[numbers[0] if numbers else -3 :])


def merge(model: nn.Module) -> None:
    """Adds the adapter into the base weights, in place: the same answers at the base's speed.

    The sum is taken in float32 and rounded once to the type of the base.

    Raises:
        ValueError: If the base is quantised, or a merged weight is not finite; nothing after that
            layer is merged.
    """
    for layer in _layers(model):
        base: Any = layer.get_base_layer()
        dtype = base.weight.dtype
        if not dtype.is_floating_point:
            raise ValueError(
                f"expected an unquantised base to merge into, got weights of {dtype}; "
                "load the base without `quantization`"
            )
        base.float()
        layer.merge(safe_merge=True)
        base.to(dtype)


def unmerge(model: nn.Module) -> None:
    """Takes the adapter out of the base weights again, as exactly as floating point allows."""
    for layer in _layers(model):
        layer.unmerge()


def fold(model: nn.Module) -> None:
    """Merges the adapter and takes its layers out: what is left is a model of `transformers`.

    Raises:
        ValueError: As `merge`.
    """
    merge(model)
    for name, layer in [*model.named_modules()]:
        if isinstance(layer, BaseTunerLayer):
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, layer.get_base_layer())
    if isinstance(model, PreTrainedModel):
        # PEFT leaves its configuration there, which `save_pretrained` would take for an adapter.
        model.__dict__.pop("peft_config", None)
        model._hf_peft_config_loaded = False
    model.requires_grad_(False)


def _layers(model: nn.Module) -> Iterator[BaseTunerLayer]:
    return (module for module in model.modules() if isinstance(module, BaseTunerLayer))


def _state(model: Any) -> dict[str, Tensor]:
    """What the file holds, under PEFT's names; the tensors are the model's own, detached.

    A weight that two layers share is there under both names, as PEFT keeps one copy for each.
    """
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter.requires_grad:
            key = name.replace(".default", "") if is_adapter(name) else base_name(name)
            # The magnitude of a weight-decomposed adapter: a module inside, a tensor on disk.
            key = key.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")
            state[_PREFIX + key] = parameter.detach()
    return state


def _config(model: Any, family: Family, tuning: Tuning) -> peft.LoraConfig:
    if not tuning.tune.components("lora"):
        raise ValueError(
            "expected a component trained by `lora`, got none; write the whole model with "
            "`save_pretrained` instead"
        )
    config: peft.LoraConfig = model.peft_config["default"]
    whole = [
        name
        for component in tuning.tune.components("full")
        for path in family.modules[component]
        for name in _wrappable(model.get_submodule(path), path)
    ]
    return dataclasses.replace(config, modules_to_save=whole or None)


def _wrappable(module: nn.Module, path: str) -> list[str]:
    """Modules at or below ``path`` that PEFT can replace by a copy: no lists, no whole models."""
    if not any(True for _ in module.parameters()):
        return []
    if isinstance(module, nn.ModuleList | PreTrainedModel):
        children = module.named_children()
        return [name for key, child in children for name in _wrappable(child, f"{path}.{key}")]
    return [path]


def _read(folder: Path) -> tuple[dict[str, Tensor], str | None]:
    file = folder / WEIGHTS
    if not file.is_file():
        raise FileNotFoundError(
            f"expected `{WEIGHTS}` in the adapter folder, got `{folder}` without it; "
            "give the folder `adapter` of a run"
        )
    try:
        with safe_open(file, framework="pt") as stream:
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - no dict
            return state, (stream.metadata() or {}).get("base_fingerprint")
    except SafetensorError as error:
        raise ValueError(
            f"expected a whole safetensors file, got `{file}` ({error}); write the adapter again"
        ) from error

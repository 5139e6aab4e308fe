"""What of a model is trained: nothing, all, or a low-rank adapter, for each component.

Components, not patterns: names such as ``gate_proj`` occur in several towers, so a pattern acts
only inside the components that ask for ``lora``, and one that reaches elsewhere is an error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import peft
from peft.tuners.tuners_utils import cast_adapter_dtype
from torch import nn

from cogtrain.models.checkpoint import EMBEDDED
from cogtrain.models.families import COMPONENTS, Component, Family

Mode = Literal["frozen", "lora", "full"]
ALL_LINEAR = "all-linear"


@dataclass(frozen=True)  # no slots: the command line reads defaults from `vars`
class Tune:
    """How each component is trained: ``frozen``, ``lora`` or ``full``.

    Defaults are those of most studies of large models: an adapter on the language model alone.

    Raises:
        ValueError: For any other word.
    """

    vision: Mode = "frozen"
    merger: Mode = "frozen"
    language: Mode = "lora"

    def __post_init__(self) -> None:
        for component in COMPONENTS:
            mode = getattr(self, component)
            if mode not in get_args(Mode):
                raise ValueError(
                    f"expected `tune.{component}` to be one of {', '.join(get_args(Mode))}, got "
                    f"`{mode}`; correct the configuration"
                )

    def components(self, mode: Mode) -> tuple[Component, ...]:
        """Components that are trained by ``mode``."""
        return tuple(component for component in COMPONENTS if getattr(self, component) == mode)


@dataclass(frozen=True)  # no slots: the command line reads defaults from `vars`
class Tuning:
    """What is trained, as configured; the adapter's options have PEFT's names.

    Attributes:
        tune: Mode of each component.
        r: Rank of the adapter.
        lora_alpha: Scale of the adapter; its output is multiplied by ``lora_alpha / r``.
        lora_dropout: Probability of dropping an input of the adapter.
        target_modules: ``"all-linear"``, or names of linear layers (``q_proj``) or tails of their
            paths (``layers.0.self_attn.q_proj``).
        use_dora: Weight-decomposed adapter (magnitude and direction apart).
        use_rslora: Scale by ``lora_alpha / sqrt(r)`` instead.

    Raises:
        ValueError: For a rank below 1, a scale not above 0, or a dropout outside [0, 1).
    """

    tune: Tune = field(default_factory=Tune)
    r: int = 16
    lora_alpha: float = 32
    lora_dropout: float = 0.0
    target_modules: str | list[str] = ALL_LINEAR
    use_dora: bool = False
    use_rslora: bool = False

    def __post_init__(self) -> None:
        if self.r < 1:
            raise ValueError(f"expected `r` to be at least 1, got {self.r}; 8 to 64 is usual")
        if not self.lora_alpha > 0:
            raise ValueError(
                f"expected `lora_alpha` to be above 0, got {self.lora_alpha}; twice `r` is usual"
            )
        if not 0 <= self.lora_dropout < 1:
            raise ValueError(
                f"expected `lora_dropout` in [0, 1), got {self.lora_dropout}; 0 to 0.1 is usual"
            )

    @staticmethod
    def frozen() -> "Tuning":
        """Nothing: a model that is only judged."""
        return Tuning(tune=Tune(vision="frozen", merger="frozen", language="frozen"))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Tuning":
        """What `dataclasses.asdict` made of a tuning, or a config says of one."""
        return cls(**{**record, "tune": Tune(**record["tune"])})

    @staticmethod
    def of(pretrained: str) -> "Tuning":
        """What `fit` trains unless told otherwise.

        An adapter on the language model; on every component of the embedded default, whose few
        features of its own do not tell where blocks lie to the pixel.
        """
        everywhere = Tune(vision="lora", merger="lora", language="lora")
        return Tuning(tune=everywhere) if pretrained == EMBEDDED else Tuning()

    @staticmethod
    def full() -> "Tuning":
        """Every weight of every component: what a model that begins at random needs."""
        return Tuning(tune=Tune(vision="full", merger="full", language="full"))


def check_trainable(tuning: Tuning, quantization: str | None) -> None:
    """Refuses what no optimizer can do, before any weight is read.

    Raises:
        ValueError: If quantised weights would have to move.
    """
    if quantization is not None and tuning.tune.language == "full":
        raise ValueError(
            f"expected `tune.language` to be frozen or lora on a base in {quantization}, got full; "
            "rounded weights cannot move"
        )


def attach(model: nn.Module, family: Family, tuning: Tuning) -> None:
    """Prepares ``model`` in place: adapters where asked for, gradients only for what is trained.

    Adapter weights are float32 whatever the type of the base: small updates are not rounded off.

    Raises:
        ValueError: If a pattern matches nothing, or leaves the components trained by ``lora``; if a
            component has no linear layer to adapt, or what is trained whole beside an adapter
            could not be saved with it.
    """
    _check_savable(model, family, tuning)
    targets = target_names(model, family, tuning)
    if targets:
        peft.inject_adapter_in_model(_peft_config(tuning, targets), model)
        cast_adapter_dtype(model, "default")
        _check_reached(model, targets)
    for name, parameter in model.named_parameters():
        mode = getattr(tuning.tune, _component(family, name))
        parameter.requires_grad_(mode == "full" or (mode == "lora" and is_adapter(name)))


def target_names(model: nn.Module, family: Family, tuning: Tuning) -> list[str]:
    """Full names of the linear layers that get an adapter, in the model's order.

    Raises:
        ValueError: As `attach`.
    """
    components = tuning.tune.components("lora")
    if not components:
        return []
    linear = list(_linear_names(model))
    if tuning.target_modules == ALL_LINEAR:
        # The output layer often shares its weight with the input embedding; PEFT leaves it out.
        every = [n for n in linear if n != "lm_head" and family.component(n) in components]
        if bare := set(components) - {family.component(name) for name in every}:
            raise ValueError(
                f"expected a linear layer in each component trained by `lora`, got none in "
                f"{', '.join(sorted(map(str, bare)))} of {family.model_type}; set its `tune` to "
                "`frozen` or `full`"
            )
        return every
    if isinstance(tuning.target_modules, str):
        raise ValueError(
            f"expected `target_modules` to be `{ALL_LINEAR}` or a list of names, got "
            f"`{tuning.target_modules}`; write it as a list"
        )
    chosen = {
        name
        for pattern in tuning.target_modules
        for name in _scoped(pattern, linear, family, components)
    }
    return [name for name in linear if name in chosen]


def _check_savable(model: nn.Module, family: Family, tuning: Tuning) -> None:
    """An adapter on disk holds whole modules, not a parameter that stands by itself."""
    if not tuning.tune.components("lora"):
        return
    alone = {name for name, _ in model.named_parameters() if name in _paths(family, tuning)}
    if alone:
        raise ValueError(
            f"expected components of modules to be trained whole beside an adapter, got "
            f"`{min(alone)}`, which stands by itself; set the `tune` of "
            f"{family.component(min(alone))} to `lora` or `frozen`"
        )


def _paths(family: Family, tuning: Tuning) -> set[str]:
    return {path for each in tuning.tune.components("full") for path in family.modules[each]}


def _scoped(
    pattern: str, linear: list[str], family: Family, components: tuple[Component, ...]
) -> list[str]:
    """Layers that ``pattern`` names inside ``components``."""
    matches = [name for name in linear if name == pattern or name.endswith("." + pattern)]
    inside = [name for name in matches if family.component(name) in components]
    # A bare name is looked up inside the components; a path states itself where it is.
    outside = [name for name in matches if name not in inside]
    if outside and (not inside or "." in pattern):
        raise ValueError(
            f"expected `{pattern}` of `target_modules` to stay inside {', '.join(components)}, got "
            f"`{outside[0]}` of {family.component(outside[0])}; set its `tune` to `lora` or drop it"
        )
    if not inside:
        names = sorted({n.rsplit(".", 1)[-1] for n in linear if family.component(n) in components})
        raise ValueError(
            f"expected `{pattern}` of `target_modules` to match a linear layer of "
            f"{', '.join(components)}, got no match; the layers there are {', '.join(names)}"
        )
    return inside


def is_adapter(name: str) -> bool:
    """Whether the parameter called ``name`` is part of a low-rank adapter."""
    return any(part.startswith("lora_") for part in name.split("."))


def base_name(name: str) -> str:
    """Name of a parameter as it was before an adapter was attached."""
    return name.replace(".base_layer.", ".")


def _peft_config(tuning: Tuning, targets: list[str]) -> peft.LoraConfig:
    return peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=tuning.r,
        lora_alpha=tuning.lora_alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=tuning.lora_dropout,
        target_modules=targets,
        use_dora=tuning.use_dora,
        use_rslora=tuning.use_rslora,
    )


def _check_reached(model: nn.Module, targets: list[str]) -> None:
    """PEFT resolves names itself: what it wrapped must be what was resolved here."""
    wrapped = {n for n, m in model.named_modules() if isinstance(m, peft.tuners.lora.LoraLayer)}
    assert wrapped == set(targets), f"adapter on other layers than asked: {wrapped ^ set(targets)}"


def _component(family: Family, name: str) -> Component:
    component = family.component(base_name(name))
    assert component is not None, f"`{name}` belongs to no component of {family.model_type}"
    return component


def _linear_names(model: nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            yield name

"""StudyConfig: what a study varies, and what all of its runs share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cogtrain.complaint import OneLineErrors, UsageError, unknown
from cogtrain.data.recipe import Photographs, Recipe

BASE = "base"
"""Name of the run that is only tested; with several bases, of each before its own name."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
OURS = {
    "data": ("train", "val", "test", "photographs", "seed"),
    "model": ("objective.humans", "optimizer", "lr_scheduler"),
}
"""Options of a section that a study sets itself."""

_INSTEAD = {
    "train": "`conditions`",
    "val": "`validation`",
    "test": "`test`",
    "photographs": "`photographs`",
    "seed": "`seeds`",
    "objective.humans": "`humans` of a condition",
    "optimizer": "`optimizer`",
    "lr_scheduler": "`lr_scheduler`",
}


@dataclass(frozen=True, kw_only=True)
class Differing:
    """Options that differ from those of the study; what is not named is the study's.

    Args:
        trainer: Such as `{max_epochs: 3}`.
        data: Such as `{batch_size: 4}`.
        optimizer: Such as `{weight_decay: 0.1}`.
        lr_scheduler: Such as `{warmup: 0.1}`.
        eval: Such as `{best: {patience: 3}}`, which stops early.

    Raises:
        ValueError: For an option that the study sets itself.
    """

    trainer: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    lr_scheduler: dict[str, Any] = field(default_factory=dict)
    eval: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _reject_ours("data", OURS["data"], self.data)


@dataclass(frozen=True, kw_only=True)
class Base(Differing):
    """A model that every condition trains from, and that is tested as it is.

    Args:
        model: Such as `{pretrained: Qwen/Qwen2.5-VL-7B-Instruct}`.

    Raises:
        ValueError: For an option that the study sets itself.
    """

    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        _reject_ours("model", OURS["model"], self.model)


@dataclass(frozen=True, kw_only=True)
class Condition(Differing):
    """What a model is trained on, towards what, and how.

    Args:
        train: Sets of one stream, as in `data.train`; several are trained on jointly.
        humans: Share of the target that is people's, from 0 (the truth alone) to 1, as in
            `model.objective.humans`; above 0 the sets need `humans`.
        tuning: What is trained, in place of `model.tuning`.

    Raises:
        ValueError: Without a set, or for an option that the study sets itself.
    """

    train: list[Recipe]
    humans: float = 0.0
    tuning: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.train:
            raise ValueError(
                "expected at least one set in `train` of a condition, got none; the base, which "
                "trains on nothing, is tested in any case"
            )


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """Bases × conditions × numbers of stimuli × seeds, tested on the same sets.

    Args:
        name: Of the study: its folder, and its group in Weights & Biases.
        conditions: By name; a run is called after its condition and seed.
        test: Sets that every run and the base are tested on.
        bases: By name, where several models are compared; each is trained in every condition, and
            each of these runs is compared with its own. Left out, `model.pretrained` is the base.
        seeds: Each trains every condition once: another order of the same stimuli, another start
            of what begins at random. Three are the fewest whose spread says anything.
        stimuli: Numbers of stimuli that a run trains on, shared equally by the sets of a
            condition; several give learning curves. Left out, each set's own `count`.
        validation: Unseen stimuli of each training set that are judged during training; 0 for none.
        photographs: Image files to test on, besides `test`.
        trainer: As in a config of `fit`, for every run; so are the five that follow.
        model: See `trainer`.
        data: See `trainer`; the sets are named above.
        optimizer: See `trainer`.
        lr_scheduler: See `trainer`.
        eval: See `trainer`.

    Raises:
        ValueError: For an empty grid, a name that is no folder's, something named twice, or an
            option that the study sets itself.
    """

    name: str
    conditions: dict[str, Condition]
    test: list[Recipe]
    bases: dict[str, Base] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    stimuli: list[int] | None = None
    validation: int = 500
    photographs: Photographs | None = None
    trainer: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    lr_scheduler: dict[str, Any] = field(default_factory=dict)
    eval: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("conditions", "seeds", "stimuli"):
            if getattr(self, part) in ({}, []):
                raise ValueError(
                    f"expected at least one of `{part}`, got none; an empty grid has nothing to run"
                )
        if not self.test and self.photographs is None:
            raise ValueError("expected at least one set in `test`, got none; name one")
        for name in (self.name, *self.conditions, *self.bases):
            _reject_no_name(name)
        _reject_twice("seeds", self.seeds)
        _reject_twice("stimuli", self.numbers)
        _reject_negative("stimuli", self.stimuli or [1], least=1)
        _reject_negative("seeds", self.seeds, least=0)
        _reject_negative("validation", [self.validation], least=0)
        for section, keys in OURS.items():
            _reject_ours(section, keys, getattr(self, section))

    @property
    def numbers(self) -> list[int | None]:
        """Numbers of training stimuli; nothing where sets keep their own."""
        return [None] if self.stimuli is None else [*self.stimuli]

    @classmethod
    def read(cls, path: Path) -> "StudyConfig":
        """Reads a YAML file.

        Raises:
            UsageError: For a key that does not exist, naming the nearest, or a value of another
                type.
            ValueError: For what the study cannot be.
            FileNotFoundError: If there is no such file.
        """
        import yaml
        from jsonargparse import ArgumentParser

        class Parser(OneLineErrors, ArgumentParser):
            """jsonargparse's parser with one-line errors."""

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(
                f"expected `{path}` to be YAML, got {' '.join(str(error).split())}; correct it"
            ) from None
        if not isinstance(content, dict):
            raise UsageError(
                f"expected `{path}` to hold a study, got {type(content).__name__}; begin with "
                "`name:` and `conditions:`"
            )
        known = [each.name for each in fields(cls)]
        for key in content:
            if key not in known:  # the parser would look for what is inside of it
                raise UsageError(unknown("key", str(key), known))
        for part in ("conditions", "bases"):
            _reject_no_mappings(part, content.get(part, {}))
        parser = Parser()
        parser.add_class_arguments(cls, None)
        made: Any = parser.instantiate(parser.parse_object(content))
        return cls(**made.as_dict())


def _reject_no_mappings(part: str, given: Any) -> None:
    """The parser would list what it can make of something else."""
    inner = given if isinstance(given, dict) else {}
    for name in inner:
        if not isinstance(name, str):  # `no` and `1` are not text to YAML
            raise UsageError(
                f"expected names in `{part}` to be text, got {name!r}; put it in quotes"
            )
    for name, each in {part: given, **{f"{part}.{name}": inner[name] for name in inner}}.items():
        if not isinstance(each, dict):
            got = "nothing" if each is None else each
            raise UsageError(
                f"expected `{name}` to be keys and values, got {got}; see docs/study.md"
            )


def _reject_no_name(name: str) -> None:
    if name == BASE or not _NAME.fullmatch(name):
        raise ValueError(
            "expected names of a study, its conditions and bases to be letters, digits, `_`, `-` "
            f"and `.`, and not `{BASE}`, got `{name}`; rename it"
        )


def _reject_twice(what: str, values: Sequence[object]) -> None:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"expected each of `{what}` once, got {twice[0]} twice; remove one")


def _reject_negative(what: str, values: Sequence[int], *, least: int) -> None:
    if min(values) < least:
        raise ValueError(
            f"expected `{what}` to be at least {least}, got {min(values)}; correct the value"
        )


def _reject_ours(section: str, keys: Sequence[str], given: dict[str, Any]) -> None:
    for key in keys:
        first, _, rest = key.partition(".")
        if first in given and (not rest or rest in (given[first] or {})):
            raise ValueError(
                f"expected no `{section}.{key}` in a study, got one; use {_INSTEAD[key]}"
            )

"""The grid of a study: its conditions, numbers of stimuli and seeds as named runs with ids."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cogtrain.data.recipe import Photographs, Recipe, Split
from cogtrain.evaluation.table import lay_out
from cogtrain.study.config import BASE, Base, Condition, Differing, StudyConfig

Complete = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Verb and config → the same with every default spelled out; raises if the verb refuses it."""

_FILES = (
    "humans",
    "table",
    "images",
)  # what they hold is in the fingerprints, where they are is not
_EMBEDDED = "tiny"
_SECTIONS = tuple(each.name for each in fields(Differing))


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        name: Its folder under `runs`, and its row in the matrix.
        id: Hash of the complete config and of what the sets hold: the same id, the same run.
        verb: `fit`, or `test` for a base.
        base: Name of the run of the model that it trains from; its own if it is that.
        condition: Name of its condition; with several bases, that of its base before it.
        stimuli: Number that it is trained on.
        seed: Of order and initialisation; none for the base.
        steps: Optimizer steps, at most where it stops early; none if they depend on the machine, as
            with `devices: auto`.
        config: The complete config.
        sets: Fingerprint by part and name, such as `train/tower-small`.
    """

    name: str
    id: str
    verb: Literal["fit", "test"]
    base: str
    condition: str
    stimuli: int
    seed: int | None
    steps: int | None
    config: dict[str, Any]
    sets: dict[str, str]

    @property
    def is_base(self) -> bool:
        """Whether it trains nothing."""
        return self.name == self.base


class _Start(NamedTuple):
    """A model to train from.

    Attributes:
        run: Name of the run that tests it as it is.
        prefix: Of the names of those that train from it.
        differs: In what from the study.
    """

    run: str
    prefix: str
    differs: Base


def expand(study: StudyConfig, complete: Complete) -> list[PlannedRun]:
    """All runs of a study, the bases first.

    Args:
        study: What is to be run.
        complete: Checks a config and spells out its defaults.

    Raises:
        ValueError: For two runs with one id or one name, a number of stimuli that the sets of a
            condition cannot share, or a config that `fit` would not take.
    """
    starts = _starts(study)
    grid = product(starts, study.conditions, study.numbers)
    trained = [run for place in grid for run in _trained(study, *place, complete=complete)]
    runs = [*(_base(study, start, complete) for start in starts), *trained]
    _reject_one_id(runs)
    return runs


def _starts(study: StudyConfig) -> list[_Start]:
    if not study.bases:
        return [_Start(BASE, "", Base())]
    return [_Start(f"{BASE}-{name}", f"{name}-", base) for name, base in study.bases.items()]


def table(runs: Sequence[PlannedRun]) -> str:
    """The grid to read: run, id, trained on, stimuli, steps, seed."""
    rows = [
        [
            run.name,
            run.id,
            " + ".join(each["name"] for each in run.config["data"]["train"]) or "-",
            f"{run.stimuli:,}",
            "?" if run.steps is None else f"{run.steps:,}",
            "-" if run.seed is None else str(run.seed),
        ]
        for run in runs
    ]
    header = ["run", "id", "trained on", "stimuli", "steps", "seed"]
    known = [run.steps for run in runs if run.steps is not None]
    most = "at most " if any(map(_stops_early, runs)) else ""
    sum_of = f"{most}{sum(known):,} steps"
    if len(known) < len(runs):
        sum_of = "steps depend on `devices`"
    seen = sum(run.stimuli for run in runs)
    return lay_out(header, rows, ["", f"{len(runs)} runs, {seen:,} training stimuli, {sum_of}"])


def _stops_early(run: PlannedRun) -> bool:
    return ((run.config.get("eval") or {}).get("best") or {}).get("patience") is not None


def steps_of(config: Mapping[str, Any]) -> int | None:
    """Optimizer steps of a complete config, if they follow from it."""
    trainer, data = config["trainer"], config["data"]
    ranks = trainer["devices"]
    is_known = isinstance(ranks, int) and ranks > 0 and not data["shares"]
    if not is_known or trainer["limit_train_batches"] is not None or trainer["max_time"]:
        return None
    stimuli = sum(each["count"] for each in data["train"])
    batches = _at_least(stimuli, data["batch_size"] * ranks * trainer["num_nodes"])
    epochs, most = trainer["max_epochs"], trainer["max_steps"]
    each = _at_least(batches, trainer["accumulate_grad_batches"])
    limits = [] if epochs is None or epochs < 0 else [each * epochs]
    limits += [] if most is None or most < 0 else [most]
    return min(limits, default=None)


def _at_least(number: int, per: int) -> int:
    return -(-number // per)


def _base(study: StudyConfig, start: _Start, complete: Complete) -> PlannedRun:
    config = complete("test", _sections(study, start, [], 0))
    names = {"name": start.run, "base": start.run, "condition": start.run}
    return _planned(study, names, "test", [], config)


def _trained(
    study: StudyConfig, start: _Start, name: str, number: int | None, *, complete: Complete
) -> Iterator[PlannedRun]:
    condition = study.conditions[name]
    train = _shared(name, condition.train, number)
    size = "" if study.stimuli is None or len(study.stimuli) == 1 else f"-{number}"
    # Once for all seeds: spelling out takes most of a second.
    config = complete("fit", _sections(study, start, train, study.seeds[0], condition))
    names = {"base": start.run, "condition": f"{start.prefix}{name}"}
    for seed in study.seeds:
        own = deepcopy(config) | {"seed_everything": seed}
        names["name"] = f"{names['condition']}{size}-seed{seed}"
        yield _planned(study, names, "fit", train, own)


def _shared(name: str, train: Sequence[Recipe], number: int | None) -> list[Recipe]:
    if number is None:
        return [*train]
    if number % len(train):
        raise ValueError(
            f"expected `stimuli` that the {len(train)} sets of condition `{name}` can share "
            f"equally, got {number}; give a multiple of {len(train)}"
        )
    return [replace(recipe, count=number // len(train)) for recipe in train]


def _sections(
    study: StudyConfig,
    start: _Start,
    train: Sequence[Recipe],
    seed: int,
    condition: Condition | None = None,
) -> dict[str, Any]:
    """The config of a run as its user would write it; a base has no condition."""
    config: dict[str, Any] = {name: getattr(study, name) for name in _SECTIONS}
    config |= {"seed_everything": seed, "model": merged(study.model, start.differs.model)}
    for differing in (start.differs, condition or Differing()):
        config |= {name: merged(config[name], getattr(differing, name)) for name in _SECTIONS}
    if condition is not None:
        humans = {"objective": {"humans": condition.humans}}
        config["model"] = merged(config["model"], humans)
        if condition.tuning is not None:
            config["model"]["tuning"] = condition.tuning
    config["data"] = config["data"] | {
        "train": [_declared(recipe) for recipe in train],
        "val": [_declared(recipe) for recipe in _validation(study, train)],
        "test": [_declared(recipe) for recipe in study.test],
    }
    if study.photographs is not None:
        config["data"]["photographs"] = _declared(study.photographs)
    return config


def merged(first: Mapping[str, Any] | None, then: Mapping[str, Any]) -> dict[str, Any]:
    """`first` with what `then` says, key by key at any depth.

    Example:
        >>> merged({"best": {"metric": "loss", "mode": "min"}}, {"best": {"patience": 3}})
        {'best': {'metric': 'loss', 'mode': 'min', 'patience': 3}}
    """
    both = dict(first or {})
    for key, value in then.items():
        before = both.get(key)
        deeper = isinstance(value, Mapping) and isinstance(before, Mapping)
        both[key] = merged(before, value) if deeper else value
    return both


def _validation(study: StudyConfig, train: Sequence[Recipe]) -> list[Recipe]:
    """Unseen stimuli of each training set, which no person has judged."""
    if not study.validation:
        return []
    return [replace(recipe, count=study.validation, humans=None) for recipe in train]


def _declared(declaration: Recipe | Photographs) -> dict[str, Any]:
    """As in a config, with files found from wherever the run is started."""
    return {
        key: str(value.resolve()) if isinstance(value, Path) else value
        for key, value in asdict(declaration).items()
    }


def _planned(
    study: StudyConfig,
    names: Mapping[str, str],
    verb: Literal["fit", "test"],
    train: Sequence[Recipe],
    config: dict[str, Any],
) -> PlannedRun:
    sets: dict[str, str] = {}
    for place, fingerprint in _fingerprints(study, train):
        if place in sets:
            raise ValueError(f"expected one set per name, got `{place}` twice; rename one")
        sets[place] = fingerprint
    content = {"verb": verb, "config": _placeless(config), "sets": sets}
    if Path(pretrained := config["model"]["pretrained"]).is_dir() and pretrained != _EMBEDDED:
        config["model"]["pretrained"] = str(Path(pretrained).resolve())
    return PlannedRun(
        **names,
        id=_digest(json.dumps(content, sort_keys=True).encode()),
        verb=verb,
        stimuli=sum(recipe.count for recipe in train),
        seed=config["seed_everything"] if train else None,
        steps=steps_of(config) if train else 0,
        config=config,
        sets=sets,
    )


def _fingerprints(study: StudyConfig, train: Sequence[Recipe]) -> Iterator[tuple[str, str]]:
    parts: dict[Split, Sequence[Recipe]] = {
        "train": train,
        "val": _validation(study, train),
        "test": study.test,
    }
    for part, recipes in parts.items():
        for recipe in recipes:
            built = recipe.build(part)
            yield f"{part}/{recipe.name}", _fingerprint(built.fingerprint, recipe.humans)
    if study.photographs is not None:
        built = study.photographs.build()
        fingerprint = _fingerprint(built.fingerprint, study.photographs.humans)
        yield f"test/{built.name}", fingerprint


def _fingerprint(stimuli: str, humans: Path | None) -> str:
    """Of a set with what people said of it."""
    return stimuli if humans is None else f"{stimuli}+{_digest(humans.read_bytes())}"


def _placeless(value: Any) -> Any:
    """`value` without the places of files, so that a study that was moved has the same ids."""
    if isinstance(value, list):
        return [_placeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _placeless(each)
        for key, each in value.items()
        if key not in _FILES or not isinstance(each, str)
    }


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()


def _reject_one_id(runs: Sequence[PlannedRun]) -> None:
    seen: dict[str, str] = {}
    for run in runs:
        if run.name in seen.values():
            raise ValueError(
                f"expected runs of different names, got `{run.name}` twice; rename a base or a "
                "condition"
            )
        if run.id in seen:
            raise ValueError(
                f"expected every run once, got `{seen[run.id]}` and `{run.name}` with the same "
                f"config and sets (id {run.id}); remove one or change it"
            )
        seen[run.id] = run.name

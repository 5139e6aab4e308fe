"""Resuming: a run goes on as what it was, unless it is told what may change."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from cogtrain.complaint import UsageError
from cogtrain.training.run import RunFolder

# What training follows from: whole sections, but for what is judged and where it runs. A run may
# be made longer, which its schedule then knows.
_COUNTS = ("seed_everything", "model", "data", "optimizer", "lr_scheduler", "eval.best")
_TRAINER = (
    *("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "precision"),
    *("limit_train_batches", "overfit_batches"),
)
_FREE = tuple(
    f"data.{name}"
    for name in ("test", "photographs", "controls", "eval_batch_size", "threads", "pin_memory")
)
# Stimuli of an optimizer step are a product of these: parted otherwise, it is the same step.
_WINDOW = ("data.batch_size", "trainer.accumulate_grad_batches")
_RANKS = ("trainer.devices", "trainer.num_nodes")


@dataclass(frozen=True, kw_only=True)
class Resume:
    """What may be other than it was when a run is continued.

    Args:
        allow: Options, or whole sections of them: `[optimizer.lr, data]`.
    """

    allow: tuple[str, ...] = ()


def require_same(run: RunFolder, config: Mapping[str, Any], resume: Resume) -> None:
    """Lets ``run`` go on under ``config`` if nothing that it learns by has changed.

    Args:
        run: The one whose checkpoint is continued; one without a config stands for nothing.
        config: Every option of the continuation.
        resume: What may have changed.

    Raises:
        UsageError: With all that has, and how to accept it.
    """
    if not run.config.is_file():
        return
    before = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    found = changes(before, config)
    refused = [key for key in found if not _is_within(key, resume.allow)]
    lines = {key: f"{key}: {_short(old)} -> {_short(new)}" for key, (old, new) in found.items()}
    if refused:
        keys = ", ".join(refused)
        raise UsageError(
            f"expected to continue `{run.path}` as it was, got "
            f"{'; '.join(lines[key] for key in refused)}; leave that out, begin a new run, or "
            f"accept it by --resume.allow '[{keys}]'"
        )
    for key in found:
        print(f"note: continued with another {lines[key]}", file=sys.stderr)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What a training follows from and is not as it was: old and new value by dotted key.

    What only one of them knows is of another version of the program, and has its default.

    >>> changes({"optimizer": {"lr": 0.1}, "name": "a"}, {"optimizer": {"lr": 0.2}, "name": "b"})
    {'optimizer.lr': (0.1, 0.2)}
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    found = {
        key: (old[key], new[key])
        for key in old
        if key in new and old[key] != new[key] and _counts(key)
    }
    if set(found) & set(_WINDOW) and _stimuli_per_step(old) == _stimuli_per_step(new):
        found = {key: pair for key, pair in found.items() if key not in _WINDOW}
    return found


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, by its dotted key."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _counts(key: str) -> bool:
    is_of_trainer = key.partition(".")[2] in _TRAINER and key.startswith("trainer.")
    return is_of_trainer or (_is_within(key, _COUNTS) and not _is_within(key, _FREE))


def _is_within(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _stimuli_per_step(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """How many, and by how many ranks if that is not a number."""
    known = [config.get(key) for key in (*_WINDOW, *_RANKS)]
    product, unknown = 1, []
    for value in known:
        if isinstance(value, int):
            product *= value
        else:
            unknown.append(value)
    return (product, *unknown)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Going on with a run: by which words, and whether the config is still the one that it began with.

A run that is continued with other options is neither the one nor the other, so a change that could
matter is refused with what differs, unless it is allowed by name. What cannot matter is not asked
about.
"""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from cogtrain.complaint import UsageError, unknown
from cogtrain.training.run import RunFolder, folder_of

# What is trained does not depend on these, up to the last bits: where and by how many it is
# computed, when and what is told of it, how much is judged at once.
_FREE = (
    *("name", "ckpt_path", "resume", "config"),
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
    *("trainer.logger", "trainer.log_every_n_steps", "trainer.profiler", "trainer.detect_anomaly"),
    *("trainer.enable_progress_bar", "trainer.enable_checkpointing", "trainer.max_time"),
    *("trainer.enable_model_summary", "trainer.default_root_dir", "trainer.num_sanity_val_steps"),
    *("trainer.use_distributed_sampler", "trainer.barebones"),
    *("model.gradient_checkpointing", "model.feature_cache_gib"),
    *("data.threads", "data.pin_memory", "data.eval_batch_size", "data.bad_budget"),
    *("eval.after_fit", "eval.stimuli", "eval.checkpoint_every_s"),
    *("eval.wandb", "eval.wandb_project"),
)
_WINDOW = "trainer.accumulate_grad_batches"


@dataclass(frozen=True, kw_only=True)
class Resume:
    """How a run is continued.

    Args:
        allow: Options that may differ from those that the run began with: a list of keys, such as
            `[optimizer.lr, data]`, or `true` for any.
    """

    allow: bool | list[str] = False


def how_to_continue(run: RunFolder | None, changes: Mapping[str, Any]) -> str:
    """What is left of a run that failed, and the words to go on with.

    Args:
        run: A training; left out, nothing was to be kept.
        changes: Options that would help.
    """
    if run is None:
        return "then do the same again"
    if not run.last.exists():
        return "there is no checkpoint yet: begin anew"
    step = torch.load(run.last, mmap=True, weights_only=True)["global_step"]
    return f"to continue after step {step}: {command(run.name, changes)}"


def command(name: str, changes: Mapping[str, Any]) -> str:
    """Words that continue run ``name`` with other options.

    Example:
        >>> command("mine", {"optimizer.lr": 0.001})
        "python -m cogtrain fit --name mine --ckpt_path last --optimizer.lr 0.001 --resume.allow \
'[optimizer.lr]'"
    """
    words = ["python -m cogtrain fit --name", name, "--ckpt_path last"]
    words += [f"--{key} {value}" for key, value in changes.items()]
    guarded = [key for key in changes if not _is_under(key, _FREE)]
    return " ".join([*words, *([f"--resume.allow '[{', '.join(guarded)}]'"] if guarded else [])])


def began_with(checkpoint: Path) -> dict[str, Any] | None:
    """The complete config of the run that ``checkpoint`` is of, or nothing if there is none."""
    run = folder_of(checkpoint)
    if run is None or not run.config.is_file():
        return None
    return yaml.safe_load(run.config.read_text(encoding="utf-8"))


def require_same(
    began: Mapping[str, Any] | None,
    now: Mapping[str, Any],
    resume: Resume,
    defaults: Mapping[str, Any] | None = None,
) -> str | None:
    """Refuses to go on with another config.

    Args:
        began: The complete config of the run, if it is known.
        now: That of its continuation.
        resume: What may differ.
        defaults: Of options that `began` does not know, as a config.

    Returns:
        What should be known of a change that is not refused, if there is one: another number of
        ranks makes steps of another size, unless micro-batches make up for it.

    Raises:
        UsageError: With every option that differs, or for a key of `allow` that does not exist.
    """
    if began is None:
        return None
    allowed = [] if isinstance(resume.allow, bool) else resume.allow
    known = {part for key in (*_keys(began), *_keys(now)) for part in _parts(key)}
    for key in allowed:
        if key not in known:
            raise UsageError(f"`resume.allow`: {unknown('key', key, sorted(known))}")
    free = [*_FREE, *allowed]
    before, after = micro_batches(began), micro_batches(now)
    if before == after is not None:
        free.append(_WINDOW)  # as many as before, over another number of ranks
    found = [each for each in _changes(began, now, defaults or {}) if not _is_under(each.key, free)]
    if found and resume.allow is not True:
        told = ", ".join(f"{key}: {_told(was)} -> {_told(is_now)}" for key, was, is_now in found)
        keys = ", ".join(change.key for change in found)
        raise UsageError(
            f"expected the config that the run began with, got {told}; begin another run, or go "
            f"on with --resume.allow '[{keys}]'"
        )
    if before is None or after is None or before == after:
        return None
    return (
        f"note: a step is made of {after} micro-batches over all ranks instead of {before}, which "
        "changes number and schedule of the steps; `trainer.accumulate_grad_batches` can make up"
    )


def micro_batches(config: Mapping[str, Any]) -> int | None:
    """How many micro-batches make an optimizer step over all ranks, if the config says so."""
    trainer = config.get("trainer") or {}
    keys = ("accumulate_grad_batches", "devices", "num_nodes")
    numbers = [str(trainer.get(key)) for key in keys]  # of devices, Lightning keeps the digits
    return math.prod(map(int, numbers)) if all(number.isdigit() for number in numbers) else None


class _Change(NamedTuple):
    key: str
    before: Any
    after: Any


def _changes(began: Any, now: Any, defaults: Any, key: str = "") -> Iterator[_Change]:
    """What differs, as deep in sections, and in lists of as many sections, as both have them."""
    if isinstance(began, Mapping) and isinstance(now, Mapping):
        usual = defaults if isinstance(defaults, Mapping) else {}
        for name in dict.fromkeys((*began, *now)):
            before = began.get(name, usual.get(name))
            inner = f"{key}.{name}" if key else str(name)
            yield from _changes(before, now.get(name), usual.get(name), inner)
    elif _is_sections(began) and _is_sections(now) and len(began) == len(now):
        for place, (before, after) in enumerate(zip(began, now, strict=True)):
            yield from _changes(before, after, None, f"{key}.{place}")
    elif began != now:
        yield _Change(key, began, now)


def _is_sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _keys(config: Any, prefix: str = "") -> Iterator[str]:
    """Dotted keys of all values."""
    parts = enumerate(config) if _is_sections(config) else ()
    for name, value in config.items() if isinstance(config, Mapping) else parts:
        yield from _keys(value, f"{prefix}.{name}" if prefix else str(name))
    yield prefix


def _parts(key: str) -> Iterator[str]:
    """``key`` and the sections that it is in."""
    names = key.split(".")
    yield from (".".join(names[:count]) for count in range(1, len(names) + 1))


def _is_under(key: str, sections: Collection[str]) -> bool:
    return any(part in sections for part in _parts(key))


def _told(value: Any) -> str:
    """``value`` in one line; sections by their names."""
    if _is_sections(value) and all("name" in each for each in value):
        return f"[{', '.join(each['name'] for each in value)}]"
    return json.dumps(value) if not isinstance(value, str) else value

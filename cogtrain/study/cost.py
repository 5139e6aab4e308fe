"""Cost: what the runs of a study will look at, as far as that follows from the config alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cogtrain.study.grid import PlannedRun

# Side in pixels of what becomes one token, patch × merge, by what checkpoints are called.
_PX_PER_TOKEN = {r"^tiny$|qwen2(\.5)?-vl": 28, r"qwen3-vl": 32}


class Cost(NamedTuple):
    """Images and their tokens, those of photographs apart.

    Attributes:
        trained: Images in training, repetitions counted; none if that depends on the machine.
        judged: Images in validations and in the test; none likewise.
        tokens: Tokens of all of these; none likewise, or for a family whose patches are not known.
    """

    trained: int | None
    judged: int | None
    tokens: int | None

    def __str__(self) -> str:
        trained, judged, tokens = ("?" if each is None else f"{each:,}" for each in self)
        return f"images: {trained} to train, {judged} to judge; {tokens} image tokens"


def cost_of(run: PlannedRun) -> Cost:
    """What a run looks at."""
    data, config = run.config["data"], run.config
    epochs = _epochs(run)
    times = {
        "train": epochs,
        "val": None if epochs is None else epochs * _validations(config["trainer"]),
        "test": 1 + len(data.get("controls") or []),
    }
    if times["val"] is None and not data["val"]:
        times["val"] = 0
    side = px_per_token(config["model"]["pretrained"])
    images = {part: _times(times[part], data[part], None) for part in times}
    tokens = [_times(times[part], data[part], side) for part in times]
    judged = None if images["val"] is None else images["val"] + (images["test"] or 0)
    known = None if side is None or None in tokens else sum(each or 0 for each in tokens)
    return Cost(images["train"], judged, known)


def total(costs: Sequence[Cost]) -> Cost:
    """The sum, where all are known."""
    columns = list(zip(*costs, strict=True))
    return Cost(*(None if None in column else sum(column) for column in columns))


def px_per_token(pretrained: str) -> int | None:
    """Side of an image token in pixels, if the checkpoint's name tells it.

    >>> px_per_token("Qwen/Qwen3-VL-4B-Instruct"), px_per_token("somebody/else")
    (32, None)
    """
    found = (side for name, side in _PX_PER_TOKEN.items() if re.search(name, pretrained.lower()))
    return next(found, None)


def _epochs(run: PlannedRun) -> float | None:
    if run.verb == "test":
        return 0.0
    trainer, data = run.config["trainer"], run.config["data"]
    if run.steps is None:
        return None
    ranks = trainer["devices"] * trainer["num_nodes"]
    seen = run.steps * data["batch_size"] * ranks * trainer["accumulate_grad_batches"]
    most = trainer["max_epochs"]
    return seen / run.stimuli if most is None or most < 0 else min(most, seen / run.stimuli)


def _validations(trainer: Mapping[str, Any]) -> float:
    """Per epoch."""
    interval = trainer.get("val_check_interval")
    return round(1 / interval) if isinstance(interval, float) and interval > 0 else 1


def _times(times: float | None, sets: Sequence[Mapping[str, Any]], side: int | None) -> int | None:
    """Images, or tokens with a side, of sets that are seen so many times."""
    if times is None:
        return None
    each = [one["count"] * ((one["size_px"] // side) ** 2 if side else 1) for one in sets]
    return round(sum(each) * times)

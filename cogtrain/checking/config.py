"""The config of a training, resolved, and what of it can be made without weights."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from jsonargparse import ArgumentParser

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.models import checkpoint
from cogtrain.models.lora import Tuning
from cogtrain.training.completing import complete_words
from cogtrain.training.objective import Objective


@dataclass(frozen=True)
class Planned:
    """A training as its config declares it.

    Attributes:
        config: Every option.
        data: Its sets, not built yet.
        objective: What it minimises.
        tuning: What it trains.
        missing: Why there is no folder of the checkpoint; empty if there is one.
    """

    config: Mapping[str, Any]
    data: StimuliDataModule
    objective: Objective
    tuning: Tuning
    missing: str = ""


def planned(words: list[str]) -> Planned:
    """What `fit` with these options would train.

    Args:
        words: Options of `fit`.

    Raises:
        UsageError: As `fit`: for an unknown key, naming the nearest, or a value of another type.
    """
    config = complete_words(["fit", *words])
    model, missing = config["model"], ""
    try:
        folder = str(checkpoint.folder(model["pretrained"], weights=False))
    except FileNotFoundError as error:
        folder, missing = str(checkpoint.folder(checkpoint.EMBEDDED)), str(error)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(StimuliDataModule, "data")
    parser.add_argument("--objective", type=Objective)
    parser.add_argument("--tuning", type=Tuning | None)
    given = {
        "data": {**config["data"], "preprocess": folder, "pin_memory": False},
        "objective": model["objective"],
        "tuning": model["tuning"],
    }
    made: Any = parser.instantiate_classes(parser.parse_object(deepcopy(given)))  # which it changes
    tuning = made.tuning or Tuning.of(model["pretrained"])
    return Planned(config, made.data, made.objective, tuning, missing)

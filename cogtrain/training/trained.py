"""The model that a run has trained, put together again from its folder."""

from pathlib import Path

import yaml

from cogtrain.models.lora import Tuning
from cogtrain.models.vlm import VLM
from cogtrain.training.module import VLMModule
from cogtrain.training.run import RunFolder


def trained(folder: Path, *, pretrained: str | None = None) -> VLM:
    """The model of a run with its best weights, or its last ones if none were chosen.

    Args:
        folder: Of the run.
        pretrained: Where the base is now, if it has moved.

    Raises:
        FileNotFoundError: If it is no run folder, or holds no checkpoint.
        ValueError: If the checkpoint is of another base or tuning.
    """
    run = RunFolder(folder)
    if not run.config.is_file():
        raise FileNotFoundError(
            f"expected a run folder with `{run.config.name}`, got `{folder}` without; give one "
            "that `fit` wrote"
        )
    if run.weights is None:
        raise FileNotFoundError(
            f"expected a checkpoint in `{run.best.parent}`, got none; train the run first"
        )
    section = yaml.safe_load(run.config.read_text(encoding="utf-8"))["model"]
    tuning = Tuning.from_record(section["tuning"])
    of_base = {name: section[name] for name in ("dtype", "init", "quantization")}
    module = VLMModule(pretrained or section["pretrained"], tuning, **of_base)
    module.restore(run.weights)
    return module.vlm

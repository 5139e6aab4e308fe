"""What the words of a command line stand for, before they are parsed.

`--ckpt_path last` means a file; a run that is continued means its own config; a checkpoint that is
judged means the model that it was made from. Config files that are given come after these, and
single options last, so whatever is spelled out wins.
"""

import json
from pathlib import Path

import yaml

from cogtrain.complaint import UsageError
from cogtrain.training.run import ROOT, RunFolder, find_checkpoint, folder_of

AUTO = "auto"  # the run's last checkpoint if there is one: a cluster gives the same words again
_CKPT, _CONFIG, _NAME = "--ckpt_path", ("--config", "-c"), "--name"


def expand(words: list[str]) -> list[str]:
    """Words of a Lightning verb with what a checkpoint implies put in front.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        UsageError: For `auto` where it has no meaning.
    """
    verb, *options = words
    given = _value(options, _CKPT)
    if given is None or given == "null":
        return words
    name = _value(options, _NAME) if verb == "fit" else None
    if given == AUTO:
        if name is None:
            raise UsageError(
                f"expected `--ckpt_path auto` with `fit` and a `--name`, got `{verb}` without; "
                "say which run is to be begun or continued"
            )
        if not RunFolder(ROOT / name).last.exists():
            return words
        given = "last"
    checkpoint = find_checkpoint(given, name)
    options = [*_without(options, _CKPT), f"{_CKPT}={checkpoint}"]
    run = folder_of(checkpoint)
    if run is None or not run.config.is_file():
        return [verb, *options]
    has_config = any(_value(options, key) is not None for key in _CONFIG)
    if not has_config:
        return [verb, "--config", str(run.config), *options]
    if verb == "fit":
        return [verb, *options]
    return [verb, "--config", _model_section(run.config), *options]


def _model_section(config: Path) -> str:
    """The `model` section of a config file, as a config of its own."""
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    return json.dumps({"model": content.get("model", {})})


def _value(options: list[str], key: str) -> str | None:
    """Last value of option ``key``, written as one word or as two."""
    found = None
    for index, word in enumerate(options):
        if word == key and index + 1 < len(options):
            found = options[index + 1]
        elif word.startswith(f"{key}="):
            found = word.partition("=")[2]
    return found


def _without(options: list[str], key: str) -> list[str]:
    kept: list[str] = []
    words = iter(options)
    for word in words:
        if word == key:
            next(words, None)
        elif not word.startswith(f"{key}="):
            kept.append(word)
    return kept

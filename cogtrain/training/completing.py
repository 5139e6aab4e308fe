"""Completing: a config with every default spelled out, without making anything of it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser

from cogtrain.models import checkpoint
from cogtrain.training.lightning_cli import CogtrainCLI
from cogtrain.training.noise import quieten


class _Parsed(Exception):  # noqa: N818 - nothing is wrong
    """All that was wanted is there."""


class _Completing(CogtrainCLI):
    """Parses and goes no further: no folder, no model, no set, no weights."""

    def before_instantiate_classes(self) -> None:
        """Ends."""
        raise _Parsed


def complete(verb: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run as its run folder would hold it; needs no GPU, weights or network.

    Args:
        verb: `fit`, `validate`, `test` or `predict`.
        config: What a YAML file of the verb would hold.

    Raises:
        UsageError: For a key that does not exist, naming the nearest, or a value of another type.
    """
    model = dict(config.get("model") or {})
    pretrained = model.get("pretrained", checkpoint.EMBEDDED)
    # Parsing looks for the checkpoint's folder, and would fetch it.
    aside = {**config, "model": {**model, "pretrained": checkpoint.EMBEDDED}}
    completed = _parsed([verb, "--config", json.dumps(aside)]).complete_config()
    completed["model"]["pretrained"] = pretrained
    return completed


def parser_of(verb: str) -> LightningArgumentParser:
    """The parser of `fit`, `validate`, `test` or `predict`, with all that their configs may say."""
    return _parsed([verb])._parser(verb)


def _parsed(words: list[str]) -> _Completing:
    quieten()
    parsing = _Completing.__new__(_Completing)
    with suppress(_Parsed):
        parsing.__init__(words)
    return parsing

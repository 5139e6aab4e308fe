"""Completing: a config with every default spelled out, without making anything of it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser

from cogtrain.training.lightning_cli import CogtrainCLI
from cogtrain.training.noise import quieten
from cogtrain.training.parser import add_sections


class _Parsed(Exception):  # noqa: N818 - nothing is wrong
    """All that was wanted is there."""


class _Completing(CogtrainCLI):
    """Parses and goes no further: no folder, no model, no set, no weights."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds our sections; the checkpoint's folder is not looked for, and nothing is fetched."""
        add_sections(parser, folder=lambda pretrained, init: pretrained)

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
    return complete_words([verb, "--config", json.dumps(config)])


def complete_words(words: list[str]) -> dict[str, Any]:
    """As `complete`, of a verb and its options as a command line spells them."""
    return _parsed(words).complete_config()


def parser_of(verb: str) -> LightningArgumentParser:
    """The parser of `fit`, `validate`, `test` or `predict`, with all that their configs may say."""
    return _parsed([verb])._parser(verb)


def _parsed(words: list[str]) -> _Completing:
    quieten()
    parsing = _Completing.__new__(_Completing)
    with suppress(_Parsed):
        parsing.__init__(words)
    return parsing

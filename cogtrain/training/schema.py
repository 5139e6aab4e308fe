"""Schema of a run's config: what it may hold, as JSON Schema (draft 2020-12).

The parser of the config says it, so a key or a value is right in an editor if it is right in a run.
"""

import json
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import ArgumentParser

from cogtrain.data.recipe import Photographs
from cogtrain.training.completing import parser_of

Schema = dict[str, Any]


def run_schema(verb: str) -> Schema:
    """JSON Schema of a config file; nothing is required, as several files may make up a config.

    What Lightning makes classes of (callbacks, loggers, strategies) may be any name or any keys.

    Args:
        verb: `fit`, `validate`, `test` or `predict`.
    """
    parser = parser_of(verb)
    for action in parser._actions:
        if action.dest.startswith("trainer."):
            action._typehint = _opened(action._typehint)  # type: ignore[attr-defined]
    schema = exported(parser)
    # The command line may say the rest of them. Items of a list come whole: a set needs its name.
    del schema["$defs"][Photographs.__name__]["required"]
    return schema


def exported(parser: ArgumentParser) -> Schema:
    """JSON Schema of what `parser` takes from a config file."""
    return _plain(json.loads(parser.get_completion_script("jsonschema")))


def _opened(hint: Any) -> Any:
    """`hint` with a name or keys in place of every class of Lightning.

    jsonargparse would describe each subclass that is imported, and fails at some; the user's own
    are not.
    """
    if isinstance(hint, type) and hint.__module__.startswith("lightning."):
        return str | dict[str, Any]
    origin = get_origin(hint)
    if origin in (None, Literal):
        return hint
    inner = [_opened(each) for each in get_args(hint)]
    return reduce(or_, inner) if origin in (Union, UnionType) else origin[*inner]


def _plain(node: Any) -> Any:
    """`node` in words that every editor knows, without a key `$schema` in each part of a config.

    yaml-language-server 1.19 knows no `prefixItems`, and takes every item for one too many.
    """
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items()}
    if isinstance(plain.get("properties"), dict):
        plain["properties"].pop("$schema", None)
    items = plain.get("prefixItems")
    if items and plain["items"] is False and all(each == items[0] for each in items):
        del plain["prefixItems"]
        plain |= {"items": items[0], "maxItems": len(items)}
    return plain

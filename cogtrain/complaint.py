"""What a user reads when something is wrong: one line, the value, and what to do.

Every verb fails through this file. ``complain`` turns an error into ``error: ...`` on stderr and
an exit code; ``OneLineErrors`` makes any jsonargparse parser speak the same way. Lightning's takes
it as a mixin::

    class Parser(OneLineErrors, LightningArgumentParser): ...


    LightningCLI(..., parser_class=Parser)

so that an unknown key of a YAML file or of the command line raises ``UsageError`` with the nearest
known key, and ``cogtrain.cli.main`` ends with exit code 2.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import NoReturn

FAILED = 1
USER_MISTAKE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells count

_PACKAGE = str(Path(__file__).parent) + os.sep
_UNKNOWN = (
    re.compile(r"^unrecognized arguments: (?:--)?(?P<key>[^\s=]+)", re.IGNORECASE),
    re.compile(r"Group '(?P<group>[^']+)' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"Subcommand '[^']+' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"Option '(?P<key>[^']+)' is not accepted"),
    re.compile(r"Key '(?P<key>[^']+)' is not expected"),
)
_VALUE = re.compile(
    r"""Parser key "(?P<key>[^"]+)":\s+Expected an? (?P<kind>.+?)\. Got value: (?P<value>.*)""",
    re.DOTALL,
)
_UNION = re.compile(
    r"""Parser key "(?P<key>[^"]+)":\s+Does not validate against any of the Union subtypes"""
    r"""\s+Subtypes: \[(?P<kind>.*?)\]\s+Errors:.*Given value: (?P<value>.*)""",
    re.DOTALL,
)
_FILE = re.compile(
    r"""Parser key "(?P<key>[^"]+)":\s+Unable to load config ['"](?P<path>[^'"]+)['"]"""
    r"""(?P<reason>.*)""",
    re.DOTALL,
)
_NESTED = re.compile(r"""NestedArg\(key='(?P<key>[^']*)', val=(?P<value>.*)\)""", re.DOTALL)
# A parser within a parser (a callback's `init_args`) has already said it better.
_LINK = re.compile(r"Call to compute_fn of link '.*' with args \(.*\) failed: (?=expected )")
_OURS = re.compile(r"expected a known key, got `[^`]+`; [^`]+`[^`]+`")


class UsageError(ValueError):
    """A command line or config file that cannot be understood; the message is one line."""


class RunError(RuntimeError):
    """A run that cannot go on through no mistake in its words; the message is one line, code 1."""


class OneLineErrors(argparse.ArgumentParser):
    """Mixin for a parser: raises ``UsageError`` where argparse prints its usage and exits."""

    def error(self, message: str, *_: object, **__: object) -> NoReturn:
        """Raises the message as one line, naming the nearest key if a key is unknown."""
        raise UsageError(parser_message(str(message), keys(self)))


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The most similar of ``words``, or ``None`` if there are none.

    Dotted keys that end in the same name count as near, so ``model.lr`` finds ``optimizer.lr``.
    """

    def likeness(candidate: str) -> float:
        whole = SequenceMatcher(None, word, candidate).ratio()
        same_leaf = candidate.rpartition(".")[2] == word.rpartition(".")[2]
        return max(whole, 0.95) if same_leaf else whole

    return max(sorted(words), key=likeness, default=None)


def keys(parser: argparse.ArgumentParser) -> Iterator[str]:
    """All dotted keys that ``parser`` and its subcommands take."""
    for action in parser._actions:
        yield from (
            name.lstrip("-")
            for name in action.option_strings
            if name.startswith("--") and name != "--help"
        )
        if not action.option_strings and isinstance(action.choices, dict):
            for child in action.choices.values():
                if isinstance(child, argparse.ArgumentParser):
                    yield from keys(child)


def parser_message(message: str, known: Iterable[str]) -> str:
    """Rewrites a message of jsonargparse as ``expected ..., got ...; do ...`` in one line."""
    if found := _OURS.search(message):
        return found[0]
    if found := next(filter(None, (pattern.search(message) for pattern in _UNKNOWN)), None):
        parts = found.groupdict()
        return unknown("key", ".".join(filter(None, (parts.get("group"), parts["key"]))), known)
    if found := _VALUE.search(message) or _UNION.search(message):
        kind = found["kind"].replace(", <class 'NoneType'>", " or null")
        kind = re.sub(r"<class '([\w.]+)'>", r"\1", kind).replace("typing.", "")
        value = _NESTED.sub(r"\g<key>: \g<value>", _one_line(found["value"]))
        return f"expected `{found['key']}` to be {kind}, got {value}; correct the value"
    if found := _FILE.search(message):
        reason = _one_line(found["reason"]).lstrip("- ")
        why = (
            "is not there or holds none" if not reason or "Unable" in reason else f"says: {reason}"
        )
        return (
            f"expected a file of `{found['key']}`, got `{found['path']}`, which {why}; correct it"
        )
    return _LINK.sub("", _one_line(message))


def unknown(what: str, got: str, known: Iterable[str]) -> str:
    """One line about a name that does not exist, with the nearest one that does."""
    near = nearest(got, known)
    advice = f"the nearest is `{near}`" if near else "none is known here"
    return f"expected a known {what}, got `{got}`; {advice}"


def complain(error: BaseException) -> int:
    """Reports ``error`` on stderr and returns the exit code of the process.

    A user's mistake is one line and code 2: every ``UsageError``, every ``OSError``, and a
    ``ValueError``, ``KeyError`` or misconfiguration that our own code raised. Ctrl-C is code 130.
    A ``RunError`` is one line and code 1. Anything else is a fault of the program and keeps its
    traceback, code 1; so does everything if the environment variable ``COGTRAIN_TRACEBACK`` is set.
    """
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    code = USER_MISTAKE if is_users_mistake(error) else FAILED
    is_told = code == USER_MISTAKE or isinstance(error, RunError)
    if os.environ.get("COGTRAIN_TRACEBACK") or not is_told:
        traceback.print_exception(error)
        return code
    print(f"error: {_text(error)}", file=sys.stderr)
    return code


def is_users_mistake(error: BaseException) -> bool:
    """Whether the user can mend it: bad input named by our own checks, or the file system."""
    if isinstance(error, (UsageError, OSError, argparse.ArgumentError)):
        return True
    if type(error).__name__ == "MisconfigurationException":  # Lightning's; importing it is slow
        return True
    return isinstance(error, (ValueError, KeyError)) and _raised_by_us(error)


def _raised_by_us(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(_PACKAGE)


def _text(error: BaseException) -> str:
    if isinstance(error, KeyError) and error.args:
        return _one_line(str(error.args[0]))  # str(KeyError) is the repr of its message
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror.lower()}: {error.filename}"
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())

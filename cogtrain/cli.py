"""The command line: ``python -m cogtrain VERB``, also installed as ``cogtrain``.

Verbs are the typed functions of `cogtrain.verbs`; jsonargparse makes their options. The four that
train and judge belong to LightningCLI.
"""

import atexit
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from cogtrain.complaint import INTERRUPTED, OneLineErrors, UsageError, complain, unknown
from cogtrain.verbs import LIGHT, Verb, judgments, render

LIGHTNING = {
    "fit": "train a model, judge it, and write the run folder (no options: the embedded default)",
    "validate": "judge a model on the validation sets",
    "test": "judge a model on the test sets, photographs and human data included",
    "predict": "write a model's judgments without scoring them",
}

CHECK = {"check": "say what `fit` with the same options would do, without weights or a GPU"}


def main(argv: list[str] | None = None) -> int:
    """Runs one verb and returns the exit code: 0, 2 for a user's mistake, 130 for Ctrl-C.

    Args:
        argv: Words after the program's name; ``None`` takes those of this process.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        return _dispatch(words)
    except (Exception, KeyboardInterrupt) as error:  # the one place where errors end
        return complain(error)


def run() -> None:
    """Entry point of the installed command."""
    code = main()
    if code == INTERRUPTED:
        # All is written; taking torch's modules down would keep the user waiting a second more.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        from cogtrain.environment import versions

        print(f"cogtrain {versions()['cogtrain']}")
        return 0
    verb, options = words[0], words[1:]
    if verb in LIGHTNING:
        from cogtrain.training import lightning_cli

        return lightning_cli.main(words)
    if verb == "check":
        from cogtrain.checking.run import check

        return check(options)
    if verb not in LIGHT:
        raise UsageError(unknown("verb", verb, [*LIGHTNING, *CHECK, *LIGHT]))
    return _call(LIGHT[verb], options) or 0


def _overview() -> str:
    summaries = LIGHTNING | CHECK | {name: _summary(verb) for name, verb in LIGHT.items()}
    verbs = "\n".join(f"  {name:<10} {text}" for name, text in summaries.items())
    return (
        "usage: python -m cogtrain VERB [options]\n\n"
        "Train vision-language models on visual-cognition tasks and compare them with people.\n\n"
        f"verbs:\n{verbs}\n\n"
        "python -m cogtrain VERB --help explains a verb."
    )


def _summary(verb: Verb) -> str:
    first = (inspect.getdoc(verb) or "").partition("\n")[0].rstrip(".")
    return first[:1].lower() + first[1:]


def _call(verb: Verb, words: list[str]) -> int | None:
    """Parses ``words`` by the signature of ``verb`` and calls it; an exit code may come back."""
    from jsonargparse import ActionConfigFile, ArgumentParser

    class Parser(OneLineErrors, ArgumentParser):
        """jsonargparse's parser with one-line errors."""

    parser = Parser(prog=f"cogtrain {verb.__name__}")
    many = _variadic(verb)
    if many:  # jsonargparse reads `*names` of a signature as nothing at all
        parser.add_argument(many, nargs="+", type=Path, help="one or more")
    reads_config = verb in (render, judgments)
    if reads_config:
        words_of = "YAML file with any of the options below; those on the command line win"
        parser.add_argument("--config", action=ActionConfigFile, help=words_of)
    parser.add_function_arguments(verb, as_positional=True)
    made: Any = parser.instantiate(parser.parse_args(_spelled(verb, words)))
    options = made.as_dict()
    if reads_config:
        options.pop("config", None)
    return verb(*options.pop(many, []) if many else (), **options)


def _spelled(verb: Verb, words: list[str]) -> list[str]:
    """``words`` with a bare ``--flag`` written as ``--flag=true``, which jsonargparse asks for.

    ``--dry-run`` is ``--dry_run`` for whoever is used to hyphens.
    """
    known = inspect.signature(verb).parameters
    names = {f"--{name.replace('_', '-')}": f"--{name}" for name in known}
    words = [
        names.get(name, name) + "".join(rest)
        for name, *rest in (word.partition("=") for word in words)
    ]
    flags = {f"--{name}" for name, each in known.items() if each.annotation is bool}
    following = [*words, ""][1:]
    return [
        f"{word}=true" if word in flags and then not in ("true", "false") else word
        for word, then in zip(words, following, strict=True)
    ]


def _variadic(verb: Verb) -> str | None:
    kinds = inspect.signature(verb).parameters.values()
    return next((each.name for each in kinds if each.kind is each.VAR_POSITIONAL), None)

"""The verb `check`: what `fit` with the same options would do, without weights or a GPU."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cogtrain.checking import power, sets, sheet
from cogtrain.checking.config import Planned, planned
from cogtrain.checking.outline import first_batch, load, origin, outline, token_map
from cogtrain.complaint import OneLineErrors
from cogtrain.models.footprint import footprint, hours
from cogtrain.study.grid import steps_of

_GPU = "h100 sxm"
_UTILISATION = 0.4  # 0.3 to 0.5 is usual

HELP = """usage: python -m cogtrain check [--sheet FILE.png] [--gpu NAME] [options of fit]

Finds out what `fit` with the same options would do, without a GPU and without weights: resolves
the config; lists the sets, looks for stimuli that are trained on and judged, draws a contact
sheet; shows what is read and learned, and what of the model is trained; reckons memory, operations
and time; and says how small an effect the tested sets can show. A checkpoint needs only its JSON
files. Nothing is written but the sheet.

  --sheet FILE.png  Contact sheet to write (default: check.png).
  --gpu NAME        Device to reckon time for (default: {gpu}).

The exit code is 1 if something is wrong. `python -m cogtrain fit --help` lists options of fit."""


class _Options(OneLineErrors):
    """Options of `check` alone; all others are those of `fit`."""


def check(words: list[str]) -> int:
    """Prints all sections; returns 1 if something is wrong, else 0.

    Args:
        words: Options of `check` and of `fit`.

    Raises:
        UsageError, ValueError, OSError: As `fit`.
    """
    if {"-h", "--help"} & set(words):
        print(HELP.format(gpu=_GPU))
        return 0
    options = _Options(add_help=False, allow_abbrev=False)
    options.add_argument("--sheet", type=Path, default=Path("check.png"))
    options.add_argument("--gpu", default=_GPU)
    given, rest = options.parse_known_args(words)
    hours(0, given.gpu, _UTILISATION)  # refused before anything is done
    plan = planned(rest)
    wrong = list(_sections(plan, given))
    for each in wrong:
        print(f"wrong: {each}", file=sys.stderr)
    return 1 if wrong else 0


def _sections(plan: Planned, given: argparse.Namespace) -> Iterator[str]:
    """Prints section after section, and yields what is wrong."""
    built = plan.data.build()
    _print("Sets", _table(sets.rows(built)))
    yield from sets.leaks(built)
    if pictures := sheet.draw(built, given.sheet):
        print(f"contact sheet: {given.sheet} ({pictures} stimuli)\n")
    if plan.missing:
        yield f"{plan.missing}; `model.pretrained` may be a folder with its JSON files alone"
    else:
        _tell_of_model(plan, given.gpu)
    _print("Least effects (power 80 %, level 5 %, two-sided)", _table(power.rows(built["test"])))


def _tell_of_model(plan: Planned, gpu: str) -> None:
    vlm, batch = outline(plan), first_batch(plan)
    _print("Model", vlm.table())
    _print("Tokens", token_map(plan, vlm, batch))
    found = footprint(origin(plan), plan.tuning, load(plan, batch))
    memory, operations = found.lines()[:-1], found.lines()[-1]
    _print("Memory of one GPU", "\n".join(memory))
    _print("Time", "\n".join([operations, *_time(plan, found.flops, gpu)]))


def _time(plan: Planned, flops: int, gpu: str) -> Iterator[str]:
    data, trainer = plan.config["data"], plan.config["trainer"]
    given = str(trainer["devices"])  # a list or `auto` is as many as the machine has
    devices = int(given) if given.isdecimal() else 1
    ranks = devices * trainer["num_nodes"]
    steps = steps_of({**plan.config, "trainer": {**trainer, "devices": devices}})
    if steps is None:
        yield "steps        not known before the sets are mixed or time is up"
        return
    batches = trainer["accumulate_grad_batches"]
    took = hours(steps * batches * flops, gpu, _UTILISATION)
    yield f"steps        {steps:,} of {data['batch_size'] * batches * ranks:,} stimuli"
    yield f"training     {took:,.2f} h on {ranks} x {gpu} at {_UTILISATION:.0%} of its best"


def _print(title: str, text: str) -> None:
    print(f"{title}\n{'-' * len(title)}\n{text}\n")


def _table(rows: Iterator[dict[str, Any]]) -> str:
    import pandas as pd

    found = pd.DataFrame(list(rows))
    return found.to_string(index=False) if len(found) else "none"

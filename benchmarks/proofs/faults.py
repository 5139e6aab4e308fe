"""A damaged file under each policy, alike on every rank; one budget for all ranks."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cogtrain import Loader, StimulusSet
from proofs import BrokenError
from proofs.sequence import RANKS, THREADS
from proofs.world import World, laid

Places = dict[int, tuple[str, float]]


def places(loaders: Sequence[Loader]) -> Places:
    """Position -> id and weight, without what only fills up the last batch."""
    count = max(len(stimuli) for loader in loaders for stimuli in loader.sets)
    return {
        int(position): (name, float(weight))
        for batch in laid(loaders)
        for position, name, weight in zip(batch.positions, batch.ids, batch.weights, strict=True)
        if position < count
    }


def policies(stimuli: StimulusSet, files: Sequence[Path], bad: Sequence[int]) -> dict[str, Any]:
    """What becomes of the files numbered `bad`, which are damaged and mended again."""
    # Each of many loaders would tell of each bad file.
    logging.getLogger("cogtrain.data.loader").setLevel(logging.ERROR)
    whole = places(World().loaders([stimuli]))
    names = {stimuli.ids[index] for index in bad}
    contents = [files[index].read_bytes() for index in bad]
    for index, content in zip(bad, contents, strict=True):
        files[index].write_bytes(content[: len(content) // 2])
    try:
        found = {
            "damaged": len(bad),
            "raise": raised(stimuli, names),
            "substitute": replaced(stimuli, whole, names, "substitute"),
            "quarantine": replaced(stimuli, whole, names, "quarantine"),
            "budget": budget(stimuli, len(bad)),
        }
    finally:
        for index, content in zip(bad, contents, strict=True):
            files[index].write_bytes(content)
    if places(World().loaders([stimuli])) != whole:
        raise BrokenError("mended files are not what they were")
    return found


def raised(stimuli: StimulusSet, bad: set[str]) -> str:
    """The first bad file ends the pass at its turn, by name, and again when asked again."""
    (loader,) = World(threads=4).loaders([stimuli])
    stream = iter(loader)
    seen: set[str] = set()
    try:
        while True:
            seen |= set(next(stream).ids)
    except ValueError as error:
        message, before = str(error), loader.state_dict()
    try:
        next(stream)
    except ValueError as error:
        if str(error) != message or loader.state_dict() != before:
            raise BrokenError("asking again gave something else") from error
    else:
        raise BrokenError("asking again passed over a bad file")
    if seen & bad or not any(f"{name}.png" in message for name in bad):
        raise BrokenError(f"expected the error to name a bad file, got {message}")
    return f"error by file name after {len(seen)} whole stimuli; the place is kept"


def replaced(stimuli: StimulusSet, whole: Places, bad: set[str], policy: Any) -> str:
    """Only the places of bad files change, and alike for any ranks and threads."""
    expected = places(World().loaders([stimuli], on_bad=policy))
    counts = 1.0 if policy == "substitute" else 0.0
    for position, (name, weight) in whole.items():
        stands, counted = expected[position]
        is_right = stands not in bad and counted == counts if name in bad else stands == name
        if not is_right:
            raise BrokenError(f"{policy}: {stands} (weight {counted}) stands for {name} ({weight})")
    for ranks in RANKS:
        for threads in THREADS:
            if places(World(ranks, threads, 2).loaders([stimuli], on_bad=policy)) != expected:
                raise BrokenError(
                    f"{policy}: other stand-ins with {ranks} ranks, {threads} threads"
                )
    return f"{len(bad)} places have the same stand-ins of weight {counts:g} in every world"


def budget(stimuli: StimulusSet, bad: int) -> str:
    """Ranks that exchange their reports have one report, one state and one budget."""

    def world(allowed: int) -> list[Loader]:
        ranks = World(2).loaders([stimuli], on_bad="quarantine", bad_budget=allowed)
        for _ in laid(ranks):
            pass
        return ranks

    ranks = world(bad)
    reports = [rank.report() for rank in ranks]
    for rank in ranks:
        for report in reports:
            rank.add_report(report)
    if not ranks[0].report() == ranks[1].report() or len(ranks[0].report()) != bad:
        raise BrokenError(f"expected one report of {bad}, got {[rank.report() for rank in ranks]}")
    if ranks[0].state_dict() != ranks[1].state_dict():
        raise BrokenError("ranks with one report have different states")
    each = [len(report) for report in reports]
    ranks = world(max(each))
    try:
        for report in reports:
            ranks[0].add_report(report)
    except ValueError as error:
        told = str(error).partition(" (")[0]  # where the file lies is nobody's business
        return f"ranks met {each}, together {bad}; with a budget of {max(each)}: {told}"
    raise BrokenError(f"expected {bad} bad stimuli to exceed a budget of {max(each)}")

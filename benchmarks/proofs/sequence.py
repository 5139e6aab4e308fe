"""One global sequence for any ranks, threads, stops and changes of world."""

import json
import random
from collections.abc import Sequence
from itertools import product
from typing import Any

from cogtrain import Loader, StimulusSet
from proofs import BrokenError
from proofs.world import Drawn, World, drawn, laid

RANKS = (1, 2, 3, 4, 8)
THREADS = (1, 2, 3, 4)
MIXTURES: dict[str, dict[str, Any]] = {
    "sets as one": {},
    "by share, to the end of the longest": {"shares": [0.5, 0.2, 0.3]},
    "by share, to the end of the shortest": {"shares": [5, 2, 3], "epoch": "shortest"},
}


def one_sequence(sets: Sequence[StimulusSet]) -> dict[str, Any]:
    """Two epochs of every mixture by every number of ranks and threads."""
    found: dict[str, Any] = {"ranks": RANKS, "threads": THREADS, "epochs": 2}
    for name, options in MIXTURES.items():
        alone = World().loaders(sets, **options)
        whole = [drawn(laid(alone)) for _ in range(2)]
        for ranks, threads in product(RANKS, THREADS):
            loaders = World(ranks, threads, batch_size=3).loaders(sets, **options)
            for epoch, expected in enumerate(whole):
                if drawn(laid(loaders)) != expected:
                    raise BrokenError(f"{name}: epoch {epoch}, {ranks} ranks, {threads} threads")
        found[name] = f"the same {len(whole[0])} + {len(whole[1])} stimuli"
    return found


def stops(sets: Sequence[StimulusSet], count: int) -> dict[str, Any]:
    """`count` worlds stop somewhere in two epochs; each time another world goes on from JSON."""
    options = MIXTURES["by share, to the end of the longest"]
    chance = random.Random(0)
    alone = World().loaders(sets, **options)
    whole = [stimulus for _ in range(4) for stimulus in drawn(laid(alone))]
    epoch = len(whole) // 4
    inside = changed = compared = 0
    for _ in range(count):
        before, after = (
            World(chance.choice(RANKS), chance.choice(THREADS), chance.randint(1, 8))
            for _ in range(2)
        )
        state = stopped(before.loaders(sets, **options), chance)
        rest = resumed(after.loaders(sets, **options), state)
        start = state["epoch"] * epoch + state["consumed"]
        if rest != whole[start : start + len(rest)]:
            raise BrokenError(f"{before} stopped at {state}, {after} went on")
        compared += len(rest)
        inside += 0 < state["consumed"] < epoch
        changed += before.ranks != after.ranks and 0 < state["consumed"] < epoch
    return {
        "stops": count,
        "of them within an epoch": inside,
        "of them, another number of ranks goes on": changed,
        "stimuli compared": compared,
    }


def stopped(ranks: Sequence[Loader], chance: random.Random) -> dict[str, Any]:
    """The state after a random number of steps within two epochs, the same on every rank."""
    steps = chance.randrange(2 * len(ranks[0]))
    for rank in ranks:
        left = steps
        while left > 0:
            stream = iter(rank)
            taken = min(left, len(rank))
            for _ in range(taken):
                next(stream)
            left -= taken
    states = [json.dumps(rank.state_dict()) for rank in ranks]
    if len(set(states)) > 1:
        raise BrokenError(f"ranks disagree after {steps} steps: {states}")
    return json.loads(states[0])


def resumed(ranks: Sequence[Loader], state: dict[str, Any]) -> list[Drawn]:
    """The rest of the state's epoch, and the next one."""
    for rank in ranks:
        rank.load_state_dict(state)
    return [stimulus for _ in range(2) for stimulus in drawn(laid(ranks))]


def changes_of_world(sets: Sequence[StimulusSet]) -> dict[str, Any]:
    """One epoch begun by one rank and continued by 2, 3, 8, and 4, a few steps each."""
    (alone,) = World().loaders(sets)
    whole = drawn(iter(alone))
    seen: list[Drawn] = []
    state = World().loaders(sets)[0].state_dict()
    sizes = (1, 2, 3, 8, 4)
    for ranks in sizes:
        loaders = World(ranks, 2, batch_size=2).loaders(sets)
        for loader in loaders:
            loader.load_state_dict(state)
        streams = [iter(loader) for loader in loaders]
        steps = len(loaders[0]) if ranks == sizes[-1] else 2
        for _ in range(steps):
            batches = [batch for stream in streams if (batch := next(stream, None)) is not None]
            seen += drawn(iter(batches))
        state = loaders[0].state_dict()
    if seen != whole:
        raise BrokenError(f"worlds of {sizes} saw another sequence than one rank")
    return {"ranks within one epoch": sizes, "stimuli": len(seen)}

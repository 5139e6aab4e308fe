"""Does the loader keep its promises, what does it cost, and does it stay within its bounds?

Run: python benchmarks/loader.py [--count 1000] [--batches 100000] [--stops 200] [--out FILE.json]

Promises (exit code 1 if one is broken):
- one global sequence for 1, 2, 3, 4 and 8 ranks with 1 to 4 threads, of sets as one and by share;
- worlds that stop at random and go on as another world; ranks that change within an epoch;
- damaged files under each policy, alike in every world, and one budget over ranks.

Cost and bounds:
- Python's side of a batch: `next` on a batch that is finished already, how long the interpreter's
  lock was held by it, and reading every attribute, which is made when it is first asked for; beside
  it what a call that does nothing and one empty array of numpy cost in the same place.
- Resume: a new loader at a random step, the first batch from there, and the stimuli made for it.
- Memory: resident set over very many small batches, at ten points.
- Threads: recipe to patches by 1, 2 and 4 threads, interleaved; and by 2 while another process
  keeps a core busy.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
from itertools import islice
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
import record
from proofs import BrokenError, faults, sequence

from cogtrain import Batch, Loader, Preprocess, StimulusSet, _core, render
from cogtrain._core import Scene
from cogtrain.rendering import render_set

BATCH = 32
REPEATS = 5
SMALL_PX = 28
STATES = ("cold", "warm")


def pictures(folder: Path, count: int, size_px: int) -> tuple[StimulusSet, list[Path]]:
    """`count` small PNG files, and where they are."""
    stimuli = StimulusSet.recipe(count=count, size_px=size_px)
    paths = [folder / f"{size_px}-{index}.png" for index in range(count)]
    for path, stimulus in zip(paths, stimuli, strict=True):
        path.write_bytes(_core.encode_png(stimulus.image))
    answers = [{"will_fall": "yes"}] * count
    source = _core.Source.photographs([p.stem for p in paths], paths, answers)
    return StimulusSet("pictures", source), paths


def promises(small: StimulusSet, files: list[Path], stops: int) -> dict[str, Any]:
    """What must hold whatever the speed."""
    sets = [StimulusSet.recipe(seed=n, count=n, size_px=SMALL_PX) for n in (23, 7, 40)]
    return {
        "ranks and threads": sequence.one_sequence(sets),
        "random stops": sequence.stops(sets, stops),
        "changes of world": sequence.changes_of_world(sets),
        "damaged files": faults.policies(small, files, bad=[3, 140, 333, 604, 999]),
    }


def read_all(batch: Batch) -> object:
    """Every attribute, as a training step would."""
    return batch.ids, batch.answers, batch.sets, batch.weights, batch.positions, batch.arrays


def hand_over(stimuli: StimulusSet, preprocess: Preprocess | None) -> dict[str, float]:
    """Microseconds of Python's side of batches that are ready.

    Both batches ahead are taken after a pause: the first one finds cold caches, as it would after a
    training step, the second one warm ones.
    """
    loader = Loader(stimuli, batch_size=BATCH, seed=0, preprocess=preprocess, threads=1)
    names = ("next", "interpreter lock held", "reading every attribute", "both")
    times: dict[str, list[float]] = {f"{n}, {s} (us)": [] for n in names for s in STATES}
    for _ in range(REPEATS):
        stream = iter(loader)
        next(stream)
        for _ in range((len(loader) - 1) // 2):
            held_s = loader.statistics()["deliver"]["busy_s"]
            sleep(0.02)  # both batches ahead are finished by then
            for state in STATES:
                begun = perf_counter()
                batch = next(stream)
                handed = perf_counter()
                read_all(batch)
                done = perf_counter()
                before_s, held_s = held_s, loader.statistics()["deliver"]["busy_s"]
                measured = (handed - begun, held_s - before_s, done - handed, done - begun)
                for name, seconds in zip(names, measured, strict=True):
                    times[f"{name}, {state} (us)"].append(1e6 * seconds)
    return {name: statistics.median(each) for name, each in times.items()}


def after_a_pause() -> dict[str, float]:
    """Microseconds of the least that Python can do where `hand_over` finds cold caches."""
    calls: dict[str, Any] = {"nothing": lambda: None, "an empty array": lambda: np.empty(3)}
    times: dict[str, list[float]] = {f"{name}, cold (us)": [] for name in calls}
    for _ in range(100):
        for name, call in calls.items():
            sleep(0.02)
            begun = perf_counter()
            call()
            times[f"{name}, cold (us)"].append(1e6 * (perf_counter() - begun))
    return {name: statistics.median(each) for name, each in times.items()}


def resume(stimuli: StimulusSet, steps: int) -> dict[str, float]:
    """Milliseconds from a state at a random step to being there, and to the first batch."""
    chance = random.Random(0)
    state = Loader(stimuli, batch_size=BATCH, seed=0).state_dict()
    there: list[float] = []
    first: list[float] = []
    made = 0
    for _ in range(steps):
        step = chance.randrange(len(stimuli) // BATCH)
        begun = perf_counter()
        loader = Loader(stimuli, batch_size=BATCH, seed=0)
        loader.load_state_dict(state | {"consumed": step * BATCH})
        restored = perf_counter()
        next(iter(loader))
        first.append((perf_counter() - restored) * 1e3)
        there.append((restored - begun) * 1e3)
        made = max(made, loader.statistics()["make"]["samples"])
    return {
        "stimuli of the set": len(stimuli),
        "random steps": steps,
        "new loader and load_state_dict, median (ms)": statistics.median(there),
        "new loader and load_state_dict, most (ms)": max(there),
        "first batch, median (ms)": statistics.median(first),
        # The first batch itself, and those that are made ahead meanwhile: nothing before.
        "most batches made for the first one": made / BATCH,
    }


def resumes(folder: Path, steps: int) -> dict[str, Any]:
    """Of a large recipe, and of a set on disk with the time to open it."""
    written = render_set(StimulusSet.recipe(count=1000, size_px=SMALL_PX), folder / "set").folder
    begun = perf_counter()
    stored = StimulusSet.open(written)
    opened = {"open (ms)": (perf_counter() - begun) * 1e3}
    recipe = StimulusSet.recipe(count=1_000_000, size_px=SMALL_PX)
    return {"recipe": resume(recipe, steps), "shards": opened | resume(stored, steps)}


def resident_mib() -> float:
    """Memory of this process that is not swapped out."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(stimuli: StimulusSet, batches: int) -> dict[str, Any]:
    """Resident memory over very many batches of four sets drawn by share."""
    loader = Loader([stimuli] * 4, batch_size=4, seed=0, shares=[4, 3, 2, 1])
    done, marks, start = 0, [], perf_counter()
    while done < batches:
        for batch in islice(iter(loader), batches - done):
            done += 1
            batch.ids, batch.images.sum()
            if done % (batches // 10) == 0:
                marks.append(round(resident_mib(), 2))
    pool = loader.statistics()["pool"]
    return {
        "batches": done,
        "batches per second": done / (perf_counter() - start),
        "resident at each tenth (MiB)": marks,
        "growth from the first tenth to the last (MiB)": marks[-1] - marks[0],
        "buffers allocated": pool["allocated"],
        "buffers used again": pool["reused"],
    }


def images_per_s(stimuli: StimulusSet, threads: int) -> float:
    """One epoch from recipe to patches."""
    qwen = Preprocess.qwen2_vl()
    loader = Loader(stimuli, batch_size=BATCH, seed=0, preprocess=qwen, threads=threads)
    start = perf_counter()
    count = sum(len(batch) for batch in loader)
    return count / (perf_counter() - start)


def spin(scene: str) -> None:
    """Renders without end."""
    drawn = Scene.from_json(scene)
    while True:
        render(drawn)


def throughput(count: int) -> dict[str, float]:
    """Images per second by threads, interleaved, and while another process is busy."""
    stimuli = StimulusSet.recipe(count=count)
    scene = stimuli[0].scene
    if scene is None:
        raise ValueError("expected a rendered stimulus to have its scene, got none")
    rates: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for threads in (1, 2, 4):
            rates.setdefault(f"{threads} threads", []).append(images_per_s(stimuli, threads))
        hog = multiprocessing.get_context("spawn").Process(target=spin, args=(scene.to_json(),))
        hog.start()
        try:
            sleep(1)  # until it has begun
            rates.setdefault("2 threads, one core busy", []).append(images_per_s(stimuli, 2))
        finally:
            hog.kill()
            hog.join()
    calm, busy = rates["2 threads"], rates["2 threads, one core busy"]
    kept = [with_hog / without for with_hog, without in zip(busy, calm, strict=True)]
    return {name: statistics.median(each) for name, each in rates.items()} | {
        "share kept while one core is busy, median": statistics.median(kept),
        "share kept while one core is busy, least": min(kept),
        "share kept while one core is busy, most": max(kept),
    }


def stages(count: int) -> dict[str, Any]:
    """Where the time of two threads goes, from recipe to patches."""
    qwen = Preprocess.qwen2_vl()
    stimuli = StimulusSet.recipe(count=count)
    loader = Loader(stimuli, batch_size=BATCH, seed=0, preprocess=qwen, threads=2)
    for _ in loader:
        pass
    return loader.statistics()


def measure(count: int, batches: int, stops: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, files = pictures(folder, 1000, SMALL_PX)
        fitting, _ = pictures(folder, 1000, 56)
        figures: dict[str, Any] = {
            "promises": promises(small, files, stops),
            "images": hand_over(small, None),
            "patches": hand_over(fitting, Preprocess.qwen2_vl()),
            "after a pause": after_a_pause(),
            "resume": resumes(folder, 20),
            "memory": memory(small, batches),
        }
    figures["recipe to patches (images/s)"] = throughput(count)
    figures["stages"] = stages(count)
    return figures


def show(figures: dict[str, Any], indent: str = "") -> None:
    """Prints names and values."""
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        else:
            shown = f"{value:12.5g}" if isinstance(value, int | float) else f"  {value}"
            print(f"{indent}{name:<{48 - len(indent)}} {shown}")


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=100_000)
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/loader.json"))
    arguments = parser.parse_args()
    try:
        figures = measure(arguments.count, arguments.batches, arguments.stops)
    except BrokenError as broken:
        sys.exit(f"error: a promise is broken: {broken}")
    show(figures)
    command = (
        f"python benchmarks/loader.py --count {arguments.count} --batches {arguments.batches} "
        f"--stops {arguments.stops}"
    )
    record.write(arguments.out, command, {"figures": figures})


if __name__ == "__main__":
    main()

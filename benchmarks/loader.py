"""What does the loader itself cost, and does it stay within its bounds?

Run: python benchmarks/loader.py [--batches 100000] [--out benchmarks/results/loader.json]

- Python's side of a batch: `next` on a batch that is finished already (the interpreter lock is held
  all the while, but for waking a thread), then reading every attribute of it.
- Resume: a new loader at a state in the middle of a set, and the first batch from there.
- Memory: resident set over very many small batches, after a tenth of them and at the end.
- Threads: recipe to patches by 1, 2 and 4 threads, interleaved; and by 2 while another process
  keeps a core busy.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
from itertools import islice
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from cogtrain import Batch, Loader, Preprocess, StimulusSet, _core, environment, render
from cogtrain._core import Scene

BATCH = 32
REPEATS = 5
SMALL_PX = 28


def pictures(folder: Path, count: int, size_px: int) -> StimulusSet:
    """`count` small PNG files."""
    stimuli = StimulusSet.recipe(count=count, size_px=size_px)
    paths = [folder / f"{size_px}-{index}.png" for index in range(count)]
    for path, stimulus in zip(paths, stimuli, strict=True):
        path.write_bytes(_core.encode_png(stimulus.image))
    answers = [{"will_fall": "yes"}] * count
    return StimulusSet(
        "pictures", _core.Source.photographs([p.stem for p in paths], paths, answers)
    )


def read_all(batch: Batch) -> object:
    """Every attribute, as a training step would."""
    return batch.ids, batch.answers, batch.sets, batch.weights, batch.positions, batch.arrays


def hand_over(stimuli: StimulusSet, preprocess: Preprocess | None) -> dict[str, float]:
    """Microseconds of Python's side of batches that are ready.

    Both batches ahead are taken after a pause: the first one finds cold caches, as it would after a
    training step, the second one warm ones.
    """
    loader = Loader(stimuli, batch_size=BATCH, seed=0, preprocess=preprocess, threads=1)
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    read: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(REPEATS):
        stream = iter(loader)
        next(stream)
        for _ in range((len(loader) - 1) // 2):
            sleep(0.02)  # both batches ahead are finished by then
            for state in ("cold", "warm"):
                begun = perf_counter()
                batch = next(stream)
                handed = perf_counter()
                read_all(batch)
                read[state].append((perf_counter() - handed) * 1e6)
                times[state].append((handed - begun) * 1e6)
    return {
        f"{name}, {state} (us)": statistics.median(each[state])
        for name, each in (("next", times), ("reading every attribute", read))
        for state in ("cold", "warm")
    }


def resume_ms(count: int) -> dict[str, float]:
    """Milliseconds from a state in the middle of a set to being there, and to the first batch."""
    stimuli = StimulusSet.recipe(count=count, size_px=SMALL_PX)
    state = Loader(stimuli, batch_size=BATCH, seed=0).state_dict() | {"consumed": count // 2}
    there: list[float] = []
    first: list[float] = []
    for _ in range(REPEATS):
        begun = perf_counter()
        loader = Loader(stimuli, batch_size=BATCH, seed=0)
        loader.load_state_dict(state)
        restored = perf_counter()
        next(iter(loader))
        first.append((perf_counter() - restored) * 1e3)
        there.append((restored - begun) * 1e3)
    return {
        "new loader and load_state_dict (ms)": statistics.median(there),
        "first batch (ms)": statistics.median(first),
    }


def resident_mib() -> float:
    """Memory of this process that is not swapped out."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(stimuli: StimulusSet, batches: int) -> dict[str, float]:
    """Resident memory over very many batches of four sets drawn by share."""
    loader = Loader([stimuli] * 4, batch_size=4, seed=0, shares=[4, 3, 2, 1])
    done, marks, start = 0, [], perf_counter()
    while done < batches:
        for batch in islice(iter(loader), batches - done):
            done += 1
            batch.ids, batch.images.sum()
            if done % (batches // 10) == 0:
                marks.append(resident_mib())
    pool = loader.statistics()["pool"]
    return {
        "batches": done,
        "batches per second": done / (perf_counter() - start),
        "after a tenth (MiB)": marks[0],
        "at the end (MiB)": marks[-1],
        "most (MiB)": max(marks),
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
    return {name: statistics.median(each) for name, each in rates.items()}


def stages(count: int) -> dict[str, Any]:
    """Where the time of two threads goes, from recipe to patches."""
    qwen = Preprocess.qwen2_vl()
    stimuli = StimulusSet.recipe(count=count)
    loader = Loader(stimuli, batch_size=BATCH, seed=0, preprocess=qwen, threads=2)
    for _ in loader:
        pass
    return loader.statistics()


def measure(count: int, batches: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        small, fitting = (pictures(Path(folder), 1000, side) for side in (SMALL_PX, 56))
        figures: dict[str, Any] = {
            "images": hand_over(small, None),
            "patches": hand_over(fitting, Preprocess.qwen2_vl()),
            "resume": resume_ms(1_000_000),
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
            print(f"{indent}{name:<{44 - len(indent)}} {value:12.5g}")


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/loader.json"))
    arguments = parser.parse_args()
    figures = measure(arguments.count, arguments.batches)
    show(figures)
    record = {
        "command": f"python benchmarks/loader.py --count {arguments.count} "
        f"--batches {arguments.batches}",
        "machine": environment.describe(),
        "figures": figures,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

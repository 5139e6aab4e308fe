"""How fast do photographs become what a model reads, beside other people's loaders?

Run: python benchmarks/loading.py [--images 600] [--rounds 5] [--threads 2] [--out FILE.json]

JPEG files of 512 px become float batches of 448 px, resized bicubically and normalised as for CLIP:
cogtrain, torch's DataLoader, webdataset, litdata, mosaicml-streaming, grain, DALI (processor) and
SPDL, each in a process of its own, with the same number of threads or worker processes, in turns.
Peers are the optional extra `bench`; what is not installed is reported so. Prints the median over
rounds with its extremes, CPU seconds per 1,000 images, peak memory (with worker processes), and how
much faster the first is.
"""

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import race
from peers import job
from PIL import Image

PEERS = ("cogtrain", "torch", "webdataset", "litdata", "streaming", "grain", "dali", "spdl")
LEAST_S = 5.0


def module(name: str) -> ModuleType:
    return importlib.import_module(f"peers.by_{name}")


def photographs(folder: Path, count: int) -> None:
    """Pictures of wooden towers as a camera would store them."""
    from cogtrain import StimulusSet

    folder.mkdir()
    stimuli = StimulusSet.recipe("tower", "wood", count=count, size_px=512)
    for index, stimulus in enumerate(stimuli):
        Image.fromarray(stimulus.image).save(folder / f"{index:06d}.jpg", quality=90)


def sizes(batches: Iterator[np.ndarray]) -> Iterator[int]:
    for batch in batches:
        yield len(batch)


def distance(name: str, folder: Path, images: Path, threads: int) -> float:
    """Largest difference of the first batch from Pillow's, in levels of 255."""
    batch = np.asarray(next(iter(module(name).batches(folder, threads))))
    asked = np.stack([job.sample(path.read_bytes()) for path in job.files(images)[: len(batch)]])
    return float((np.abs(batch - asked).max(axis=(0, 2, 3)) * job.STD).max() * 255)


def run_one(name: str, folder: Path, images: Path, threads: int) -> None:
    """A contestant's turn, in a process of its own."""
    one = race.lap(sizes(module(name).batches(folder, threads)), at_least_s=LEAST_S)
    race.report(one)


def prepared(root: Path, count: int) -> Path:
    """The photographs, and beside them each peer's own copy."""
    images = root / "images"
    photographs(images, count)
    for name in PEERS:
        try:
            module(name).prepare(images, root / name)
        except Exception as error:  # whatever a peer may raise; its turn will tell
            print(f"{name}: {error!r}", file=sys.stderr)
    return images


def main() -> None:
    """Prepares, races, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=PEERS, help="one turn of one contestant, in `--root`")
    parser.add_argument("--check", choices=PEERS, help="only compare its pixels, in `--root`")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/loading.json"))
    arguments = parser.parse_args()
    if arguments.only or arguments.check:
        turn, name = arguments.root, arguments.only or arguments.check
        place = (name, turn / name, turn / "images", arguments.threads)
        if arguments.only:
            run_one(*place)
        else:
            print(json.dumps(distance(*place)))
        return
    with tempfile.TemporaryDirectory() as root:
        figures = measured(Path(root), arguments)
    print(race.show(figures, PEERS[0]))
    record(figures, arguments)


def measured(root: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures of all contestants."""
    prepared(root, arguments.images)
    own = [sys.executable, __file__, "--root", str(root), "--threads", str(arguments.threads)]
    return race.race(PEERS, lambda name: [*own, "--only", name], arguments.rounds)


def record(figures: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> None:
    from cogtrain import environment

    words = f"python benchmarks/loading.py --images {arguments.images} --rounds {arguments.rounds}"
    found = {"command": words, "machine": environment.describe(), "figures": figures}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How fast are images resized and made into model input, beside Pillow, torch and Hugging Face?

Run: python benchmarks/resample.py [--rounds 15] [--out benchmarks/results/resample.json]

Processor time of one thread, which others on the machine disturb less than time on the clock. Ours
and the peers take turns within each round; ratios are of medians. All give the same values bit for
bit: benchmarks/parity.py.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from time import thread_time

import numpy as np
import record
import torch
from parity import FAMILIES, hugging_face, ours
from PIL import Image

from cogtrain._core import resize

# Side before and after.
SIZES = [(512, 224), (512, 448), (1024, 224), (256, 252), (224, 448), (1024, 980)]
SIDE = 512

Work = Callable[[], object]


def photo(side: int) -> np.ndarray:
    """Smooth ground with noise; resizing does not depend on what is shown."""
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)


def resizers(before: int, after: int, name: str) -> dict[str, Work]:
    """Ours and the peer of each arithmetic."""
    image = photo(before)
    picture = Image.fromarray(image)
    resample = Image.Resampling[name.upper()]
    works: dict[str, Work] = {
        "ours, as Pillow": lambda: resize(image, after, after, filter=name),
        "Pillow": lambda: np.asarray(picture.resize((after, after), resample)),
    }
    if name != "lanczos":
        planes = torch.from_numpy(image).permute(2, 0, 1)[None]
        works["ours, as torch"] = lambda: resize(
            image, after, after, filter=name, resampler="torch"
        )
        works["torch"] = lambda: torch.nn.functional.interpolate(
            planes, (after, after), mode=name, antialias=True
        )
    return works


def processors(family: str) -> dict[str, Work]:
    """Ours and Hugging Face's, on one image."""
    picture = Image.fromarray(photo(SIDE))
    reference = hugging_face(family)
    mine = ours(reference, resize="pillow")
    short = ours(reference, resize="pillow", dtype="bfloat16")
    return {
        "ours": lambda: mine(picture),
        "ours, bfloat16": lambda: short(picture),
        "Hugging Face": lambda: reference(picture, return_tensors="np"),
    }


def measure(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, and how far the middle half of its rounds spreads."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            start = thread_time()
            work()
            if turn:  # the first one warms up
                times[name].append((thread_time() - start) * 1e3)
    figures = {f"{name} (ms)": median(taken) for name, taken in times.items()}
    for name, taken in times.items():
        lower, _, upper = quantiles(taken)
        figures[f"{name} (spread)"] = (upper - lower) / median(taken)
    return figures


def row(figures: dict[str, float], mine: str, peer: str) -> str:
    """One line of the table."""
    ms, other = figures[f"{mine} (ms)"], figures[f"{peer} (ms)"]
    return f"{ms:8.3f} ms {other:9.3f} ms  {other / ms:6.2f} times faster than {peer}"


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/resample.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, object] = {}
    for name in ("bicubic", "lanczos"):
        for before, after in SIZES:
            figures = measure(resizers(before, after, name), arguments.rounds)
            found[f"{name}, {before} px to {after} px"] = figures
            print(f"{name:<8} {before:4} → {after:3}", row(figures, "ours, as Pillow", "Pillow"))
            if name != "lanczos":
                print(" " * 19, row(figures, "ours, as torch", "torch"))
    for family in FAMILIES:
        figures = measure(processors(family), arguments.rounds)
        found[f"{family}, {SIDE} px"] = figures
        print(f"{family:<19}", row(figures, "ours", "Hugging Face"))
        print(" " * 19, row(figures, "ours, bfloat16", "Hugging Face"))
    command = f"python benchmarks/resample.py --rounds {arguments.rounds}"
    record.write(arguments.out, command, found)


if __name__ == "__main__":
    main()

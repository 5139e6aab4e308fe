"""How fast do scenes and photographs become what a model reads, and how soon is there an answer?

Run: python benchmarks/throughput.py [--count 1024] [--rounds 5] [--out FILE.json]

One thread throughout, so that figures are per core; some minutes. Scenes of every task and style
are drawn. Then small towers in cubeworld, and photographs (wooden towers as JPEG files of quality
90, 4:2:0), all of 224 px, become the patches of Qwen2-VL in a `Loader`. The peer is Pillow with the
Hugging Face PIL processor, on the same files: it gives the same tensors, bit for bit. Nobody else
offers scenes; for scale, the Hugging Face processor is shown on pictures that are rendered already.
Contestants take turns within each round. Printed are medians over rounds of images per second of
processor time (others on the machine disturb it less than the clock, which is written beside it),
how far the middle half of the rounds spreads, where ours spends its time per pixel, and what the
machine's memory takes in at most.
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

import numpy as np
from PIL import Image

from cogtrain import Loader, Preprocess, StimulusSet, environment, render

BATCH = 32
SIDE_PX = 224
PIXELS = SIDE_PX * SIDE_PX
# Scenes of each task, and how often they are drawn in a turn, by style: for turns of equal length.
SCENES = 24
DRAWN = {"cubeworld": 40, "wood": 1, "randomised": 1}
WARM_UP = 2  # batches: the first is cut anew, the second fills the pool

# What is compared: ours, its peer.
PAIRS = {
    "scene to patches": ("scene to patches", "ready picture, Hugging Face"),
    "JPEG to patches": ("JPEG to patches", "JPEG, Pillow and Hugging Face"),
}


class Ours:
    """One thread that fills batches, and where its time went."""

    def __init__(self, stimuli: StimulusSet, preprocess: Preprocess | None) -> None:
        options: dict[str, Any] = {"batch_size": BATCH, "seed": 0, "threads": 1}
        self.loader = Loader(stimuli, preprocess=preprocess, **options)
        for batch, _ in zip(self.loader, range(WARM_UP), strict=False):
            del batch

    def __call__(self) -> int:
        return sum(len(batch) for batch in self.loader)

    def notes(self) -> dict[str, float]:
        """Nanoseconds per pixel of making and of writing, and the rate of writing."""
        found = self.loader.statistics()
        make, prepare = found["make"], found["prepare"]
        pixels = PIXELS * make["samples"]
        return {
            "make (ns/pixel)": 1e9 * make["busy_s"] / pixels,
            "write (ns/pixel)": 1e9 * prepare["busy_s"] / pixels,
            "written (bytes/pixel)": prepare["bytes"] / pixels,
            "written (GB/s)": 1e-9 * prepare["bytes"] / prepare["busy_s"],
        }


def by_hugging_face(images: Iterable[Any], read: Callable[[Any], Any]) -> Callable[[], int]:
    """The peer: `read` decodes, the processor makes patches."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    processor = Qwen2VLImageProcessorPil()
    kept = list(images)[: 2 * BATCH]

    def work() -> int:
        for start in range(0, len(kept), BATCH):
            batch = [read(image) for image in kept[start : start + BATCH]]
            processor(batch, return_tensors="np")
        return len(kept)

    return work


def photographs(folder: Path, count: int) -> StimulusSet:
    """JPEG files of wooden towers, as a folder of photographs."""
    stimuli = StimulusSet.recipe("tower", "wood", count=min(count, 64), size_px=SIDE_PX)
    names = [f"{index:06d}.jpg" for index in range(count)]
    files = []
    for stimulus in stimuli:
        buffer = io.BytesIO()
        Image.fromarray(stimulus.image).save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    with (folder / "stimuli.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("stimulus_id", "image", "will_fall"))
        for index, name in enumerate(names):
            (folder / name).write_bytes(files[index % len(files)])
            table.writerow((name, name, ("no", "yes")[index % 2]))
    return StimulusSet.photographs(folder / "stimuli.csv", folder)


def drawing(task: str, style: str) -> Callable[[], int]:
    """Pictures of scenes that are declared already."""
    kept = [(each.scene, each.appearance) for each in StimulusSet.recipe(task, style, count=SCENES)]

    def work() -> int:
        for _ in range(DRAWN[style]):
            for scene, look in kept:
                render(scene, look, SIDE_PX)
        return DRAWN[style] * len(kept)

    return work


def contestants(folder: Path, count: int) -> dict[str, Callable[[], int]]:
    towers = StimulusSet.recipe(count=count)
    stored = photographs(folder, count)
    f32, bf16 = Preprocess.qwen2_vl(), Preprocess.qwen2_vl(dtype="bfloat16")
    ready = [towers[index].image for index in range(min(2 * BATCH, count))]
    pictures = {
        f"{task}, {style}, drawn": drawing(task, style)
        for task in ("tower", "pyramid")
        for style in DRAWN
    }
    return pictures | {
        "scene to images": Ours(towers, None),
        "scene to patches": Ours(towers, f32),
        "scene to patches, bfloat16": Ours(towers, bf16),
        "ready picture, Hugging Face": by_hugging_face(ready, Image.fromarray),
        "JPEG to images": Ours(stored, None),
        "JPEG to patches": Ours(stored, f32),
        "JPEG to patches, bfloat16": Ours(stored, bf16),
        "JPEG, Pillow and Hugging Face": by_hugging_face(
            sorted(folder.glob("*.jpg")), lambda path: Image.open(path).convert("RGB")
        ),
    }


def agreement(folder: Path) -> int:
    """Values of the JPEG files' patches in which ours and the peer's differ."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    images = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))[:BATCH]]
    theirs = Qwen2VLImageProcessorPil()(images, return_tensors="np")["pixel_values"]
    stored = StimulusSet.photographs(folder / "stimuli.csv", folder)
    options: dict[str, Any] = {"batch_size": len(images), "seed": 0, "shuffle": False}
    loader = Loader(stored, preprocess=Preprocess.qwen2_vl(), threads=1, **options)
    values = next(iter(loader)).arrays["pixel_values"]
    return int((values.view(np.uint32) != np.asarray(theirs).view(np.uint32)).sum())


def race(works: dict[str, Callable[[], int]], rounds: int) -> dict[str, dict[str, Any]]:
    """Speeds of each, by processor time and by the clock, taking turns."""
    speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            cpu_s, clock_s = process_time(), perf_counter()
            images = work()
            taken = process_time() - cpu_s, perf_counter() - clock_s
            speeds[name].append((images / taken[0], images / taken[1]))
    figures: dict[str, dict[str, Any]] = {}
    for name, work in works.items():
        by_cpu = [speed for speed, _ in speeds[name]]
        lower, _, upper = quantiles(by_cpu)
        figures[name] = {
            "images/cpu-s": median(by_cpu),
            "images/s": median(speed for _, speed in speeds[name]),
            "spread": (upper - lower) / median(by_cpu),
            **(work.notes() if isinstance(work, Ours) else {}),
        }
    return figures


def memory_gb_s() -> float:
    """How fast one thread fills memory that is in no cache: nothing can be written sooner."""
    values = np.empty(64 << 20, dtype=np.uint8)
    values.fill(0)
    taken = []
    for level in range(1, 8):
        start = process_time()
        values.fill(level)
        taken.append(process_time() - start)
    return 1e-9 * values.nbytes / median(taken)


def answer_s(*words: str) -> float:
    """Seconds until a fresh interpreter has done `words`, the best of three."""
    command = [sys.executable, *words]
    taken = []
    for _ in range(3):
        start = perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        taken.append(perf_counter() - start)
    return min(taken)


def show(figures: dict[str, dict[str, Any]], ratios: dict[str, float]) -> None:
    print(f"{'':<32}{'images/cpu-s':>13}{'images/s':>10}{'spread':>8}")
    for name, row in figures.items():
        print(
            f"{name:<32}{row['images/cpu-s']:>13.0f}{row['images/s']:>10.0f}{row['spread']:>8.0%}"
        )
        if "make (ns/pixel)" in row:
            print(
                f"    making {row['make (ns/pixel)']:.2f} ns/pixel, writing"
                f" {row['write (ns/pixel)']:.2f} ns/pixel:"
                f" {row['written (bytes/pixel)']:.0f} bytes/pixel at"
                f" {row['written (GB/s)']:.1f} GB/s"
            )
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.1f} times {PAIRS[name][1]}")


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/throughput.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        works = contestants(Path(folder), arguments.count)
        differing = agreement(Path(folder))
        figures = race(works, arguments.rounds)
    speed = {name: row["images/cpu-s"] for name, row in figures.items()}
    ratios = {name: speed[mine] / speed[peer] for name, (mine, peer) in PAIRS.items()}
    show(figures, ratios)
    others = {
        "values that differ from the peer's": differing,
        "memory, one thread (GB/s)": memory_gb_s(),
        "--help (s)": answer_s("-m", "cogtrain", "--help"),
        "import cogtrain (s)": answer_s("-c", "import cogtrain"),
    }
    for name, value in others.items():
        print(f"{name:<36}{value:10.4g}")
    record = {
        "command": "python benchmarks/throughput.py"
        f" --count {arguments.count} --rounds {arguments.rounds}",
        "machine": environment.describe(),
        "figures": figures,
        "ratios": ratios,
        **others,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

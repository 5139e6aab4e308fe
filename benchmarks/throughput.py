"""How fast do stimuli reach a model, and how soon does the program answer?

Run: python benchmarks/throughput.py [--count 1000] [--out benchmarks/results/throughput.json]

One thread throughout, so that figures are per core. PNG images come from shards on disk. The peer
of that row is Pillow with the Hugging Face processor, in the same run, on the same images as files;
both give the same tensors.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from cogtrain import Loader, Preprocess, StimulusSet, environment
from cogtrain.rendering import render_set

BATCH = 32
REPEATS = 3  # the best of three: noise only ever slows


def best_s(work: Callable[[], object]) -> float:
    """Shortest of the repeated times."""
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def loaded(stimuli: StimulusSet, preprocess: Preprocess | None) -> Callable[[], object]:
    """One epoch by one thread."""
    loader = Loader(stimuli, batch_size=BATCH, seed=0, preprocess=preprocess, threads=1)
    return lambda: [len(batch) for batch in loader]


def by_hugging_face(images: list[Path]) -> Callable[[], object]:
    """The peer: Pillow decodes, the processor makes patches."""
    from PIL import Image
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    processor = Qwen2VLImageProcessorPil()

    def work() -> object:
        for start in range(0, len(images), BATCH):
            batch = [Image.open(path).convert("RGB") for path in images[start : start + BATCH]]
            processor(batch, return_tensors="np")
        return None

    return work


def unpacked(shards: Path, folder: Path) -> list[Path]:
    """The images of `shards` as files of their own, which is what the peer reads."""
    for shard in sorted(shards.glob("*.tar")):
        with tarfile.open(shard) as archive:
            archive.extractall(folder, filter="data")
    return sorted(folder.glob("*.png"))


def answer_s(*words: str) -> float:
    """Seconds until a fresh interpreter has done `words`."""
    command = [sys.executable, *words]
    return best_s(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))


def measure(count: int) -> dict[str, float]:
    """Images per second, and seconds of waiting."""
    towers = StimulusSet.recipe(count=count)
    qwen = Preprocess.qwen2_vl()
    with tempfile.TemporaryDirectory() as folder:
        written = render_set(towers, Path(folder) / "towers").folder
        stored = StimulusSet.open(written)
        files = unpacked(written, Path(folder) / "images")
        seconds = {
            "recipe to images": best_s(loaded(towers, None)),
            "recipe to patches": best_s(loaded(towers, qwen)),
            "PNG to patches": best_s(loaded(stored, qwen)),
            "PNG to patches, Pillow and Hugging Face": best_s(by_hugging_face(files)),
        }
    return {
        **{f"{name} (images/s)": count / value for name, value in seconds.items()},
        "--help (s)": answer_s("-m", "cogtrain", "--help"),
        "import cogtrain (s)": answer_s("-c", "import cogtrain"),
    }


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/throughput.json"))
    arguments = parser.parse_args()
    figures = measure(arguments.count)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:10.4g}")
    record = {
        "command": f"python benchmarks/throughput.py --count {arguments.count}",
        "machine": environment.describe(),
        "figures": figures,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

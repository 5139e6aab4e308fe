"""Does a model answer the same whatever else is in the batch?

Run: python benchmarks/invariance.py [--items 1000] [--pretrained tiny] [--out FILE.json]

Two questions, one of them with answers of several tokens, about pictures of towers of four sizes;
items are read one by one, in batches of 16 in the order of the set (of several lengths, as they
come), and packed: all questions about an image in one row, in passes of at most 4,096 tokens. In
float32 and in bfloat16, on one thread. Written are decisions that differ and the largest difference
of log-odds from reading one by one; exit code 1 if in float32 a decision differs, or log-odds by
1e-3. In bfloat16 nothing is promised: how far its answers, read one by one, are from those of the
same weights in float32 bounds what could be. Half a minute of processor time.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import record
import torch

from cogtrain import Preprocess, StimulusSet
from cogtrain.models.vlm import VLM

SIZES_PX = (56, 112, 168, 224)
QUESTIONS = ("will_fall", "block_count")
PROMISED, MOST = "float32", 1e-3
ONE_BY_ONE = "one by one"
Answers = tuple[torch.Tensor, list[str]]
Batch = tuple[list[int], list[str], dict[str, torch.Tensor], list[int]]


def pictures(count: int, preprocess: Preprocess) -> list[dict[str, torch.Tensor]]:
    """Arrays of `count` images, of the four sizes in turn."""
    each = -(-count // len(SIZES_PX))
    sets = [StimulusSet.recipe(count=each, size_px=size, split="test") for size in SIZES_PX]
    images = [sets[index % len(sets)][index // len(sets)].image for index in range(count)]
    made = (preprocess([[image]]) for image in images)
    return [{name: torch.from_numpy(a) for name, a in arrays.items()} for arrays in made]


def joined(arrays: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.cat([each[name] for each in arrays]) for name in arrays[0]}


def one_by_one(images: list[dict], size: int) -> Iterator[Batch]:
    """Batches of ``size`` items, each with an image of its own."""
    items = [(i, q) for i in range(len(images)) for q in range(len(QUESTIONS))]
    for begin in range(0, len(items), size):
        part = items[begin : begin + size]
        places = [i * len(QUESTIONS) + q for i, q in part]
        arrays = joined([images[i] for i, _ in part])
        yield places, [QUESTIONS[q] for _, q in part], arrays, [*range(len(part))]


def packed(images: list[dict], size: int) -> Iterator[Batch]:
    """Batches of ``size`` images with all questions about each."""
    each = len(QUESTIONS)
    for begin in range(0, len(images), size):
        part = images[begin : begin + size]
        places = [*range(begin * each, (begin + len(part)) * each)]
        image = [index for index in range(len(part)) for _ in QUESTIONS]
        yield places, list(QUESTIONS) * len(part), joined(part), image


def answers(vlm: VLM, batches: Iterator[Batch], count: int) -> Answers:
    """Log-odds of the first option and the chosen option of every item."""
    log_odds, chosen = torch.zeros(count), [""] * count
    with torch.no_grad():
        for places, questions, arrays, image in batches:
            scores = vlm.scores(questions, arrays, image=image)
            log_odds[places] = scores.log_odds
            for place, best, options in zip(
                places, scores.log_mass.argmax(dim=1).tolist(), scores.options, strict=True
            ):
                chosen[place] = options[best]
    return log_odds, chosen


def differences(found: Answers, reference: Answers) -> dict[str, float]:
    """Decisions that differ, and how far log-odds do at most and in the middle."""
    apart = (found[0] - reference[0]).abs()
    return {
        "flips": sum(a != b for a, b in zip(found[1], reference[1], strict=True)),
        "difference": apart.max().item(),
        "median": apart.median().item(),
    }


def read(dtype: str, pretrained: str, items: int) -> tuple[dict[str, Answers], dict[str, float]]:
    """Answers and processor seconds of every way of reading."""
    vlm = VLM.load(pretrained, dtype=dtype).eval()
    images = pictures(items // len(QUESTIONS), Preprocess.from_pretrained(vlm.origin.path))
    vlm.tokens_per_pass = 4096
    ways = {
        ONE_BY_ONE: one_by_one(images, 1),
        "batches of 16": one_by_one(images, 16),
        "packed": packed(images, 32),
    }
    found: dict[str, Answers] = {}
    spent: dict[str, float] = {}
    for way, batches in ways.items():
        began_s = process_time()
        found[way] = answers(vlm, batches, len(images) * len(QUESTIONS))
        spent[way] = round(process_time() - began_s, 2)
    return found, spent


def compare(pretrained: str, items: int) -> dict[str, dict[str, dict[str, float]]]:
    """Per precision and way of reading what differs from reading one by one."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    promised: Answers | None = None
    for dtype in (PROMISED, "bfloat16"):
        found, spent = read(dtype, pretrained, items)
        reference = found[ONE_BY_ONE]
        rows = {
            way: differences(each, reference) | {"cpu_s": spent[way]} for way, each in found.items()
        }
        if promised is not None:
            rows["one by one, against float32"] = differences(reference, promised)
        promised = promised or reference
        for way, row in rows.items():
            told = f"{row['flips']} flips, difference {row['difference']:.2e} at most"
            print(f"{dtype:<9} {way:<28} {told}, median {row['median']:.2e}", flush=True)
        figures[dtype] = rows | {"spread": {"log_odds_std": reference[0].std().item()}}
    return figures


def main() -> None:
    """Compares, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--pretrained", default="tiny")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/invariance.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = compare(arguments.pretrained, arguments.items)
    command = f"python benchmarks/invariance.py --items {arguments.items}"
    record.write(arguments.out, command, {"items": arguments.items, "figures": found})
    broken = [
        each
        for each in found[PROMISED].values()
        if each.get("flips") or each.get("difference", 0.0) >= MOST
    ]
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()

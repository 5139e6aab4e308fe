"""How fast is the two-way clustered bootstrap, beside torchmetrics' BootStrapper?

Run: python benchmarks/bootstrap.py [--rounds 5] [--out benchmarks/results/bootstrap.json]

1,000 replicates of 500 items judged by 100 people. Ours draws items and people and keeps the
clusters; the peer draws the judgments of one observer only, batch by batch, so it does less: its
kappa is over 500 judgments, ours over 50,000. Processor time of one thread, in turns; ratios are
of medians. The peer runs once per round with 20 replicates and is scaled, since it is linear.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import torch
from torchmetrics.classification import BinaryCohenKappa
from torchmetrics.wrappers import BootStrapper

from cogtrain import environment
from cogtrain.metrics import error_consistency, human_accuracy, spearman, spearman_to_individuals

ITEMS, PEOPLE, REPLICATES, OF_PEER = 500, 100, 1000, 20


def works() -> dict[str, tuple[Callable[[], object], float]]:
    """What runs, and by how much its time counts."""
    source = np.random.default_rng(0)
    truth = source.integers(0, 2, ITEMS).astype(float)
    ease = source.normal(size=ITEMS)
    right = source.normal(size=(PEOPLE, ITEMS)) < ease
    people = np.where(right, truth, 1 - truth)
    model = np.where(source.normal(size=ITEMS) < ease, truth, 1 - truth)
    graded = np.abs(model - 0.4 * source.random(ITEMS))
    marks = [torch.tensor(each == truth).int() for each in (model, people[0])]

    def peer() -> object:
        metric = BootStrapper(BinaryCohenKappa(), num_bootstraps=OF_PEER)
        # As in training: batches.
        for batch in torch.arange(ITEMS).split(50):
            metric.update(marks[0][batch], marks[1][batch])
        return metric.compute()

    options = {"replicates": REPLICATES}
    return {
        "human accuracy": (lambda: human_accuracy(people, truth, **options), 1),
        "error consistency": (lambda: error_consistency(model, people, truth, **options), 1),
        "Spearman to individuals": (lambda: spearman_to_individuals(model, people, **options), 1),
        "Spearman with the mean": (lambda: spearman(graded, people.mean(axis=0), **options), 1),
        "torchmetrics BootStrapper": (peer, REPLICATES / OF_PEER),
    }


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/bootstrap.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    times: dict[str, list[float]] = {}
    for turn in range(arguments.rounds + 1):
        for name, (work, scale) in works().items():
            start = process_time()
            work()
            if turn:  # the first one warms up
                times.setdefault(name, []).append((process_time() - start) * scale)
    seconds = {name: median(taken) for name, taken in times.items()}
    slowest = seconds["torchmetrics BootStrapper"]
    record = {
        "command": f"python benchmarks/bootstrap.py --rounds {arguments.rounds}",
        "machine": environment.describe(),
        "design": f"{REPLICATES} replicates, {ITEMS} items, {PEOPLE} people",
        "seconds": seconds,
        "times faster": {name: slowest / taken for name, taken in seconds.items()},
    }
    for name, taken in seconds.items():
        print(f"{name:<28}{taken:>9.3f} s{slowest / taken:>9.0f} times faster")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

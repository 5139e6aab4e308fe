"""What does it take to score 100,000 judgments: every metric, ceiling, interval, test, difference?

Run: python benchmarks/scoring.py [--out benchmarks/results/scoring.json]

Two designs of 100,000 judgments: 95 people and 5 graded models on 1,000 stimuli, and 10 models on
10,000 stimuli without people. The verb `score` in a process of its own, from Parquet to the printed
table, 1,000 replicates. Processor time of one thread, time on the clock, and peak memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from cogtrain import environment
from cogtrain.judgments import Judgments

DESIGNS = {
    "95 people, 5 models, 1,000 stimuli": (95, 5, 1000),
    "10 models, 10,000 stimuli": (0, 10, 10_000),
}


def judgments(people: int, models: int, stimuli: int) -> Judgments:
    """Noisy observers of the same stimuli."""
    source = np.random.default_rng(0)
    margin = source.normal(size=stimuli)
    ids = [f"{number:05d}" for number in range(stimuli)]
    columns = {"question": "will_fall", "truth": np.where(margin > 0, "yes", "no").tolist()}
    parts = []
    for number in range(people):
        choice = (margin + source.normal(size=stimuli) > 0).astype(float)
        kind = {"observer_kind": "human"}
        parts.append(Judgments.from_model(f"person {number}", ids, choice, **columns, **kind))
    for number in range(models):
        p = 1 / (1 + np.exp(-margin - source.normal(size=stimuli)))
        parts.append(Judgments.from_model(f"model {number}", ids, p, **columns))
    return Judgments.concat(parts)


def measure(table: Judgments) -> dict[str, float]:
    """Seconds and memory of the verb in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "judgments.parquet"
        table.write(path)
        command = [sys.executable, "-m", "cogtrain", "score", str(path)]
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        start = perf_counter()
        process = subprocess.Popen(command, env=one_thread, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        clock = perf_counter() - start
    if process.returncode:
        raise SystemExit(f"score ended with {process.returncode}")
    cpu = used.ru_utime + used.ru_stime
    return {"cpu_s": cpu, "clock_s": clock, "peak_mb": used.ru_maxrss * 1024 / 1e6}


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scoring.json"))
    arguments = parser.parse_args()
    record: dict[str, object] = {
        "command": "python benchmarks/scoring.py",
        "machine": environment.describe(),
    }
    for name, design in DESIGNS.items():
        figures = measure(judgments(*design))
        record[name] = figures
        words = f"{figures['cpu_s']:.1f} s CPU, {figures['clock_s']:.1f} s on the clock"
        print(f"{name:<36}{words}, {figures['peak_mb']:.0f} MB")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Does damaged input ever make a reader panic, or take long?

Run: python benchmarks/fuzzing.py [--total 10000000] [--seconds 20] [--out FILE.json]

Every target of `make fuzz` runs for as many seconds; then the fastest go on from where they were,
all for the same time, until the total is reached. Each input is a new one, and can be made again
from its target and number. A panic ends it with exit code 1 and names the file with the input.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import record

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["cargo", "test", "--release", "--locked", "--lib", "-p", "cogtrain-core", "fuzz::fuzz"]
ENDING = ["--", "--ignored", "--nocapture", "--test-threads=1"]
LINE = re.compile(
    r"(?:^| )(?P<name>[\w-]+) +(?P<executions>\d+) executions in (?P<seconds>[\d.]+) s, no panic, "
    r"slowest (?P<slowest_s>[\d.]+) s \(number (?P<slowest_number>\d+)\)",
    re.MULTILINE,
)
# Readers that go on until the total is reached.
FASTEST = 4

Figures = dict[str, dict[str, Any]]


def run(seconds: int, **chosen: object) -> Figures:
    """What the targets did, by name; `chosen` are further variables of `make fuzz`."""
    words = {f"COGTRAIN_FUZZ_{name}": str(value) for name, value in chosen.items()}
    environment = os.environ | {"COGTRAIN_FUZZ_S": str(seconds)} | words
    done = subprocess.run(
        [*COMMAND, *ENDING], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"error: {done.stdout}{done.stderr}")
    found = [match.groupdict() for match in LINE.finditer(done.stdout)]
    return {
        each["name"]: {
            "executions": int(each["executions"]),
            "seconds": float(each["seconds"]),
            "slowest_s": float(each["slowest_s"]),
            "slowest_number": int(each["slowest_number"]),
        }
        for each in found
    }


def together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both runs of a target as one."""
    slowest = max(one, other, key=lambda each: each["slowest_s"])
    return slowest | {name: one[name] + other[name] for name in ("executions", "seconds")}


def reach(total: int, seconds: int) -> Figures:
    """Runs of all targets until they have `total` executions together."""
    figures = run(seconds)
    show(figures)
    while (left := total - sum(each["executions"] for each in figures.values())) > 0:
        rates = {name: each["executions"] / each["seconds"] for name, each in figures.items()}
        fastest = sorted(rates, key=lambda name: -rates[name])[:FASTEST]
        more = 1 + int(left / sum(rates[name] for name in fastest))
        for name in fastest:
            done = figures[name]
            again = run(more, TARGET=name, FROM=done["executions"])
            show(again)
            figures[name] = together(done, again[name])
    return figures


def show(figures: Figures) -> None:
    """Prints a line for each target."""
    for name, each in figures.items():
        print(
            f"{name:<13} {each['executions']:>9,} executions, {each['seconds']:7.1f} s, "
            f"slowest {each['slowest_s']:.4f} s",
            flush=True,
        )


def main() -> None:
    """Runs, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--total", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/fuzzing.json"))
    arguments = parser.parse_args()
    figures = reach(arguments.total, arguments.seconds)
    executions = sum(each["executions"] for each in figures.values())
    print(f"{executions:,} executions of {len(figures)} targets, no panic")
    command = f"python benchmarks/fuzzing.py --total {arguments.total}"
    record.write(arguments.out, command, {"executions": executions, "targets": figures})


if __name__ == "__main__":
    main()

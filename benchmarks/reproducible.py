"""Are the bytes of a set the same whatever the number of threads?

Run: python benchmarks/reproducible.py [--count 1000] [--threads 1 2 4] [--out FILE.json]

Writes a set of every task in every style as shards, once per number of threads, and prints one
SHA-256 over the names and bytes of all its files. Exit code 1 if they differ.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from itertools import product
from pathlib import Path

from cogtrain import StimulusSet, environment
from cogtrain.rendering import render_set

TASKS = ("tower", "pyramid")
STYLES = ("cubeworld", "wood", "randomised")


def digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def written(task: str, style: str, count: int, threads: int) -> str:
    stimuli = StimulusSet.recipe(task, style, count=count)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        render_set(stimuli, out, threads=threads)
        return digest(out)


def main() -> None:
    """Writes, compares, prints and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reproducible.json"))
    arguments = parser.parse_args()
    sets, same = {}, True
    for task, style in product(TASKS, STYLES):
        found = [written(task, style, arguments.count, n) for n in arguments.threads]
        is_same = len(set(found)) == 1
        same &= is_same
        sets[f"{task} {style}"] = found[0] if is_same else found
        verdict = "same" if is_same else f"DIFFER {found}"
        print(f"{task:<8}{style:<12}{found[0]}  threads {arguments.threads}: {verdict}", flush=True)
    record = {
        "command": f"python benchmarks/reproducible.py --count {arguments.count}",
        "machine": environment.describe(),
        "threads": arguments.threads,
        "sha256": sets,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    sys.exit(not same)


if __name__ == "__main__":
    main()

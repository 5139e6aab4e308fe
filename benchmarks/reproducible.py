"""Are the bytes the same whatever the number of threads and the instruction set?

Run: python benchmarks/reproducible.py [--count 1000] [--threads 1 2 4] [--out FILE.json]

For every task in every style: writes a set as shards, once per number of threads, and takes one
SHA-256 over the names and bytes of all its files; then makes pictures and model input in a process
of its own per instruction set that this machine has (chosen by the environment variable
COGTRAIN_SIMD), and takes one SHA-256 over ids, pixels, and values resized as Pillow and as torch
do. Exit code 1 if any differ.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import record

from cogtrain import Loader, Preprocess, StimulusSet, _core
from cogtrain.rendering import render_set

TASKS = ("tower", "pyramid")
STYLES = ("cubeworld", "wood", "randomised")
BATCH = 50
# Smaller than the pictures, so that there is something to resize.
MAX_PIXELS = 196 * 196


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


def made(task: str, style: str, count: int) -> str:
    """SHA-256 over what this process makes of a recipe."""
    stimuli = StimulusSet.recipe(task, style, count=count)
    inputs = [
        Preprocess.qwen2_vl(max_pixels=MAX_PIXELS, resize=mode) for mode in ("pillow", "torch")
    ]
    found = hashlib.sha256()
    for batch in Loader(stimuli, batch_size=BATCH, seed=0, shuffle=False):
        found.update(" ".join(batch.ids).encode())
        found.update(batch.images)
        for preprocess in inputs:
            found.update(preprocess(batch.images)["pixel_values"])
    return found.hexdigest()


def made_by(body: str, task: str, style: str, count: int) -> str:
    """`made` in a process that uses the instruction set called `body`."""
    words = [sys.executable, __file__, "--only", task, style, "--count", str(count)]
    run = subprocess.run(
        words, env=os.environ | {"COGTRAIN_SIMD": body}, capture_output=True, text=True, check=True
    )
    used, found = run.stdout.split()
    if used != body:
        raise SystemExit(f"expected the instruction set {body} to be used, got {used}")
    return found


def agree(what: str, names: Sequence[object], found: Sequence[str]) -> str | None:
    """The one digest, printed; nothing if they differ."""
    is_same = len(set(found)) == 1
    listed = ", ".join(map(str, names))
    verdict = "same" if is_same else f"DIFFER {found}"
    print(f"{what:<28}{found[0]}  {listed}: {verdict}", flush=True)
    return found[0] if is_same else None


def compare(count: int, threads: Sequence[int], bodies: Sequence[str]) -> dict[str, object]:
    by_threads: dict[str, str | None] = {}
    by_body: dict[str, str | None] = {}
    for task, style in product(TASKS, STYLES):
        name = f"{task} {style}"
        files = [written(task, style, count, n) for n in threads]
        by_threads[name] = agree(f"{name}, files", [f"{n} threads" for n in threads], files)
        values = [made_by(body, task, style, count) for body in bodies]
        by_body[name] = agree(f"{name}, values", bodies, values)
    return {
        "count": count,
        "threads": threads,
        "sha256": by_threads,
        "instruction_sets": bodies,
        "sha256_by_instruction_set": by_body,
    }


def main() -> None:
    """Writes, compares, prints and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--only", nargs=2, metavar=("TASK", "STYLE"), help="one digest, here")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reproducible.json"))
    arguments = parser.parse_args()
    if arguments.only:
        print(_core.instruction_set(), made(*arguments.only, arguments.count))
        return
    bodies = _core.instruction_sets()
    found = compare(arguments.count, arguments.threads, bodies)
    command = f"python benchmarks/reproducible.py --count {arguments.count}"
    record.write(arguments.out, command, found)
    digests = [found["sha256"], found["sha256_by_instruction_set"]]
    sys.exit(any(None in each.values() for each in digests if isinstance(each, dict)))


if __name__ == "__main__":
    main()

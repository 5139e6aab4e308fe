"""How long does a set on disk take, how large is it, and does it survive being killed?

Run: python benchmarks/render_set.py [--count 10000] [--kills 5] [--out FILE.json]

Writes a set of towers as a recipe (ten times as many stimuli) and as shards, in a process of its
own as a user would; then writes the shards again in a process that is killed (SIGKILL) at random
moments and started anew until it is done, and compares the SHA-256 of every file. Prints and writes
seconds and bytes.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import record

from cogtrain import StimulusSet


def command(out: Path, count: int, *more: str) -> list[str]:
    words = ["render", "--out", str(out), "--count", str(count), *more]
    return [sys.executable, "-m", "cogtrain", *words]


def seconds(words: list[str]) -> float:
    start = perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, by its name within the folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def killed(words: list[str], within_s: float, kills: int) -> int:
    """Runs `words` to the end, killing it up to `kills` times; returns how often it was."""
    chance, done = random.Random(0), 0
    while True:
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            code = child.wait(chance.uniform(0.1, 1.0) * within_s if done < kills else None)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            done += 1
            continue
        if code != 0:
            raise SystemExit(f"expected exit code 0 from {' '.join(words)}, got {code}")
        return done


def measure(folder: Path, count: int, kills: int) -> dict[str, float | int | bool]:
    recipe_s = seconds(command(folder / "recipe", 10 * count, "--recipe_only", "true"))
    whole_s = seconds(command(folder / "whole", count))
    times = killed(command(folder / "pieces", count), whole_s / max(kills, 1), kills)
    whole, pieces = digests(folder / "whole"), digests(folder / "pieces")
    start = perf_counter()
    stimuli = StimulusSet.open(folder / "whole")
    open_s = perf_counter() - start
    start = perf_counter()
    for number in range(sum(name.endswith(".tar") for name in whole)):
        stimuli.source.verify(number)
    return {
        "stimuli as recipe": 10 * count,
        "recipe (s)": recipe_s,
        "stimuli as shards": count,
        "shards (s)": whole_s,
        "shards (stimuli/s)": count / whole_s,
        "size (MB)": sum(p.stat().st_size for p in (folder / "whole").rglob("*")) / 1e6,
        "open (s)": open_s,
        "verify, decoding every image (s)": perf_counter() - start,
        "times killed": times,
        "files": len(whole),
        "same SHA-256 after kills": whole == pieces,
    }


def main() -> None:
    """Measures, prints and writes; exit code 1 if the bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/render_set.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.count, arguments.kills)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {f'{value:,.2f}' if isinstance(value, float) else value}")
    words = f"python benchmarks/render_set.py --count {arguments.count} --kills {arguments.kills}"
    record.write(arguments.out, words, {"figures": figures})
    sys.exit(not figures["same SHA-256 after kills"])


if __name__ == "__main__":
    main()

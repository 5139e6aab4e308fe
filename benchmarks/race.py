"""Races: contestants in processes of their own, in turns: a noisy machine is noisy to all."""

import json
import resource
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Lap:
    """What one contestant did in one turn."""

    images: int
    seconds: float
    cpu_s: float
    peak_mb: float


def lap(batches: Iterable[int], *, at_least_s: float) -> Lap:
    """Counts images until the clock has run for `at_least_s`, after a first batch that is free."""
    turn = iter(batches)
    next(turn)
    images, cpu_s, start = 0, _cpu_s(), perf_counter()
    for size in turn:
        images += size
        if perf_counter() - start >= at_least_s:
            break
    seconds = perf_counter() - start
    return Lap(images, seconds, _cpu_s() - cpu_s, _peak_mb())


def race(
    names: Sequence[str], command: Callable[[str], list[str]], rounds: int
) -> dict[str, dict[str, Any]]:
    """Runs every contestant once per round; each prints its `Lap` as JSON on its last line.

    Returns per contestant median and extremes of images/s, CPU seconds per 1,000 images and peak
    memory, or why it did not run.
    """
    laps: dict[str, list[Lap]] = {name: [] for name in names}
    faults: dict[str, str] = {}
    for _ in range(rounds):
        for name in names:
            if name in faults:
                continue
            run = subprocess.run(command(name), capture_output=True, text=True, check=False)
            if run.returncode == 0:
                laps[name].append(Lap(**json.loads(run.stdout.strip().splitlines()[-1])))
            else:
                faults[name] = (run.stderr.strip().splitlines() or ["no message"])[-1]
    return {name: _summary(laps[name], faults.get(name)) for name in names}


def show(figures: dict[str, dict[str, Any]], first: str) -> str:
    """A table, with the ratio of the first contestant's speed to each other's."""
    own = figures[first].get("images_per_s", float("nan"))
    heads = f"{'images/s':>10}{'least':>9}{'most':>9}{'CPU s/1000':>12}{'MB':>8}{'ratio':>8}"
    lines = [f"{'':<22}{heads}"]
    for name, row in figures.items():
        if "fault" in row:
            lines.append(f"{name:<22}did not run: {row['fault']}")
            continue
        lines.append(
            f"{name:<22}{row['images_per_s']:>10.1f}{row['least']:>9.1f}{row['most']:>9.1f}"
            f"{row['cpu_s_per_1000']:>12.2f}{row['peak_mb']:>8.0f}{own / row['images_per_s']:>8.2f}"
        )
    return "\n".join(lines)


def report(lap: Lap) -> None:
    """Prints a lap as the last line that `race` reads."""
    print(json.dumps(asdict(lap)), flush=True)


def _summary(laps: list[Lap], fault: str | None) -> dict[str, Any]:
    if fault is not None:
        return {"fault": fault}
    speeds = [one.images / one.seconds for one in laps]
    return {
        "images_per_s": statistics.median(speeds),
        "least": min(speeds),
        "most": max(speeds),
        "cpu_s_per_1000": statistics.median(1000 * one.cpu_s / one.images for one in laps),
        "peak_mb": max(one.peak_mb for one in laps),
    }


def _cpu_s() -> float:
    """Processor seconds of this process and of its children, ended ones and running ones."""
    import psutil

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(use.ru_utime + use.ru_stime for use in used)
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _peak_mb() -> float:
    """Largest resident memory of this process and of its running children, in MB (Linux)."""
    import psutil

    own = psutil.Process()
    total = 0
    for process in [own, *own.children(recursive=True)]:
        # `ru_maxrss` would begin with what the parent had before `exec`.
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            return float("nan")
        total += 1024 * int(status.partition("VmHWM:")[2].split()[0])
    return total / 1e6

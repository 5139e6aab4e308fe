"""Does a Ray cluster give the same as this machine, whatever is killed?

Run: python benchmarks/ray_cluster.py [--stimuli 20000] [--size-px 112] [--out FILE.json]

Trains a small study of the embedded model here, two runs at a time, and again on a cluster of two
workers, of which one is killed by SIGKILL in the middle of a training; compares the tables byte for
byte. Then begins the study on a cluster whose head is killed, and goes on here. Then renders a set
with and without the cluster and compares every file. Exit code 1 if anything differs.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import record
import yaml

TOWERS = {"name": "tower-small", "count": 640, "size_px": 56, "factors": {"size": "small"}}
LARGE = {"name": "tower-large", "count": 64, "size_px": 56, "factors": {"size": "large"}}
STUDY = {
    "name": "cluster",
    "seeds": [0, 1],
    "validation": 16,
    "conditions": {"small": {"train": [TOWERS]}},
    "test": [TOWERS | {"count": 64}, LARGE],
    "trainer": {"accelerator": "cpu", "devices": 1, "val_check_interval": 0.1},
    "data": {"batch_size": 8, "eval_batch_size": 32, "threads": 1},
    "eval": {"stimuli": 2, "wandb": False},
}
TABLES = ("transfer.csv", "study.csv", "study_axes.csv", "study_comparisons.csv")
RAY = ("--engine", "ray", "--address", "local")


def study(root: Path, out: str, *options: str) -> subprocess.Popen[str]:
    words = ["study", "--config", "study.yaml", "--out", out, "--processes", "2", *options]
    return subprocess.Popen(
        [sys.executable, "-m", "cogtrain", *words], cwd=root, text=True, stdout=subprocess.PIPE
    )


def descendant(of: int, word: str) -> psutil.Process | None:
    """A process below ``of`` that was started with ``word``."""
    for each in psutil.Process(of).children(recursive=True):
        try:
            if any(word in part for part in each.cmdline()):
                return each
        except psutil.NoSuchProcess:
            continue
    return None


def wait_for_step(process: subprocess.Popen[str], run: Path) -> None:
    """Until the run has a checkpoint and goes on."""
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None, "it ended before its first checkpoint"
        time.sleep(0.02)


def tables(folder: Path) -> dict[str, bytes]:
    """The tables, and every answer with its probability, which a table may round away."""
    answers = sorted(folder.glob("runs/*/judgments.parquet"))
    found = [*(folder / "report" / name for name in TABLES), *answers]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def killed_worker(root: Path) -> dict[str, Any]:
    process = study(root, "ray", *RAY)
    wait_for_step(process, root / "ray" / "runs" / "small-seed1")
    fit = descendant(process.pid, "configs/small-seed1.yaml")
    assert fit is not None
    os.kill(fit.ppid(), signal.SIGKILL)
    told, _ = process.communicate()
    lines = [line for line in told.splitlines() if "killed after" in line]
    return {
        "exit code": process.returncode,
        "told": lines,
        "same tables": tables(root / "here") == tables(root / "ray"),
    }


def lost_cluster(root: Path) -> dict[str, Any]:
    process = study(root, "lost", *RAY)
    wait_for_step(process, root / "lost" / "runs" / "small-seed0")
    head = descendant(process.pid, "gcs_server")
    assert head is not None
    head.kill()
    began_s = time.monotonic()
    told, _ = process.communicate()
    noticed_s = time.monotonic() - began_s
    again = study(root, "lost")
    again.communicate()
    return {
        "exit code": process.returncode,
        "told": [line for line in told.splitlines() if line.startswith("error: ")],
        "seconds to the end": round(noticed_s, 1),
        "continued here": again.returncode,
        "same tables": tables(root / "here") == tables(root / "lost"),
    }


def rendered(root: Path, stimuli: int, size_px: int) -> dict[str, Any]:
    found: dict[str, Any] = {"stimuli": stimuli, "size_px": size_px}
    for name, options in {"here": [], "on Ray": ["--engine", "ray", "--address", "local"]}.items():
        words = ["render", "--out", name, "--count", str(stimuli), "--size_px", str(size_px)]
        began_s = time.monotonic()
        command = [sys.executable, "-m", "cogtrain", *words, *options]
        subprocess.run(command, cwd=root, check=True)
        found[f"{name}, s"] = round(time.monotonic() - began_s, 1)
    here, there = (
        {path.name: path.read_bytes() for path in (root / name).iterdir()}
        for name in ("here", "on Ray")
    )
    return found | {"files": len(here), "same bytes": here == there}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stimuli", type=int, default=20_000)
    parser.add_argument("--size-px", type=int, default=112)
    parser.add_argument("--only", choices=["study", "render"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if options.only != "render":
            (root / "study.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
            assert study(root, "here").communicate()
            assert (root / "here" / "report").is_dir()
            found["killed worker"] = killed_worker(root)
            print(found, flush=True)
            found["lost cluster"] = lost_cluster(root)
            print(found["lost cluster"], flush=True)
        if options.only != "study":
            (root / "sets").mkdir()
            found["render"] = rendered(root / "sets", options.stimuli, options.size_px)
            print(found["render"], flush=True)
    if options.out is not None:
        record.write(options.out, "python benchmarks/ray_cluster.py", found)
    codes = {"killed worker": 0, "lost cluster": 1}
    good = [found[name]["exit code"] == code for name, code in codes.items() if name in found]
    good += [
        each.get(key, True) for each in found.values() for key in ("same tables", "same bytes")
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

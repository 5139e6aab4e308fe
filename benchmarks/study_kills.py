"""Does a study that is killed again and again give the tables of one that never was?

Run: python benchmarks/study_kills.py [--kills 5] [--stimuli 1280] [--seed 0] [--out FILE.json]

Runs a small study (the base, small and large towers, two seeds, LoRA on the embedded model) once
undisturbed. Then begins it anew, kills it by SIGKILL at random moments, each time continues it by
the same command, and lets it end. Compares every table of the report byte for byte. Exit code 1 if
one differs or no kill hit a study at work.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record
import yaml

from cogtrain.data.datamodule import EASY

OUT = Path(__file__).parent / "results" / "study_kills.json"
TABLES = ("transfer.csv", "study.csv", "study_axes.csv", "study_comparisons.csv")


def towers(size: str, **options: object) -> dict:
    factors = {"size": size} | EASY
    return {"name": f"tower-{size}", "size_px": 112, "factors": factors} | options


def config(stimuli: int) -> dict:
    return {
        "name": "kills",
        "seeds": [0, 1],
        "stimuli": [stimuli],
        "validation": 100,
        "conditions": {f"tower-{size}": {"train": [towers(size)]} for size in ("small", "large")},
        "test": [towers(size, count=200) for size in ("small", "large")],
        "trainer": {"accelerator": "cpu", "devices": 1},
        "model": {"pretrained": "tiny"},
        "eval": {"wandb": False, "stimuli": 5, "checkpoint_every_s": 2.0},
    }


def study(out: str, kill_after_s: float | None = None) -> bool:
    """One process of the study; whether it lived to its end."""
    words = ["study", "--config", "study.yaml", "--out", out]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    with Path(f"{out}.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cogtrain", *words], stdout=log, stderr=log, env=environ
        )
        try:
            code = process.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return False
    if code:
        sys.exit(f"the study ended with code {code} instead of being killed:\n{tail(out)}")
    return True


def tail(out: str) -> str:
    return "\n".join(Path(f"{out}.log").read_text().splitlines()[-5:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--stimuli", type=int, default=1280)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    draw, out = random.Random(options.seed), options.out.resolve()
    os.chdir(tempfile.mkdtemp(prefix="study-kills-"))
    Path("study.yaml").write_text(yaml.safe_dump(config(options.stimuli)))
    began_s = time.monotonic()
    study("whole")
    whole_s = time.monotonic() - began_s
    moments_s: list[float] = []
    ended = False
    while len(moments_s) < options.kills and not ended:
        moment_s = draw.uniform(0.05, 0.5) * whole_s
        ended = study("killed", moment_s)
        moments_s += [] if ended else [round(moment_s, 1)]
        print("ended" if ended else f"killed after {moment_s:.1f} s", flush=True)
    if not ended:
        study("killed")
    texts = {
        name: [Path(run, "report", name).read_bytes() for run in ("whole", "killed")]
        for name in TABLES
    }
    differing = [name for name, (first, second) in texts.items() if first != second]
    found = {"whole_s": round(whole_s, 1), "killed_after_s": moments_s, "tables": list(TABLES)}
    record.write(out, " ".join(["python", *sys.argv]), found | {"differing": differing})
    print(f"{len(moments_s)} kills; tables that differ: {', '.join(differing) or 'none'}")
    return 1 if differing or not moments_s else 0


if __name__ == "__main__":
    sys.exit(main())

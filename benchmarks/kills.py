"""Does a run that is killed again and again end as one that never was?

Run: python benchmarks/kills.py [--kills 50] [--out FILE.json]

Trains the embedded model (LoRA with dropout, windows of two micro-batches, three epochs of twelve
steps, four validations each) once undisturbed. Then begins anew, kills the process by SIGKILL at
random moments, continues it by the same command, and so on until so many kills have hit; a run ends
after eight of them. Half of the moments are random in time, half are aimed at what is delicate.
Compares final weights, optimizer, every logged number (but those of the clock) and every judgment
bit for bit. Exit code 1
if anything differs.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from lightning.pytorch.trainer import call

from cogtrain import environment
from cogtrain.judgments import Judgments
from cogtrain.training import lightning_cli
from cogtrain.training.callbacks import throughput

TOWERS = {"name": "tower", "size_px": 56, "factors": {"size": "small"}}
CONFIG = {
    "seed_everything": 7,
    "trainer": {
        "accelerator": "cpu",
        "max_epochs": 3,
        "val_check_interval": 0.25,
        "accumulate_grad_batches": 2,
        "log_every_n_steps": 1,
        "enable_progress_bar": False,
    },
    "model": {"tuning": {"tune": {"language": "lora"}, "r": 2, "lora_dropout": 0.2}},
    "data": {
        "train": [TOWERS | {"count": 94}],  # the last window of an epoch is short
        "val": [TOWERS | {"count": 13}],
        "test": [],
        "batch_size": 4,
        "eval_batch_size": 5,
        "threads": 1,
    },
    "eval": {"wandb": False, "after_fit": False, "checkpoint_every_s": 0.2},
}
HOOKS = {
    "first half of a window": "on_before_backward",
    "optimizer step": "on_before_optimizer_step",
    "end of a batch": "on_train_batch_end",
    "end of an epoch": "on_train_epoch_end",
    "validation": "on_validation_batch_start",
    "end of a validation": "on_validation_end",
}
FILES = ("writing a checkpoint", "renaming a checkpoint")
KINDS = [*HOOKS, *FILES]
AT_MOST = 8


def aim(kind: str, number: int) -> None:
    """Lets this process die when `kind` happens for the `number`th time."""
    left = number

    def tick() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if kind in HOOKS:
        aim_at_hook(HOOKS[kind], tick)
    elif kind == FILES[0]:
        aim_at_writing(tick)
    else:
        aim_at_renaming(tick)


def aim_at_hook(wanted: str, tick: Callable[[], None]) -> None:
    own = call._call_callback_hooks

    def hooks(trainer, name, *args, **options):
        if name == wanted:
            tick()
        return own(trainer, name, *args, **options)

    call._call_callback_hooks = hooks


def aim_at_writing(tick: Callable[[], None]) -> None:
    own = torch.save

    def save(content, file):
        class Dying:
            def write(self, data):
                half = len(data) // 2
                file.write(memoryview(data)[:half])
                file.flush()
                tick()
                return half + file.write(memoryview(data)[half:])

            def flush(self):
                file.flush()

        return own(content, Dying())

    torch.save = save


def aim_at_renaming(tick: Callable[[], None]) -> None:
    own = Path.replace

    def replace(path, target):
        if path.name.endswith(".ckpt.part"):
            tick()
        return own(path, target)

    Path.replace = replace


def process(name: str, death: tuple[str, float] | None) -> int:
    """What the forked process does."""
    torch.set_num_threads(1)
    if death is not None and death[0] != "time":
        aim(death[0], int(death[1]))
    words = ["fit", "--config", "kills.yaml", "--name", name, "--ckpt_path", "auto"]
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        return lightning_cli.main(words)


def fit(name: str, death: tuple[str, float] | None = None) -> bool:
    """One process of the run; whether it lived to its end. A fork: importing torch takes longer."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = process(name, death)
        except BaseException:  # whatever it is must not reach the code of the parent
            traceback.print_exc()
        finally:
            os._exit(code)
    if death is not None and death[0] == "time":
        time.sleep(death[1])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"the run failed with code {os.WEXITSTATUS(status)} instead of being killed")
    return os.WIFEXITED(status)


def result(name: str) -> tuple[dict, list[dict], object]:
    run = Path("runs") / name
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    logged = [line for line in lines if line.get("name") not in throughput.NAMES]
    judgments = Judgments.read(run / "judgments_val.parquet").table
    judgments["observer_id"] = judgments["observer_id"].str.replace(name, "run", regex=False)
    return saved, logged, judgments


def differences(name: str, whole: str = "whole") -> list[str]:
    """What of a run is not bit for bit that of the undisturbed one."""
    (saved, logged, judged), (saved_whole, logged_whole, judged_whole) = result(name), result(whole)
    found = [
        f"weight {key}"
        for key, value in saved_whole["state_dict"].items()
        if not torch.equal(saved["state_dict"][key], value)
    ]
    for key, state in saved_whole["optimizer_states"][0]["state"].items():
        own = saved["optimizer_states"][0]["state"][key]
        if not all(torch.equal(own[part], value) for part, value in state.items()):
            found.append(f"optimizer {key}")
    found += ["log"] if logged != logged_whole else []
    return found + ([] if judged.equals(judged_whole) else ["judgments"])


def deaths(whole_s: float, draw: random.Random):
    """Moments to die at: random ones, and every delicate one in turn."""
    while True:
        for kind in KINDS:
            yield "time", draw.uniform(0.0, 0.9 * whole_s)
            number = 2 * draw.randint(1, 6) if kind == KINDS[0] else draw.randint(1, 4)
            yield kind, number if kind != FILES[0] else draw.randint(1, 60)


def write(out: Path, figures: dict) -> None:
    command = {"command": f"python benchmarks/kills.py --kills {figures.pop('asked')}"}
    record = command | {"machine": environment.processor(), "done": sum(figures["kills"].values())}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record | figures, indent=1) + "\n")


def main() -> None:
    """Trains, kills, compares, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kills.json"))
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    hits: dict[str, int] = {}
    runs: list[dict] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("kills.yaml").write_text(yaml.safe_dump(CONFIG))
        began_s = time.monotonic()
        fit("whole")
        whole_s = time.monotonic() - began_s
        steps = sum('"train/loss"' in json.dumps(line) for line in result("whole")[1])
        moments = deaths(whole_s, random.Random(0))
        while sum(hits.values()) < arguments.kills:
            name, struck = f"cut-{len(runs)}", 0
            while struck < min(AT_MOST, arguments.kills - sum(hits.values())):
                kind, when = next(moments)
                if fit(name, (kind, when)):
                    break
                struck += 1
                hits[kind] = hits.get(kind, 0) + 1
                print(f"{name}: killed, {kind} {when:.3g}", flush=True)
            else:
                fit(name)
            runs.append({"kills": struck, "differences": differences(name)})
            print(f"{name}: {struck} kills, differences: {runs[-1]['differences']}", flush=True)
            figures = {"steps": steps, "whole_s": round(whole_s, 1), "kills": hits, "runs": runs}
            write(out, {"asked": arguments.kills} | figures)
    print(f"{sum(hits.values())} kills in {len(runs)} runs of {steps} steps: {hits}")
    sys.exit(any(run["differences"] for run in runs))


if __name__ == "__main__":
    main()

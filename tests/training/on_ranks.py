"""One rank of several: `python on_ranks.py FOLDER RANKS WINDOWS`, its place in the environment.

Does one run after the other and leaves a file per rank and run. The test does the same on one rank
and compares.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.tensor import DTensor

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models.lora import Tuning
from cogtrain.training.callbacks.generalization import GeneralizationCallback, declared
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.step_log import StepLog
from cogtrain.training.callbacks.throughput import Throughput
from cogtrain.training.callbacks.watching import Watch, Watching
from cogtrain.training.checkpoint_file import CheckpointFile
from cogtrain.training.finite import NotFiniteError
from cogtrain.training.last_checkpoint import LastCheckpoint
from cogtrain.training.logs import MetricsFile
from cogtrain.training.module import VLMModule
from cogtrain.training.noise import quieten
from cogtrain.training.randomness import RandomStreams
from cogtrain.training.state import Boundaries
from cogtrain.training.stopping import Stopped, Stopping

# Windows of 16, 16 and 6 stimuli with two questions each; 21 validated and 5 watched ones: no
# number of ranks divides them.
QUESTIONS = ["will_fall", "background_color"]
TRAIN = Recipe(name="small", count=38, size_px=56, questions=QUESTIONS)
VAL = Recipe(name="small", count=21, size_px=56)
LARGE = Recipe(name="large", count=9, size_px=56, factors={"size": "large"})
TUNING = Tuning(r=2, lora_alpha=4, lora_dropout=0.5)


class Recorder(Callback):
    """What each step was made of, and the gradient that it was taken with."""

    def __init__(self):
        self.ids, self.window, self.gradients, self.validated = [], [], [], []

    def record(self):
        names = ("ids", "gradients", "validated")
        return {name: getattr(self, name) for name in names}

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        real = batch["weights"] > 0
        counts = [name for name, is_real in zip(batch["ids"], real, strict=True) if is_real]
        self.window += dict.fromkeys(counts)
        assert len(counts) % len(QUESTIONS) == 0
        if trainer.fit_loop._should_accumulate():
            return
        self.ids, self.window = [*self.ids, self.window], []
        trained = [p for p in pl_module.parameters() if p.requires_grad]
        if isinstance(trained[0], DTensor):
            return
        self.gradients.append(torch.cat([p.grad.detach().flatten().clone() for p in trained]))

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, *_):
        self.validated += [
            name
            for name, weight in zip(batch["ids"], batch["weights"].tolist(), strict=True)
            if weight > 0
        ]


class Ask(Callback):
    """A polite kill on the first rank, after the first step."""

    def __init__(self, stopping):
        self.stopping = stopping

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 1 and trainer.is_global_zero:
            self.stopping.handle(signal.SIGTERM, None)


def fit(folder, *, ranks, windows, stop=False, resume=None, tuning=TUNING, **options):
    """One run of two epochs; `windows` is how many micro-batches of 2 make a step."""
    quieten()
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True, parents=True)
    module = VLMModule(tuning=tuning)
    data = StimuliDataModule([TRAIN], [VAL], [LARGE], batch_size=2, eval_batch_size=4, seed=3)
    data.watch(5)
    boundaries, recorder, stopping = Boundaries(), Recorder(), Stopping()
    judgments = JudgmentsCallback("m", folder / "judgments.parquet", data.build())
    watching = Watching(Watch(items=5), boundaries, ["large"])
    trained, judged = declared(data)
    transfer = GeneralizationCallback(judgments, watching, trained=trained, judged=judged)
    last = LastCheckpoint(folder / "last.ckpt", boundaries)
    log = StepLog(module.window)
    throughput = Throughput(module, itertools.count().__next__)  # a second for every look
    streams = RandomStreams(5)
    callbacks = [recorder, streams, judgments, transfer, watching, log, throughput, boundaries]
    callbacks += [stopping, last]
    trainer = Trainer(
        callbacks=[Ask(stopping), *callbacks] if stop else callbacks,
        accelerator="cpu",
        devices=ranks,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        logger=MetricsFile(folder / "metrics.jsonl"),
        log_every_n_steps=1,
        plugins=[CheckpointFile()],
        accumulate_grad_batches=windows,
        val_check_interval=0.5,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **({"max_epochs": 2, "strategy": "ddp" if ranks > 1 else "auto"} | options),
    )
    try:
        trainer.fit(module, data, ckpt_path=resume, weights_only=True)
    except Stopped as error:
        if not stop or error.code != 143:
            raise
    return recorder, module


def main(folder, ranks, windows):
    rank = int(os.environ["RANK"])
    for name, options in {
        "whole": {},
        "cut": {"stop": True},
        "more": {"resume": folder / "alone" / "last.ckpt"},
    }.items():
        recorder, _ = fit(folder / name, ranks=ranks, windows=windows, **options)
        torch.save(recorder.record(), folder / f"{name}-{rank}.pt")
    said = fit_poisoned(folder / "poisoned", rank, ranks=ranks, windows=windows)
    torch.save(said, folder / f"poisoned-{rank}.pt")
    for epochs in (1, 2):
        strategy = ModelParallelStrategy(ranks, 1, save_distributed_checkpoint=False)
        _, module = fit_all(
            folder / "sharded", epochs, ranks=ranks, windows=windows, strategy=strategy
        )
        assert all(isinstance(p, DTensor) for p in module.parameters())


def fit_poisoned(folder, rank, **options):
    """A run in whose second step the last rank meets one loss that is no number."""
    whole, steps = VLMModule.losses, itertools.count()

    def losses(module, batch, scores):
        values, weights = whole(module, batch, scores)
        is_bad = next(steps) == options["windows"] and rank == options["ranks"] - 1
        return (values.index_fill(0, torch.tensor([1]), torch.nan) if is_bad else values), weights

    VLMModule.losses = losses
    try:
        fit(folder, **options)
    except NotFiniteError as error:
        return str(error)
    finally:
        VLMModule.losses = whole
    return None


def fit_all(folder, epochs, **options):
    """All weights, epoch by epoch, the second one by going on with the first."""
    resume = folder / "last.ckpt" if epochs > 1 else None
    return fit(folder, tuning=Tuning.full(), max_epochs=epochs, resume=resume, **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

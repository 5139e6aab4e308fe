import itertools
import json
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback, Trainer

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models.lora import Tuning
from cogtrain.training.best_checkpoint import Best, BestCheckpoint
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.step_log import StepLog
from cogtrain.training.callbacks.watching import SECONDS, Watch, Watching
from cogtrain.training.checkpoint_file import CheckpointError, CheckpointFile
from cogtrain.training.early_stopping import EarlyStopping
from cogtrain.training.last_checkpoint import LastCheckpoint
from cogtrain.training.logs import MetricsFile
from cogtrain.training.module import VLMModule
from cogtrain.training.noise import quieten
from cogtrain.training.randomness import RandomStreams, stream_seed
from cogtrain.training.state import Boundaries

SMALL = Recipe(name="small", count=22, size_px=56)
LARGE = Recipe(name="large", count=7, size_px=56, factors={"size": "large"})
# Dropout, so that a wrong random stream shows in the weights.
TUNING = Tuning(r=2, lora_alpha=4, lora_dropout=0.5)


@pytest.fixture(autouse=True)
def quiet():
    before = signal.getsignal(signal.SIGINT)  # Lightning switches it off on Ctrl-C
    quieten()
    yield
    signal.signal(signal.SIGINT, before)


class Recorder(Callback):
    """Stimuli of the batches that were trained on."""

    def __init__(self):
        self.ids = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.ids.append(batch["ids"])


class PressCtrlC(Callback):
    """Stops the run in hook ``where`` when so many batches were begun."""

    def __init__(self, where, begun, last):
        self.begun, self.left = 0, begun
        setattr(self, where, self.press)
        self.where, self.last = where, last

    def on_train_batch_start(self, *_):
        self.begun += 1

    def press(self, *_):
        self.begun += self.where == "on_train_batch_start"
        if self.begun == self.left:
            self.left = None
            self.last.interrupt(signal.SIGINT, None)


class PressWhileWatching(PressCtrlC):
    """Stops the run in the middle of a watched set, which comes behind the validation set."""

    def __init__(self, begun, last):
        super().__init__("on_validation_batch_start", begun, last)

    def press(self, *words):
        if words[-1] == 1:
            super().press(*words)


def run(folder, *, stop=None, resume=False, val=(SMALL,), watch=None, best=None, **options):
    """A run and what it leaves: stimuli trained on, trained weights, trainer, log."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    module = VLMModule(tuning=TUNING)
    data = StimuliDataModule([SMALL], [*val], [LARGE], batch_size=4, eval_batch_size=22, seed=3)
    boundaries, recorder = Boundaries(), Recorder()
    watching = Watching(watch or Watch(items=0), boundaries, (), itertools.count().__next__)
    data.watch(watching.watch.items, lambda: watching.is_due)
    watching.names = frozenset(member.name for member in data.build()["watch"])
    last = LastCheckpoint(folder / "last.ckpt", boundaries)
    judgments = JudgmentsCallback("m", folder / "judgments.parquet", data.build())
    log = StepLog(module.window)
    callbacks = [recorder, RandomStreams(5), judgments, watching, log, boundaries]
    if stop is not None:
        where, begun = stop
        is_watched = where == "watched set"
        press = PressWhileWatching if is_watched else partial(PressCtrlC, where)
        callbacks.insert(7 if where == "on_validation_end" else 0, press(begun, last))
    if best is not None:
        callbacks.append(EarlyStopping(best))
        callbacks.append(BestCheckpoint(folder / "best.ckpt", best, ["small"]))
    callbacks.append(last)
    trainer = Trainer(
        callbacks=callbacks,
        accelerator="cpu",
        default_root_dir=folder,
        num_sanity_val_steps=0,
        logger=MetricsFile(folder / "metrics.jsonl"),
        log_every_n_steps=1,
        plugins=[CheckpointFile()],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **({"max_epochs": 2, "val_check_interval": 0.5} | options),
    )
    path = folder / "last.ckpt" if resume else None
    if stop is not None:
        with pytest.raises(SystemExit):
            trainer.fit(module, data, ckpt_path=path, weights_only=True)
    else:
        trainer.fit(module, data, ckpt_path=path, weights_only=True)
    trained = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    log_file = folder / "metrics.jsonl"
    return Run(recorder.ids, trained, trainer, log_file.read_text() if log_file.exists() else "")


class Run(NamedTuple):
    ids: list
    weights: dict
    trainer: Trainer
    log: str


def assert_continues(rest, whole):
    """The rest of a run is bit for bit what the whole one did, and so is all that was logged."""
    assert rest.ids == whole.ids[len(whole.ids) - len(rest.ids) :]
    assert rest.trainer.global_step == whole.trainer.global_step
    for name, value in whole.weights.items():
        torch.testing.assert_close(rest.weights[name], value, rtol=0, atol=0, msg=name)
    assert rest.log == whole.log


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


def test_logs_every_step_and_every_validation_once(whole):
    lines = [json.loads(line) for line in whole.log.splitlines()]
    losses = [line["step"] for line in lines if line.get("name") == "train/loss"]
    assert losses == list(range(12))
    assert [line["step"] for line in lines if "metric" in line] == [3, 6, 9, 12]


@pytest.mark.parametrize(
    ("where", "begun"),
    [
        ("on_train_batch_start", 1),  # nothing trained yet
        ("on_train_batch_start", 4),  # a batch handed out and not trained on, after a validation
        ("on_before_backward", 5),
        ("on_before_optimizer_step", 4),  # must not stop between weights
        ("on_validation_batch_start", 3),  # is validated anew
        ("on_validation_start", 6),  # validation at the end of the epoch
        ("on_before_zero_grad", 6),  # the last batch of the epoch
        ("on_train_epoch_end", 6),
        ("on_train_batch_start", 7),  # the first batch of the second epoch
        ("on_validation_batch_start", 12),  # the last of all
    ],
)
def test_continues_as_if_never_stopped(tmp_path, whole, where, begun):
    run(tmp_path, stop=(where, begun))
    rest = run(tmp_path, resume=True)
    assert_continues(rest, whole)
    assert len(rest.ids) >= len(whole.ids) - begun


@pytest.mark.parametrize(
    ("options", "where", "begun", "left"),
    [
        # Windows of 4 and 2 batches: stopped in the second one, which is then trained on whole.
        ({"accumulate_grad_batches": 4}, "on_before_backward", 6, 2),
        # No validation ends the epoch; the next one must not lend it a batch.
        ({"val": ()}, "on_train_epoch_end", 6, 6),
        ({"max_steps": 8, "max_epochs": -1}, "on_train_epoch_end", 6, 2),
        ({"max_steps": 8, "max_epochs": -1}, "on_before_backward", 5, 4),
    ],
)
def test_continues_whatever_counts_the_steps(tmp_path, options, where, begun, left):
    options = {"max_epochs": 2 if "val" in options else 1} | options
    whole = run(tmp_path / "whole", **options)
    run(tmp_path / "cut", stop=(where, begun), **options)
    rest = run(tmp_path / "cut", resume=True, **options)
    assert len(rest.ids) == left
    assert_continues(rest, whole)


@pytest.mark.parametrize("limit", [1.0, 4])
def test_a_finished_run_continues_with_more_epochs(tmp_path, limit):
    whole = run(tmp_path / "whole", limit_train_batches=limit)
    first = run(tmp_path, max_epochs=1, limit_train_batches=limit)
    second = run(tmp_path, max_epochs=2, limit_train_batches=limit, resume=True)
    assert first.ids + second.ids == whole.ids


PATIENT = Best(metric="val/small/accuracy", patience=1)


@pytest.fixture(scope="module")
def stopped_early(tmp_path_factory):
    return run(tmp_path_factory.mktemp("early"), best=PATIENT)


def test_says_that_it_ended_early(capsys):
    stopping = EarlyStopping(replace(PATIENT, patience=2))
    trainer = SimpleNamespace(is_global_zero=True, global_step=9)
    stopping.wait_count = 1
    stopping.on_train_end(trainer, None)
    assert capsys.readouterr().err == ""
    stopping.wait_count = 2
    stopping.on_train_end(trainer, None)
    assert (
        "after step 9: `val/small/accuracy` did not get better in 2 valid"
        in capsys.readouterr().err
    )


def test_ends_when_validations_get_no_better(stopped_early, whole):
    values = [
        line["value"]
        for line in map(json.loads, stopped_early.log.splitlines())
        if line.get("metric") == "accuracy"
    ]
    worse = next(place for place in range(1, 4) if values[place] <= max(values[:place]))
    assert stopped_early.trainer.global_step == 3 * (worse + 1) < whole.trainer.global_step
    assert stopped_early.ids == whole.ids[: len(stopped_early.ids)]


@pytest.mark.parametrize(
    ("where", "begun"),
    [
        ("on_validation_end", 3),  # ticked off, and the best weights are not yet written
        ("on_before_backward", 4),
        ("on_validation_batch_start", 6),  # of the one that ends it
        ("on_validation_end", 6),  # it had ended: nothing is left
    ],
)
def test_ends_early_as_if_never_stopped(tmp_path, stopped_early, where, begun):
    run(tmp_path, stop=(where, begun), best=PATIENT)
    rest = run(tmp_path, resume=True, best=PATIENT)
    assert_continues(rest, stopped_early)
    kept, own = (
        torch.load(folder / "best.ckpt", weights_only=True)
        for folder in (Path(stopped_early.trainer.default_root_dir), tmp_path)
    )
    torch.testing.assert_close(own["state_dict"], kept["state_dict"], rtol=0, atol=0)


def test_more_patience_goes_on(tmp_path, whole):
    run(tmp_path, best=PATIENT)
    rest = run(tmp_path, resume=True, best=replace(PATIENT, patience=9))
    assert_continues(rest, whole)


def test_validations_without_the_number_do_not_count():
    stopping = EarlyStopping(PATIENT, lambda name: False)
    stopping.on_validation_end(SimpleNamespace(), None)  # looks at nothing of it
    assert stopping.wait_count == 0


EVERY_SECOND = Watch(items=5, every=2)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    return run(tmp_path_factory.mktemp("watched"), watch=EVERY_SECOND)


def test_watching_changes_nothing_that_is_trained(whole, watched):
    assert watched.ids == whole.ids
    for name, value in whole.weights.items():
        torch.testing.assert_close(watched.weights[name], value, rtol=0, atol=0, msg=name)
    lines = watched.log.splitlines(keepends=True)
    others = [line for line in lines if '"large"' not in line and "watch" not in line]
    assert "".join(others) == whole.log


def test_watches_in_every_second_validation_from_the_first(watched):
    lines = [json.loads(line) for line in watched.log.splitlines()]
    judged = [(line["step"], line["n"]) for line in lines if line.get("set") == "large"]
    assert judged == [(3, 5), (9, 5)]
    # Of a clock that gives a second per look: the batch, and the scores.
    seconds = [(each["step"], each["value"]) for each in lines if each.get("name") == SECONDS]
    assert seconds == [(3, 2.0), (9, 2.0)]


@pytest.mark.parametrize(
    ("where", "begun"),
    [
        ("watched set", 3),  # is watched again
        ("on_before_backward", 8),  # between two that do
    ],
)
def test_watching_continues_as_if_never_stopped(tmp_path, watched, where, begun):
    run(tmp_path, stop=(where, begun), watch=EVERY_SECOND)
    assert_continues(run(tmp_path, resume=True, watch=EVERY_SECOND), watched)


def test_stops_twice(tmp_path, whole):
    run(tmp_path, stop=("on_before_backward", 4))
    run(tmp_path, stop=("on_validation_start", 3), resume=True)
    assert_continues(run(tmp_path, resume=True), whole)


def test_a_checkpoint_of_elsewhere_is_refused():
    with pytest.raises(ValueError, match="that says where its run was, got one without"):
        Boundaries().on_load_checkpoint(SimpleNamespace(state=SimpleNamespace(fn="fit")), None, {})


@pytest.mark.parametrize(
    ("has_begun", "is_stepping", "error"),
    [
        (False, False, RuntimeError("nothing is back from the checkpoint yet")),
        (True, True, RuntimeError("out of memory")),
        (True, False, CheckpointError("no space left")),
    ],
)
def test_an_error_keeps_the_earlier_checkpoint(tmp_path, has_begun, is_stepping, error):
    boundaries = Boundaries()
    boundaries.has_begun, boundaries.is_stepping = has_begun, is_stepping
    last = LastCheckpoint(tmp_path / "last.ckpt", boundaries)
    last.on_exception(SimpleNamespace(world_size=1), None, error)
    assert not last.path.exists()


def test_ctrl_c_waits_for_the_weights_but_not_twice(tmp_path):
    boundaries = Boundaries()
    last = LastCheckpoint(tmp_path / "last.ckpt", boundaries)
    boundaries.on_before_optimizer_step()
    last.interrupt(signal.SIGINT, None)
    assert last.asked_to_stop
    with pytest.raises(KeyboardInterrupt):
        last.interrupt(signal.SIGINT, None)


@given(keys=st.lists(st.integers(0, 2**40), min_size=1, max_size=4), seed=st.integers(0, 2**64 - 1))
def test_seeds_are_what_torch_takes(keys, seed):
    assert 0 <= stream_seed(seed, *keys) < 2**63


def test_every_batch_has_a_stream_of_its_own():
    seeds = {
        stream_seed(seed, epoch, batch, rank)
        for seed in range(3)
        for epoch in range(5)
        for batch in range(100)
        for rank in range(4)
    }
    assert len(seeds) == 3 * 5 * 100 * 4

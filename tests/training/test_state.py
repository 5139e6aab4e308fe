import signal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback, Trainer

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models.lora import Tuning
from cogtrain.training.module import VLMModule
from cogtrain.training.noise import quieten
from cogtrain.training.state import LastCheckpoint, RandomStreams, stream_seed

SMALL = Recipe(name="small", count=22, size_px=56)
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


def run(folder, *, stop=None, resume=False, **options):
    torch.manual_seed(0)
    last, recorder = LastCheckpoint(folder / "last.ckpt"), Recorder()
    callbacks = [recorder, RandomStreams(5), last]
    if stop is not None:
        callbacks.insert(0, PressCtrlC(*stop, last))
    trainer = Trainer(
        callbacks=callbacks,
        accelerator="cpu",
        default_root_dir=folder,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **({"max_epochs": 2, "val_check_interval": 0.5} | options),
    )
    module = VLMModule(tuning=TUNING)
    data = StimuliDataModule([SMALL], [SMALL], [], batch_size=4, eval_batch_size=22, seed=3)
    path = folder / "last.ckpt" if resume else None
    if stop is not None:
        with pytest.raises(SystemExit):
            trainer.fit(module, data, ckpt_path=path, weights_only=True)
    else:
        trainer.fit(module, data, ckpt_path=path, weights_only=True)
    trained = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    return recorder.ids, trained, trainer


def assert_same(weights, expected):
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=0, msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("where", "begun"),
    [
        ("on_train_batch_start", 1),  # nothing trained yet
        ("on_train_batch_start", 3),  # a batch handed out and not trained on
        ("on_before_backward", 5),
        ("on_before_optimizer_step", 4),  # must not stop between weights
        ("on_validation_batch_start", 3),
        ("on_validation_start", 6),  # validation at the end of the epoch
        ("on_before_zero_grad", 6),  # the last batch of the epoch
        ("on_train_epoch_end", 6),
        ("on_train_batch_start", 7),  # the first batch of the second epoch
        ("on_before_backward", 12),  # the last batch of all
    ],
)
def test_continues_as_if_never_stopped(tmp_path, whole, where, begun):
    ids, weights, trainer = whole
    run(tmp_path, stop=(where, begun))
    rest, resumed, again = run(tmp_path, resume=True)
    assert rest == ids[len(ids) - len(rest) :]
    assert len(rest) >= len(ids) - begun
    assert again.global_step == trainer.global_step == 12
    assert_same(resumed, weights)


def test_continues_in_the_middle_of_an_accumulation(tmp_path):
    ids, weights, _ = run(tmp_path / "whole", accumulate_grad_batches=2, max_epochs=1)
    run(tmp_path, stop=("on_before_backward", 4), accumulate_grad_batches=2, max_epochs=1)
    rest, resumed, _ = run(tmp_path, resume=True, accumulate_grad_batches=2, max_epochs=1)
    assert rest == ids[2:]  # the third batch is trained on again: its step was not taken
    assert_same(resumed, weights)


@pytest.mark.parametrize("limit", [1.0, 4])
def test_a_finished_run_continues_with_more_epochs(tmp_path, limit):
    ids, _, _ = run(tmp_path / "whole", limit_train_batches=limit)
    first, _, _ = run(tmp_path, max_epochs=1, limit_train_batches=limit)
    second, _, _ = run(tmp_path, max_epochs=2, limit_train_batches=limit, resume=True)
    assert first + second == ids


def test_stops_twice(tmp_path, whole):
    ids, weights, _ = whole
    run(tmp_path, stop=("on_before_backward", 4))
    run(tmp_path, stop=("on_validation_start", 3), resume=True)
    rest, resumed, _ = run(tmp_path, resume=True)
    assert rest == ids[len(ids) - len(rest) :]
    assert_same(resumed, weights)


def test_a_crash_inside_the_optimizer_keeps_the_earlier_checkpoint(tmp_path):
    last = LastCheckpoint(tmp_path / "last.ckpt")
    last._boundary, last._is_stepping = {}, True

    class NoTrainer:
        world_size = 1

    last.on_exception(NoTrainer(), None, RuntimeError("out of memory"))
    assert not last.path.exists()


def test_ctrl_c_waits_for_the_weights_but_not_twice(tmp_path):
    last = LastCheckpoint(tmp_path / "last.ckpt")
    last.on_before_optimizer_step()
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

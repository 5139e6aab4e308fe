import json
import math
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch.utils.flop_counter import FlopCounterMode

from cogtrain.data import collating
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models.lora import Tuning
from cogtrain.training.callbacks import throughput
from cogtrain.training.callbacks.step_log import StepLog
from cogtrain.training.callbacks.throughput import NAMES, Throughput, Work, rates
from cogtrain.training.logs import MetricsFile
from cogtrain.training.module import VLMModule
from cogtrain.training.noise import quieten
from cogtrain.training.randomness import RandomStreams

TOWERS = Recipe(name="towers", count=20, size_px=56)
TWICE = Recipe(name="twice", count=4, size_px=56, questions=["will_fall", "block_count"])
TUNING = Tuning(r=2, lora_alpha=4, lora_dropout=0.5)


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Passing(Callback):
    """Lets a step and a validation take a while."""

    def __init__(self, clock, batch_s=2.0, validation_s=1000.0):
        self.clock, self.batch_s, self.validation_s = clock, batch_s, validation_s

    def on_train_batch_start(self, *_):
        self.clock.now_s += self.batch_s

    def on_validation_epoch_start(self, *_):
        self.clock.now_s += self.validation_s


def fit(folder, *, train=(TOWERS,), measured=True, batch_size=4, **options):
    """A run on the clock; its log by name and step, and the trained weights."""
    quieten()
    torch.manual_seed(0)
    clock, folder = Clock(), folder / str(len(list(folder.iterdir())))
    folder.mkdir()
    module = VLMModule(tuning=TUNING)
    data = StimuliDataModule([*train], [TOWERS], [], batch_size=batch_size, eval_batch_size=20)
    ours = [StepLog(module.window), Throughput(module, clock)] if measured else []
    trainer = Trainer(
        callbacks=[Passing(clock), RandomStreams(5), *ours],
        accelerator="cpu",
        logger=MetricsFile(folder / "metrics.jsonl"),
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **({"log_every_n_steps": 1, "num_sanity_val_steps": 0, "max_epochs": 1} | options),
    )
    trainer.fit(module, data)
    log = {}
    if (file := folder / "metrics.jsonl").exists():
        for line in map(json.loads, file.read_text().splitlines()):
            log.setdefault(line["name"], {})[line["step"]] = line["value"]
    trained = torch.cat([p.detach().flatten() for p in module.parameters() if p.requires_grad])
    return SimpleNamespace(log=log, trained=trained, trainer=trainer, module=module, data=data)


class TestRates:
    def test_adds_ranks_up(self):
        ranks = torch.tensor(
            [
                Work(30, 300, 8e12, 2.0, 0.5, 1.0, 3.0),
                Work(10, 200, 4e12, 2.0, 0.1, 1.5, 2.0),
            ]
        )
        expected = (20.0, 250.0, 15.0, 30.0, 1.5, 3.0)
        assert rates(ranks, 1e13) == pytest.approx(dict(zip(NAMES, expected, strict=True)))

    def test_leaves_out_what_is_not_known(self):
        work = Work(30, 300, math.nan, 2.0, 0.5, 1.0, math.nan)
        left = {"train/mfu_percent", "train/cuda_peak_gib"}
        assert set(rates(torch.tensor([work]))) == set(NAMES) - left

    def test_without_time_there_is_no_speed(self):
        work = Work(30, 300, 1e12, 0.0, 0.0, 1.0, 2.0)
        assert set(rates(torch.tensor([work]), 1e13)) == {"train/rss_gib", "train/cuda_peak_gib"}


def test_every_step_is_measured(tmp_path):
    run = fit(tmp_path)
    assert run.log["train/stimuli_per_s"] == dict.fromkeys(range(5), 4 / 2.0)
    batch = next(iter(run.data.train_dataloader()))
    before = run.module.vlm.tokens
    run.module.answer(batch)
    tokens = run.module.vlm.tokens - before
    assert tokens == 4 * len(run.module.vlm._builder.ids(prompt(run.module.vlm)))
    assert run.log["train/tokens_per_s"] == dict.fromkeys(range(5), tokens / 2.0)
    assert all(0.01 < each < 100 for each in run.log["train/rss_gib"].values())
    assert not {"train/mfu_percent", "train/cuda_peak_gib"} & set(run.log)
    shown = run.trainer.progress_bar_metrics
    assert shown["train/stimuli_per_s"] == 2.0
    assert "train/data_wait_percent" in shown


def prompt(vlm):
    from cogtrain import prompts

    return vlm._builder.text("will_fall", prompts.PEOPLE, (1, 4, 4))


def test_a_window_counts_as_one_and_validation_does_not(tmp_path):
    run = fit(
        tmp_path, accumulate_grad_batches=2, log_every_n_steps=2, val_check_interval=2, max_epochs=2
    )
    # Windows of 2, 2 and 1 micro-batches per epoch; every second one is logged.
    assert run.log["train/stimuli_per_s"] == dict.fromkeys((1, 3, 5), 2.0)


def test_nothing_is_logged_where_nothing_is_wanted(tmp_path):
    assert not set(NAMES) & set(fit(tmp_path, log_every_n_steps=0).log)


def test_what_fills_up_and_other_questions_are_no_stimuli(tmp_path):
    run = fit(tmp_path, train=[TWICE], batch_size=3)
    assert run.log["train/stimuli_per_s"] == {0: 3 / 2.0, 1: 1 / 2.0}


def test_waiting_is_measured_where_batches_are_made(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(collating, "perf_counter", clock)
    data = StimuliDataModule([TOWERS], [], [], batch_size=4)
    stream = data.train_dataloader()
    collate = stream._collate

    def slowly(batch):
        clock.now_s += 3.0
        return collate(batch)

    monkeypatch.setattr(stream, "_collate", slowly)
    for number, _ in enumerate(stream, start=1):
        assert stream.waited_s == 3.0 * number
        clock.now_s += 50.0  # what is done with a batch is no waiting


@pytest.fixture
def known_device(monkeypatch):
    monkeypatch.setattr(throughput, "get_available_flops", lambda device, dtype: 1e9)


def test_operations_are_those_of_a_step(tmp_path, known_device):
    run = fit(tmp_path)
    batch = next(iter(run.data.train_dataloader()))
    run.module.train()
    with FlopCounterMode(display=False) as counted:
        _, scores = run.module.answer(batch)
        run.module.losses(batch, scores)[0].sum().backward()
    expected = 100 * counted.get_total_flops() / 2.0 / 1e9
    assert expected > 0
    for value in run.log["train/mfu_percent"].values():
        assert value == pytest.approx(expected, rel=1e-5)


def test_measuring_changes_no_bit(tmp_path, known_device):
    measured, plain = fit(tmp_path), fit(tmp_path, measured=False)
    assert len(measured.log["train/mfu_percent"]) == 5
    assert measured.log["train/tokens_per_s"] == fit(tmp_path).log["train/tokens_per_s"]
    assert torch.equal(measured.trained, plain.trained)


def test_an_unknown_device_is_none():
    module = VLMModule(tuning=TUNING)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    trainer = SimpleNamespace(precision="32-true", strategy=strategy)
    assert math.isnan(throughput._available_flops(trainer, module.vlm))


@pytest.mark.parametrize(
    ("precision", "dtype", "expected"),
    [
        ("32-true", torch.float32, torch.float32),
        ("32-true", torch.bfloat16, torch.bfloat16),
        ("bf16-mixed", torch.float32, torch.bfloat16),
        ("16-mixed", torch.float32, torch.float16),
    ],
)
def test_the_device_is_known_by_what_it_computes_in(monkeypatch, precision, dtype, expected):
    asked = []
    monkeypatch.setattr(
        throughput, "get_available_flops", lambda device, dtype: asked.append(dtype)
    )
    vlm = torch.nn.Sequential(torch.nn.Linear(8, 8, dtype=dtype), torch.nn.LayerNorm(2))
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    throughput._available_flops(SimpleNamespace(precision=precision, strategy=strategy), vlm)
    assert asked == [expected]

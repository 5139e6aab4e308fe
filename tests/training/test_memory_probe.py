"""The worst batch is tried before the first step, and the run does not know of it."""

import json

import pytest
import torch
import yaml

from cogtrain.cli import main
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models.lora import Tune, Tuning
from cogtrain.training import worst_batch
from cogtrain.training.callbacks import memory_probe
from cogtrain.training.module import VLMModule
from cogtrain.training.worst_batch import try_once, worst_batches

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
QUESTIONS = ["will_fall", "block_count"]
MANY = Recipe(name="many", count=40, size_px=56, questions=QUESTIONS, wording="counterbalanced")
ONE = Recipe(name="one", count=40, size_px=56)
LARGE = Recipe(name="large", count=3, size_px=112)


def data_of(*recipes):
    return StimuliDataModule([*recipes], [], [], batch_size=8)


@pytest.fixture(scope="module")
def module():
    return VLMModule(tuning=Tuning(r=2, lora_alpha=4, lora_dropout=0.5)).train()


def lengths_of(module, batch):
    with torch.no_grad():
        module.answer(batch)
    return module.vlm.lengths


def test_each_kind_of_set_is_tried_once(module):
    same = Recipe(name="as one", count=10, size_px=56, factors={"size": "large"})
    tried = dict(worst_batches(module.vlm, data_of(ONE, MANY, same, LARGE)))
    assert [*tried] == ["one", "many", "large"]
    assert [len(batch["stimuli"]) for batch in tried.values()] == [8] * 3  # full, also of 3 stimuli


@pytest.mark.parametrize("recipe", [ONE, MANY, LARGE], ids=lambda recipe: recipe.name)
def test_no_batch_of_an_epoch_is_worse(module, recipe):
    data = data_of(recipe)
    ((_, batch),) = worst_batches(module.vlm, data)
    worst = lengths_of(module, batch)
    epoch = [lengths_of(module, each) for each in data.train_dataloader()]
    assert len(worst) == 8 == max(map(len, epoch))
    assert max(worst) >= max(map(max, epoch))
    assert min(worst) == max(worst)  # every row is the longest
    if recipe is MANY:
        assert min(map(min, epoch)) < max(worst)


def test_the_training_stream_does_not_move(module):
    data = data_of(ONE)
    first = next(iter(data.train_dataloader()))["ids"]
    other = data_of(ONE)
    loader = other.train_dataloader()
    list(worst_batches(module.vlm, other))
    assert next(iter(loader))["ids"] == first


def test_leaves_no_trace(module):
    ((_, batch),) = worst_batches(module.vlm, data_of(ONE))
    state, tokens = torch.get_rng_state(), module.vlm.tokens
    before = {name: value.clone() for name, value in module.state_dict().items()}
    try_once(module, batch, accumulates=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert module.vlm.tokens == tokens
    assert all(each.grad is None for each in module.parameters())
    assert module.window.means is None
    assert module.window._sums is None
    assert not module._losses._window
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_features_are_made_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("COGTRAIN_CACHE", str(tmp_path))
    tuning = Tuning(tune=Tune(vision="frozen", merger="frozen", language="lora"))
    module = VLMModule(tuning=tuning, feature_cache_gib=0.1).train()
    calls, cache = [], module.vlm.feature_cache
    module.vlm.model.model.visual.register_forward_hook(lambda *_: calls.append(1))
    ((_, batch),) = worst_batches(module.vlm, data_of(ONE))
    try_once(module, batch)
    assert len(calls) == 8  # one by one, as the cache will have it
    assert module.vlm.feature_cache is cache
    assert not list(tmp_path.rglob("*.safetensors"))


def test_holds_what_a_later_step_has_around(module, monkeypatch):
    made = []

    def empty_like(each):
        made.append(each.numel())
        return whole(each)

    whole = torch.empty_like
    ((_, batch),) = worst_batches(module.vlm, data_of(ONE))
    monkeypatch.setattr(worst_batch.torch, "empty_like", empty_like)
    trained = sum(each.numel() for each in module.parameters() if each.requires_grad)
    for accumulates, copies in ((False, 2), (True, 3)):
        made.clear()
        try_once(module, batch, accumulates=accumulates)
        assert sum(made) == copies * trained


@pytest.fixture
def forced(monkeypatch):
    """As on a GPU; how often something was tried."""
    tried = []

    def try_it(*words, **options):
        tried.append(1)
        try_once(*words, **options)

    monkeypatch.setattr(memory_probe, "is_needed", lambda trainer: True)
    monkeypatch.setattr(memory_probe, "try_once", try_it)
    return tried


WORDS = ["fit", "--config", "small.yaml", *QUIET, "--eval.after_fit", "false"]
WORDS += ["--model.tuning.lora_dropout", "0.3", "--trainer.accumulate_grad_batches", "2"]


def traces(run):
    """What a run has left: its log without what follows the clock, and its weights."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    clock = ("_per_s", "percent", "gib", "seconds")
    log = [line for line in lines if not str(line.get("name")).endswith(clock)]
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return log, saved["state_dict"]


def test_a_run_is_the_same_bit_for_bit(workplace, monkeypatch, forced):
    assert main([*WORDS, "--name", "probed"]) == 0
    assert forced == [1]
    monkeypatch.undo()
    monkeypatch.chdir(workplace)
    assert main([*WORDS, "--name", "plain"]) == 0
    probed, plain = (traces(workplace / "runs" / name) for name in ("probed", "plain"))
    assert probed[0] == plain[0]
    assert probed[1].keys() == plain[1].keys()
    assert all(torch.equal(value, plain[1][name]) for name, value in probed[1].items())


@pytest.mark.usefixtures("forced")
def test_what_does_not_fit_is_said_before_the_first_step(workplace, monkeypatch, capsys):
    def losses(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")

    config = {"data": {"train": [{"name": "wide", "count": 40, "size_px": 112}]}}
    (workplace / "wide.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(VLMModule, "losses", losses)
    assert main([*WORDS, "--config", "wide.yaml", "--name", "mine"]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(
        "error: expected the largest batch of set `wide` to fit into memory, got no room for "
        "9.00 GiB more with 16 items (stimuli `"
    )
    assert "lower `data.batch_size` from 16 to 8 and raise" in last
    assert last.endswith("; there is no checkpoint yet: begin anew")


def test_memory_of_a_cpu_is_not_tried(workplace, monkeypatch):
    monkeypatch.setattr(memory_probe, "try_once", lambda *_, **__: pytest.fail("tried"))
    assert main([*WORDS, "--name", "mine", "--trainer.max_steps", "1"]) == 0
    assert (workplace / "runs" / "mine").exists()

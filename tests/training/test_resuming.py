"""A run that is continued is the run that it was, unless a change is allowed by name."""

from copy import deepcopy

import pytest
import torch
import yaml

from cogtrain.cli import main
from cogtrain.complaint import UsageError
from cogtrain.training.resuming import Resume, command, how_to_continue, require_same
from cogtrain.training.run import RunFolder

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
BEGAN = {
    "seed_everything": 0,
    "trainer": {"max_steps": 4, "accumulate_grad_batches": 8, "devices": 1, "num_nodes": 1},
    "model": {"tuning": {"r": 16}, "compile": False, "gradient_checkpointing": False},
    "data": {
        "train": [{"name": "towers", "count": 64, "factors": {"size": "small"}}],
        "batch_size": 64,
        "threads": None,
        "photographs": None,
    },
    "optimizer": {"lr": 0.002},
    "eval": {"stimuli": 100, "best": {"patience": None}},
}


def changed(**options):
    """BEGAN with other values, by keys with `__` for dots."""
    config = deepcopy(BEGAN)
    for key, value in options.items():
        *sections, name = key.split("__")
        place = config
        for section in sections:
            place = place[int(section) if section.isdigit() else section]
        place[name] = value
    return config


@pytest.mark.parametrize(
    ("options", "told", "keys"),
    [
        ({"data__batch_size": 32}, "data.batch_size: 64 -> 32", "data.batch_size"),
        ({"seed_everything": 1}, "seed_everything: 0 -> 1", "seed_everything"),
        ({"trainer__max_steps": 9}, "trainer.max_steps: 4 -> 9", "trainer.max_steps"),
        (
            {"optimizer__lr": 1.0, "model__compile": True},
            "model.compile: false -> true, optimizer.lr: 0.002 -> 1.0",
            "model.compile, optimizer.lr",
        ),
        (
            {"data__train__0__factors__size": "large"},
            "data.train.0.factors.size: small -> large",
            "data.train.0.factors.size",
        ),
        (
            {"data__train": [{"name": "towers"}, {"name": "walls"}]},
            "data.train: [towers] -> [towers, walls]",
            "data.train",
        ),
        (
            {"data__photographs": {"table": "t.csv"}},
            'data.photographs: null -> {"table": "t.csv"}',
            "data.photographs",
        ),
        ({"eval__best__patience": 3}, "eval.best.patience: null -> 3", "eval.best.patience"),
        (
            {"trainer__accumulate_grad_batches": 4},
            "trainer.accumulate_grad_batches: 8 -> 4",
            "trainer.accumulate_grad_batches",
        ),
    ],
)
def test_says_what_differs_and_how_to_allow_it(options, told, keys):
    with pytest.raises(UsageError) as found:
        require_same(BEGAN, changed(**options), Resume())
    assert str(found.value) == (
        f"expected the config that the run began with, got {told}; begin another run, or go on "
        f"with --resume.allow '[{keys}]'"
    )
    require_same(BEGAN, changed(**options), Resume(allow=keys.split(", ")))
    require_same(BEGAN, changed(**options), Resume(allow=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trainer__devices": "auto"},
        {"trainer__devices": "4", "trainer__accumulate_grad_batches": 2},  # the same windows
        {"model__gradient_checkpointing": True},
        {"data__threads": 3, "eval__stimuli": 5},
    ],
)
def test_does_not_ask_about_what_cannot_matter(options):
    assert require_same(BEGAN, changed(**options), Resume()) is None


def test_says_that_more_ranks_make_larger_steps():
    note = require_same(BEGAN, changed(trainer__devices=4, trainer__num_nodes=2), Resume())
    assert note is not None
    assert note.startswith("note: a step is made of 64 micro-batches over all ranks instead of 8, ")


def test_a_section_allows_all_of_it_and_nothing_else():
    both = changed(data__batch_size=32, data__train__0__count=1, optimizer__lr=1.0)
    with pytest.raises(
        UsageError, match=r"got optimizer\.lr: 0\.002 -> 1\.0; .*'\[optimizer\.lr\]'"
    ):
        require_same(BEGAN, both, Resume(allow=["data"]))
    require_same(BEGAN, both, Resume(allow=["data", "optimizer.lr"]))


def test_what_may_differ_must_exist():
    with pytest.raises(
        UsageError, match=r"`resume.allow`: .* got `optimizr.lr`; the nearest is `opt"
    ):
        require_same(BEGAN, BEGAN, Resume(allow=["optimizr.lr"]))


def test_an_option_that_is_younger_than_the_run_had_its_default():
    now = changed(model__younger=7)
    require_same(BEGAN, now, Resume(), {"model": {"younger": 7}})
    with pytest.raises(UsageError, match=r"model\.younger: null -> 7"):
        require_same(BEGAN, now, Resume(), {})


def test_the_words_that_continue_allow_what_they_change():
    assert command("mine", {"optimizer.lr": 0.001, "data.eval_batch_size": 8}) == (
        "python -m cogtrain fit --name mine --ckpt_path last --optimizer.lr 0.001 "
        "--data.eval_batch_size 8 --resume.allow '[optimizer.lr]'"
    )
    assert command("mine", {}) == "python -m cogtrain fit --name mine --ckpt_path last"


def test_nothing_to_continue_is_said(tmp_path):
    assert how_to_continue(RunFolder(tmp_path), {}) == "there is no checkpoint yet: begin anew"


LAST = ["fit", "--name", "mine", "--ckpt_path", "last", *QUIET, "--eval.after_fit", "false"]


def test_a_run_goes_on_with_what_is_allowed_and_remembers_it(trained, capsys):
    saved = (trained / "config.yaml").read_text()
    longer = [*LAST, "--trainer.max_epochs", "2", "--optimizer.lr", "0.001"]
    assert main(longer) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    told = "trainer.max_epochs: 1 -> 2, optimizer.lr: 0.002 -> 0.001"
    assert line.startswith(f"error: expected the config that the run began with, got {told}; ")
    assert (trained / "config.yaml").read_text() == saved
    assert main([*longer, "--resume.allow", "[trainer.max_epochs, optimizer]"]) == 0
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert (config["trainer"]["max_epochs"], config["optimizer"]["lr"]) == (2, 0.001)
    assert "resume" not in config  # what one continuation may change, the next may not
    path = trained / "checkpoints" / "last.ckpt"
    assert torch.load(path, weights_only=True)["global_step"] == 8
    assert main([*LAST, "--optimizer.lr", "0.002"]) == 2
    assert "optimizer.lr: 0.001 -> 0.002" in capsys.readouterr().err


@pytest.mark.usefixtures("trained")
def test_the_same_words_go_on_without_being_asked(capsys):
    words = ["fit", "--config", "small.yaml", "--name", "mine", "--ckpt_path", "auto", *QUIET]
    words += ["--model.tuning.tune.language", "lora", "--model.tuning.r", "2"]
    assert main([*words, "--data.threads", "1", "--eval.after_fit", "false"]) == 0
    assert main([*words, "--model.tuning.r", "3"]) == 2
    assert "got model.tuning.r: 2 -> 3; begin another run" in capsys.readouterr().err

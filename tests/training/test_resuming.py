"""A continued run is what it was, unless it is told what may change."""

import json

import pytest
import yaml

from cogtrain.cli import main
from cogtrain.complaint import UsageError
from cogtrain.training.resuming import Resume, changes, require_same
from cogtrain.training.run import RunFolder
from tests.training.conftest import LORA

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
BEFORE = {
    "seed_everything": 0,
    "trainer": {"devices": 1, "num_nodes": 1, "accumulate_grad_batches": 8, "precision": None},
    "model": {"tuning": {"r": 16, "tune": {"vision": "lora"}}},
    "data": {"train": [{"name": "small", "count": 4}], "batch_size": 4, "threads": None},
    "optimizer": {"lr": 0.1},
    "eval": {"best": {"patience": None}, "stimuli": 5},
    "name": None,
}


def changed(**values):
    """BEFORE, with other values at dotted keys (`__` for a dot)."""
    tree = json.loads(json.dumps(BEFORE))
    for key, value in values.items():
        *path, last = key.split("__")
        branch = tree
        for name in path:
            branch = branch[name]
        branch[last] = value
    return tree


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed_everything", 1),
        ("trainer__precision", "bf16-mixed"),
        ("model__tuning__r", 8),
        ("model__tuning__tune__vision", "frozen"),
        ("data__train", [{"name": "small", "count": 5}]),
        ("data__batch_size", 8),
        ("trainer__accumulate_grad_batches", 4),
        ("optimizer__lr", 0.2),
        ("eval__best__patience", 3),
    ],
)
def test_what_is_learned_by_counts(key, value):
    (found,) = changes(BEFORE, changed(**{key: value}))
    assert found == key.replace("__", ".")


@pytest.mark.parametrize(
    "values",
    [
        {"name": "other", "eval__stimuli": 9, "data__threads": 2, "trainer__max_epochs": 9},
        {"trainer__devices": 1, "trainer__accumulate_grad_batches": 16, "data__batch_size": 2},
        {"trainer__devices": 4, "trainer__accumulate_grad_batches": 2},
        {"trainer__num_nodes": 2, "trainer__devices": 2, "trainer__accumulate_grad_batches": 2},
    ],
)
def test_what_is_shown_and_how_a_step_is_parted_does_not(values):
    assert changes(BEFORE, changed(**values)) == {}


def test_ranks_that_are_not_counted_leave_it_open():
    (first, second) = changes(
        BEFORE,
        changed(trainer__devices="auto", data__batch_size=2, trainer__accumulate_grad_batches=4),
    )
    assert {first, second} == {"data.batch_size", "trainer.accumulate_grad_batches"}


def test_what_only_one_version_knows_is_no_change():
    old = {"model": {"gone": 1}, "optimizer": {"lr": 0.1}}
    assert changes(old, {"model": {"new": 2}, "optimizer": {"lr": 0.1}}) == {}


def test_all_changes_are_told_and_can_be_accepted(tmp_path, capsys):
    run = RunFolder(tmp_path)
    run.config.write_text(yaml.safe_dump(BEFORE))
    now = changed(optimizer__lr=0.2, model__tuning__r=8)
    told = (
        rf"continue `{tmp_path}` as it was, got model.tuning.r: 16 -> 8; optimizer.lr: 0.1 -> 0.2; "
        r"leave .* --resume.allow '\[model.tuning.r, optimizer.lr\]'"
    )
    with pytest.raises(UsageError, match=told):
        require_same(run, now, Resume())
    with pytest.raises(UsageError, match=r"got optimizer.lr: 0.1 -> 0.2; leave"):
        require_same(run, now, Resume(allow=("model", "optim")))
    require_same(run, now, Resume(allow=("model", "optimizer.lr")))
    assert "note: continued with another optimizer.lr: 0.1 -> 0.2" in capsys.readouterr().err


def test_a_checkpoint_of_elsewhere_has_nothing_to_compare_with(tmp_path):
    require_same(RunFolder(tmp_path), BEFORE, Resume())


def test_a_run_is_continued_as_it_was_or_as_allowed(workplace, capsys):
    begun = ["fit", "--config", "small.yaml", "--name", "mine", *LORA, *QUIET]
    assert main([*begun, "--trainer.max_steps", "2", "--eval.after_fit", "false"]) == 0
    capsys.readouterr()
    again = ["fit", "--name", "mine", "--ckpt_path", "last", *QUIET, "--trainer.max_steps", "3"]
    before = (workplace / "runs/mine/config.yaml").read_text()
    assert main([*again, "--optimizer.lr", "0.5", "--data.batch_size", "8"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "got data.batch_size: 16 -> 8; optimizer.lr: 0.002 -> 0.5; leave that out" in line
    assert (workplace / "runs/mine/config.yaml").read_text() == before
    assert main([*again, "--optimizer.lr", "0.5", "--resume.allow", "[optimizer]"]) == 0
    assert "note: continued with another optimizer.lr: 0.002 -> 0.5" in capsys.readouterr().err
    # The same step in two halves; and what was accepted once is what the run is now.
    halves = ["--data.batch_size", "8", "--trainer.accumulate_grad_batches", "2"]
    assert main([*again, *halves, "--trainer.max_steps", "4"]) == 0
    assert "note: continued" not in capsys.readouterr().err

"""What ends a training in the middle: numbers that are not finite, memory that does not suffice."""

import json
import subprocess
import sys

import pytest
import torch

from cogtrain.cli import main
from cogtrain.training.finite import NotFiniteError, require_finite
from cogtrain.training.out_of_memory import is_out_of_memory
from cogtrain.training.window import Window
from tests.training.conftest import LORA

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
FIT = [
    "fit",
    "--config",
    "small.yaml",
    *LORA,
    *QUIET,
    "--data.val",
    "[]",
    "--eval.after_fit",
    "false",
]


def trouble(name, **options):
    """Options of a run with a callback of `tests.training.trouble`."""
    path = f"tests.training.trouble.{name}"
    return ["--trainer.callbacks", json.dumps([{"class_path": path, "init_args": options}])]


def saved(path):
    return torch.load(path / "checkpoints/last.ckpt", weights_only=True)


@pytest.fixture
def two_steps(workplace):
    """The same run, ended by the user before it goes wrong."""
    assert (
        main([*FIT, "--name", "two", "--trainer.max_steps", "2", "--lr_scheduler.warmup", "0"]) == 0
    )
    return saved(workplace / "runs/two")["state_dict"]


@pytest.mark.parametrize(
    ("name", "options", "got"),
    [
        ("BadLoss", {"value": "nan"}, "a loss that is not, from tower-"),
        ("BadLoss", {"value": "inf"}, "a loss that is not, from tower-"),
        (
            "BadGradient",
            {},
            "gradients that are not, from stimuli whose own losses are finite; no w",
        ),
    ],
)
def test_a_step_that_is_not_finite_is_not_taken(workplace, capsys, two_steps, name, options, got):
    capsys.readouterr()
    words = ["--name", "bad", "--trainer.max_steps", "4", "--lr_scheduler.warmup", "0"]
    assert main([*FIT, *words, *trouble(name, **options)]) == 2
    *_, how, line = capsys.readouterr().err.strip().splitlines()
    assert f"error: expected finite numbers to learn from, got {got}" in line
    assert how.startswith("stopped after step 2; to continue: python -m cogtrain fit --name bad")
    kept = saved(workplace / "runs/bad")
    assert kept["global_step"] == 2
    assert all(value.isfinite().all() for value in kept["state_dict"].values())
    assert set(kept["state_dict"]) == set(two_steps)


def test_names_whose_loss_it_was_and_counts_the_others():
    window = Window()
    losses = torch.full((12,), torch.nan)
    losses[3] = 1.0
    window.add(losses, torch.ones(12), torch.ones(12), [f"s{n}" for n in range(12)])
    window.close()
    with pytest.raises(NotFiniteError, match=r"from s0, s1, s2, s4, s5, s6, s7, s8 and 3 more; no"):
        require_finite(window)


def test_a_window_that_weighs_nothing_is_no_trouble():
    window = Window()
    window.add(torch.ones(2), torch.ones(2), torch.zeros(2), ["a", "b"])
    assert window.close().loss.isnan()
    require_finite(window, [torch.zeros(3), None])


def test_stimuli_of_earlier_windows_are_forgotten():
    window = Window()
    for ids, loss in ((["a"], torch.inf), (["b"], torch.nan), (["c"], 1.0)):
        window.add(torch.tensor([loss]), torch.ones(1), torch.ones(1), ids)
        window.close()
        assert window.not_finite() == ([] if ids == ["c"] else ids)


@pytest.mark.parametrize("rank", [0, 1])
def test_ranks_stop_together(workplace, rank):
    ranks = ["--trainer.devices", "2", "--trainer.strategy", "ddp_find_unused_parameters_true"]
    words = [*FIT, "--name", "bad", *ranks, *trouble("BadLoss", rank=rank, step=1)]
    command = [sys.executable, "-m", "cogtrain", *words]
    done = subprocess.run(command, cwd=workplace, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "got a loss that is not, from tower-" in done.stderr
    assert saved(workplace / "runs/bad")["global_step"] == 1


@pytest.mark.parametrize(
    ("kind", "got"),
    [
        (
            "OutOfMemoryError",
            "got OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB;",
        ),
        ("cpu", "DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_a_batch_that_does_not_fit_is_named(workplace, capsys, kind, got):
    assert main([*FIT, "--name", "full", *trouble("NoMemory", kind=kind)]) == 2
    *_, how, line = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: expected memory for 16 items of tower-small (tower-")
    assert " and 13 more), pixel_values 256×1176; image_grid_thw 16×3, got " in line
    assert got in line
    assert "lower `data.batch_size` and raise `trainer.accumulate_grad_batches`" in line
    assert how.startswith("stopped after step 2; to continue: ")
    assert saved(workplace / "runs/full")["global_step"] == 2


def test_a_batch_that_is_judged_has_another_size_to_lower(workplace, capsys):
    words = ["fit", "--config", "small.yaml", *LORA, *QUIET, "--name", "full"]
    assert main([*words, *trouble("NoMemory", step=-1)]) == 2
    assert "; lower `data.eval_batch_size`, which changes no answer" in capsys.readouterr().err


def test_other_errors_are_not_about_memory():
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))

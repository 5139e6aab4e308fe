"""A GPU that is not there, and numbers that cannot be trained in: one line before anything."""

import pytest
import torch
from torch import nn

from cogtrain.cli import main
from cogtrain.complaint import UsageError
from cogtrain.training.compute import require_accelerator, require_precision

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]


def model(base=torch.float32, trained=torch.float32):
    return nn.ParameterList(
        [
            nn.Parameter(torch.zeros(2, dtype=base), requires_grad=False),
            nn.Parameter(torch.zeros(2, dtype=trained)),
        ]
    )


@pytest.fixture
def gpu(monkeypatch):
    """Whether torch says that there is one."""

    def gpu(is_there):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: is_there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    gpu(False)
    return gpu


@pytest.mark.parametrize("accelerator", ["gpu", "cuda"])
@pytest.mark.parametrize(
    ("build", "advice"),
    [
        ("12.8", "is made for CUDA 12.8: see whether `nvidia-smi` finds a card"),
        (None, "is made without CUDA: install one with it"),
    ],
)
def test_a_gpu_that_is_not_there(gpu, monkeypatch, accelerator, build, advice):
    monkeypatch.setattr(torch.version, "cuda", build)
    with pytest.raises(UsageError) as found:
        require_accelerator(accelerator)
    assert str(found.value) == (
        f"expected a GPU for `trainer.accelerator: {accelerator}`, got none; torch "
        f"{torch.__version__} {advice}, or leave the option out to train on the CPU"
    )
    gpu(True)
    require_accelerator(accelerator)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("accelerator", ["auto", "cpu"])
def test_a_cpu_is_always_there(accelerator):
    require_accelerator(accelerator)


HALF, BRAIN, SINGLE = torch.float16, torch.bfloat16, torch.float32


@pytest.mark.parametrize(
    ("precision", "base", "trained", "message"),
    [
        (
            "16-true",
            SINGLE,
            SINGLE,
            "weights in 32 bits, got 16-true; set `model.dtype: float16` f",
        ),
        ("bf16-true", SINGLE, SINGLE, "got bf16-true; set `model.dtype: bfloat16` for the base"),
        (
            "16-mixed",
            BRAIN,
            SINGLE,
            "got `trainer.precision: 16-mixed` with a base in bfloat16; le",
        ),
        (16, BRAIN, SINGLE, "got `trainer.precision: 16-mixed` with a base in bfloat16; leave"),
        ("bf16", HALF, SINGLE, "got `trainer.precision: bf16-mixed` with a base in float16; leave"),
        (None, HALF, HALF, "expected weights that are trained in float32, got float16, in which"),
        ("16-mixed", HALF, HALF, "expected weights that are trained in float32, got float16"),
    ],
)
def test_numbers_that_lose_what_is_learned(gpu, precision, base, trained, message):
    gpu(True)
    with pytest.raises(UsageError, match="expected") as found:
        require_precision(precision, model(base, trained))
    assert message in str(found.value)


@pytest.mark.usefixtures("gpu")
def test_a_cpu_has_no_float16():
    with pytest.raises(UsageError, match=r"`trainer.precision: 16-mixed`, got a CPU"):
        require_precision("16-mixed", model())


@pytest.mark.parametrize(
    ("precision", "base"),
    [
        (None, SINGLE),
        ("32-true", BRAIN),
        (None, HALF),
        ("bf16-mixed", SINGLE),
        ("bf16-mixed", BRAIN),
        ("16-mixed", SINGLE),
        ("16-mixed", HALF),
        ("64-true", SINGLE),
    ],
)
def test_what_keeps_trained_weights_is_taken(gpu, precision, base):
    gpu(True)
    assert require_precision(precision, model(base)) is None


def test_training_in_bfloat16_is_told_of():
    note = require_precision(None, model(BRAIN, BRAIN))
    assert note is not None
    assert note.startswith(
        "note: weights that are trained in bfloat16 lose what moves them by less"
    )


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--trainer.accelerator", "gpu"],
            "error: expected a GPU for `trainer.accelerator: gpu`, ",
        ),
        (["--trainer.precision", "bf16-true"], "error: expected a `trainer.precision` that leaves"),
        (
            ["--model.dtype", "float16", "--trainer.precision", "bf16-mixed"],
            "error: expected one kind of 16 bits, got `trainer.precision: bf16-mixed` with a base",
        ),
    ],
)
def test_one_line_and_no_run_folder(workplace, capsys, words, message):
    assert main(["fit", "--config", "small.yaml", *words, *QUIET]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(message)
    assert not list(workplace.glob("runs/*"))

"""Out of memory: one line that names the batch and what to lower; the run can be continued."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import yaml

from cogtrain.cli import main
from cogtrain.training.module import VLMModule
from cogtrain.training.out_of_memory import Load, before_any_batch, is_out_of_memory

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
ON_GPU = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.10 GiB of "
    "which 1.00 GiB is free. If reserved but unallocated memory is large try setting ..."
)
LOAD = Load(
    what="step 3",
    stimuli=[("towers", name) for name in "abcdef"],
    lengths=[90, 80, 100],
    is_training=True,
    batch_size=5,
    accumulate=3,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ON_GPU, True),
        (MemoryError(), True),
        (RuntimeError("... DefaultCPUAllocator: can't allocate memory: you tried ..."), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_knows_it(error, expected):
    assert is_out_of_memory(error) is expected


def test_names_the_batch_and_what_to_lower():
    complaint = LOAD.complaint(ON_GPU)
    assert str(complaint) == (
        "expected step 3 to fit into memory, got no room for 2.00 GiB more on GPU 1 of 79.10 GiB "
        "with 6 items (stimuli `a`, `b`, `c`, `d` and 2 more of set `towers`), the longest of 100 "
        "tokens; lower `data.batch_size` from 5 to 2 and raise `trainer.accumulate_grad_batches` "
        "from 3 to 9, set `model.gradient_checkpointing`, set `model.tokens_per_pass` to 150, or "
        "lower `size_px` of the sets"
    )
    assert complaint.changes == {"data.batch_size": 2, "trainer.accumulate_grad_batches": 9}


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (
            {"recomputes": True, "tokens_per_pass": 200},
            "from 3 to 9, set `model.tokens_per_pass` to 100, or",
        ),
        ({"recomputes": True, "is_sharded": True}, "from 3 to 9, or lower `size_px`"),
        (
            {"batch_size": 1, "lengths": [100], "recomputes": True},
            "tokens; lower `size_px` of the sets",
        ),
        (
            {"is_training": False, "batch_size": 128, "tokens_per_pass": 100},
            "tokens; lower `data.eval_batch_size` from 128 to 64, or lower `size_px`",
        ),
    ],
)
def test_advises_nothing_that_is_done_or_cannot_be(options, advice):
    assert advice in str(replace(LOAD, **options).complaint(MemoryError()))


def test_says_how_much_the_cpu_was_asked_for():
    error = RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes."
    )
    assert "got no room for 64 bytes more with 6 items" in str(LOAD.complaint(error))


def test_outside_of_a_batch_it_is_the_model():
    assert str(before_any_batch(MemoryError())) == (
        "expected the model to fit into memory, got no room for more outside of any batch; train "
        "an adapter on a base in `model.dtype: bfloat16` or `model.quantization: nf4`, take a "
        "smaller model, or lower `data.batch_size`"
    )


class Fails:
    """A step of a module that runs out of memory at its ``at``th call, the rows already laid."""

    def __init__(self, monkeypatch, step, *, at):
        self.left, self.ids, self.whole = at, [], getattr(VLMModule, step)
        monkeypatch.setattr(VLMModule, step, lambda *words: self.step(*words))

    def step(self, module, batch, *rest):
        result = self.whole(module, batch, *rest)
        self.left -= 1
        if self.left == 0:
            self.ids = batch["ids"]
            raise ON_GPU
        return result


def line_of(capsys):
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error: ")]
    return line


def test_a_step_that_does_not_fit_goes_on_with_what_is_advised(workplace, monkeypatch, capsys):
    fails = Fails(monkeypatch, "training_step", at=4)
    words = ["fit", "--config", "small.yaml", "--name", "mine", *QUIET]
    assert main(words) == 1
    said = line_of(capsys)
    assert "expected step 4 to fit into memory, got no room for 2.00 GiB more on GPU 1" in said
    assert f"with 16 items (stimuli `{fails.ids[0]}`, `{fails.ids[1]}`, " in said
    assert (
        "`data.batch_size` from 16 to 8 and raise `trainer.accumulate_grad_batches` from 1 to 2"
        in said
    )
    again = (
        "--name mine --ckpt_path last --data.batch_size 8 --trainer.accumulate_grad_batches 2 "
        "--resume.allow '[data.batch_size, trainer.accumulate_grad_batches]'"
    )
    assert said.endswith(f"; to continue after step 3: python -m cogtrain fit {again}")
    cut = torch.load(workplace / "runs" / "mine" / "checkpoints" / "last.ckpt", weights_only=True)
    assert cut["global_step"] == 3  # saved when it failed; a validation was after the second
    words = [word.strip("'") for word in again.replace(", ", ",").split()]
    assert main(["fit", *words, *QUIET, "--eval.after_fit", "false"]) == 0
    whole = [
        "fit",
        "--config",
        "small.yaml",
        "--name",
        "whole",
        *QUIET,
        "--eval.after_fit",
        "false",
    ]
    assert main(whole) == 0
    rest, weights = (
        torch.load(workplace / "runs" / name / "checkpoints" / "last.ckpt", weights_only=True)
        for name in ("mine", "whole")
    )
    assert rest["global_step"] == weights["global_step"] == 4
    torch.testing.assert_close(rest["state_dict"], weights["state_dict"], rtol=0, atol=1e-4)


def test_a_test_that_does_not_fit_names_its_own_batch_size(trained, monkeypatch, capsys):
    Fails(monkeypatch, "test_step", at=2)
    assert main(["test", "--config", "small.yaml", "--ckpt_path", "last", *QUIET]) == 1
    said = line_of(capsys)
    assert "expected a tested batch to fit into memory" in said
    assert "lower `data.eval_batch_size` from 16 to 8" in said
    assert said.endswith("; then do the same again")
    assert trained.exists()


def test_a_model_that_does_not_fit(workplace, monkeypatch, capsys):
    def load(*_, **__):
        raise MemoryError

    from cogtrain.training import lightning_cli

    monkeypatch.setattr(lightning_cli.StimuliDataModule, "build", load)
    assert main(["fit", "--config", "small.yaml", "--name", "mine", *QUIET]) == 1
    assert "expected the model to fit into memory, got no room for more outside" in line_of(capsys)
    assert not (workplace / "runs" / "mine").exists()


REAL = """
import resource, sys
import psutil
from cogtrain.cli import main
from cogtrain.training.module import VLMModule

whole = VLMModule.training_step

def step(module, batch, number):
    if number == 1:  # what there is, and a little: too little for this batch
        most = psutil.Process().memory_info().vms + 2**26
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return whole(module, batch, number)

VLMModule.training_step = step
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS bounds memory on Linux")
@pytest.mark.timeout(240)
def test_a_machine_that_is_really_full(workplace):
    big = {"name": "big", "count": 256, "size_px": 224}
    config = {"data": {"train": [big], "val": [], "test": [], "batch_size": 128}}
    (workplace / "big.yaml").write_text(yaml.safe_dump(config))
    words = [
        "fit",
        "--config",
        "big.yaml",
        "--name",
        "mine",
        "--trainer.accelerator",
        "cpu",
        *QUIET,
    ]
    done = subprocess.run(
        [sys.executable, "-c", REAL, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: expected step 2 to fit into memory, got no room for ")
    assert "with 128 items (stimuli `" in last
    assert "`data.batch_size` from 128 to 64" in last
    assert "to continue after step 1: python -m cogtrain fit --name mine --ckpt_path last" in last

"""Numbers that are none: the run stops before a weight moves, and keeps what it had."""

import math
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer

from cogtrain.cli import main
from cogtrain.training.callbacks.finite_answers import FiniteAnswers
from cogtrain.training.finite import LossRecord, NotFiniteError, listed, require_finite_weights
from cogtrain.training.last_checkpoint import LastCheckpoint
from cogtrain.training.module import VLMModule
from cogtrain.training.state import Boundaries

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
ONE = torch.tensor(1.0)


def record(*losses):
    """Of a window with these losses by micro-batch; items are called a, b, c, …"""
    names, made = iter("abcdefghij"), LossRecord()
    for values in losses:
        ids = [next(names) for _ in values]
        made.add({"set": ["towers"] * len(ids), "ids": ids}, torch.tensor(values))
    return made


@pytest.mark.parametrize(
    ("losses", "norm", "message"),
    [
        (
            [[1.0, 2.0], [math.nan, 1.0]],
            1.0,
            "expected a finite loss in step 7, got nan for 1 of 4 items (stimulus `c` of set "
            "`towers`); no weight has moved",
        ),
        ([[1.0, math.inf]], 1.0, "step 7, got inf for 1 of 2 items (stimulus `b` of set `towers`)"),
        (
            [[1.0], [2.0]],
            math.inf,
            "expected a finite gradient in step 7, got a norm of inf from 2 of 2 items (stimuli "
            "`a`, `b` of set `towers`); no weight has moved",
        ),
        ([[3e38, 3e38]], 1.0, "a finite loss in step 7, got 2 of 2 items"),  # each is, the sum not
    ],
)
def test_says_what_is_not_finite_and_of_whom(losses, norm, message):
    total = sum(torch.tensor(values).sum() for values in losses)
    with pytest.raises(NotFiniteError) as found:
        record(*losses).close(7, total, torch.tensor(norm))
    assert message in str(found.value)


def test_a_window_is_forgotten_when_it_ends():
    made = record([1.0])
    made.close(1, ONE, ONE)
    made.add({"set": ["towers"], "ids": ["z"]}, torch.tensor([math.nan]))
    with pytest.raises(NotFiniteError, match="1 of 1 items"):
        made.close(2, torch.tensor(math.nan), ONE)


@pytest.mark.parametrize(("scale", "is_error"), [(2.0**15, False), (0.5, True)])
def test_a_scaler_may_leave_out_steps_until_it_cannot_scale_lower(scale, is_error):
    scaler, infinite = SimpleNamespace(get_scale=lambda: scale), torch.tensor(math.inf)
    if not is_error:
        record([1.0]).close(1, ONE, infinite, scaler)
        return
    with pytest.raises(NotFiniteError, match="a finite gradient in step 1, got a norm of inf"):
        record([1.0]).close(1, ONE, infinite, scaler)


def test_lists_a_few_stimuli_of_each_set():
    named = [("towers", name) for name in "abcdeaf"] + [("walls", "x")]
    assert (
        listed(named)
        == "stimuli `a`, `b`, `c`, `d` and 2 more of set `towers`; stimulus `x` of set `walls`"
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_bad_weights_are_not_written(bad):
    module = VLMModule()
    saved = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(saved)
    trained = next(each for each in module.parameters() if each.requires_grad)
    with torch.no_grad():
        trained.view(-1)[3] = bad
    with pytest.raises(
        NotFiniteError, match=f"finite weights to keep, got {bad} among the trained"
    ):
        module.on_save_checkpoint({"state_dict": module.state_dict()})


def test_frozen_weights_are_none_of_its_business():
    frozen = torch.nn.Parameter(torch.tensor([math.nan]), requires_grad=False)
    require_finite_weights([frozen, torch.nn.Parameter(torch.ones(2))])


def validated(*batches):
    """A validation of a trainer on one rank, by certainties and weights of its batches."""
    strategy = SimpleNamespace(reduce=lambda sums, reduce_op: sums)
    trainer = SimpleNamespace(
        state=SimpleNamespace(fn="fit"), sanity_checking=False, strategy=strategy, global_step=9
    )
    callback = FiniteAnswers()
    for certainty, weights in batches:
        outputs = {
            "response_probability": torch.tensor(certainty),
            "weights": torch.tensor(weights),
        }
        callback.on_validation_batch_end(trainer, None, outputs)
    callback.on_validation_end(trainer, SimpleNamespace(device=torch.device("cpu")))


def test_a_validation_without_any_answer_ends_the_run():
    with pytest.raises(NotFiniteError, match="after step 9, got no number for any of 2 items"):
        validated(([math.nan, 0.7], [1.0, 0.0]), ([math.nan], [1.0]))
    validated(([math.nan, 0.7], [1.0, 1.0]))
    validated()


def test_nothing_is_saved_of_a_run_that_left_the_numbers(tmp_path):
    boundaries = Boundaries()
    boundaries.has_begun = True
    last = LastCheckpoint(tmp_path / "last.ckpt", boundaries)
    last.on_exception(SimpleNamespace(world_size=1), None, NotFiniteError("nan"))
    assert not last.path.exists()


class Poison:
    """A module whose loss of one stimulus is no number, from a training step on."""

    def __init__(self, monkeypatch, *, at, value=math.nan):
        self.calls, self.at, self.value, self.stimulus = 0, at, value, None
        self.whole = VLMModule.losses
        monkeypatch.setattr(VLMModule, "losses", lambda *words: self.losses(*words))

    def losses(self, module, batch, scores):
        losses, weights = self.whole(module, batch, scores)
        self.calls += 1
        if self.calls == self.at:
            self.stimulus = batch["ids"][2]
            losses = losses * torch.where(torch.arange(len(losses)) == 2, self.value, 1.0)
        return losses, weights


@pytest.mark.parametrize("windows", [1, 2])
def test_a_run_stops_before_weights_move_and_goes_on_from_the_last_good_ones(
    workplace, monkeypatch, capsys, windows
):
    poison = Poison(
        monkeypatch, at=3
    )  # a validation, and with it a checkpoint, is after the second
    words = ["fit", "--config", "small.yaml", "--name", "mine", *QUIET]
    words += [f"--trainer.accumulate_grad_batches={windows}"]
    assert main(words) == 1
    run, step = workplace / "runs" / "mine", 2 // windows
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert lines == [
        f"error: expected a finite loss in step {step + 1}, got nan for 1 of {16 * windows} items "
        f"(stimulus `{poison.stimulus}` of set `tower-small`); no weight has moved; to continue "
        f"after step {step}: python -m cogtrain fit --name mine --ckpt_path last --optimizer.lr "
        "0.001 --resume.allow '[optimizer.lr]'"
    ]
    for name in ("last", "best"):
        saved = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert saved["global_step"] == step
        assert all(value.isfinite().all() for value in saved["state_dict"].values())
    again = ["fit", "--name", "mine", "--ckpt_path", "last", *QUIET, "--eval.after_fit", "false"]
    assert main(again) == 0
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4 // windows


def test_a_gradient_that_is_not_finite_stops_likewise(workplace, monkeypatch, capsys):
    def spoil(module, optimizer):
        whole(module, optimizer)
        trained = next(each for each in module.parameters() if each.grad is not None)
        trained.grad.view(-1)[0] = math.inf

    whole = VLMModule.on_before_optimizer_step
    monkeypatch.setattr(VLMModule, "on_before_optimizer_step", spoil)
    assert main(["fit", "--config", "small.yaml", "--name", "mine", *QUIET]) == 1
    said = capsys.readouterr().err
    assert "expected a finite gradient in step 1, got a norm of inf from 16 of 16 items" in said
    assert said.rstrip().endswith("no weight has moved; there is no checkpoint yet: begin anew")
    assert not (workplace / "runs" / "mine" / "checkpoints" / "last.ckpt").exists()


@pytest.mark.parametrize(
    ("clip", "algorithm", "largest"),
    [(1e-3, None, 1e-3), (1e-3, "norm", 1e-3), (0.5, "value", None)],
)
def test_clips_as_lightning_does(clip, algorithm, largest):
    """`configure_gradient_clipping` takes the norm once for both purposes, to the same bits."""
    module = VLMModule()
    generator = torch.Generator().manual_seed(0)
    moved = [each for each in module.parameters() if each.requires_grad]
    for each in moved:
        each.grad = torch.randn(each.shape, generator=generator)
    expected = [torch.nn.Parameter(each.detach().clone()) for each in moved]
    for own, each in zip(expected, moved, strict=True):
        own.grad = each.grad.clone()
    optimizer = torch.optim.SGD(moved, lr=1.0)
    module._trainer = Trainer(
        accelerator="cpu", gradient_clip_val=clip, gradient_clip_algorithm=algorithm, logger=False
    )
    module.window.add(torch.ones(1), torch.ones(1), torch.ones(1))
    module.window.close()
    module.configure_gradient_clipping(optimizer, clip, algorithm)
    if algorithm == "value":
        torch.nn.utils.clip_grad_value_(expected, clip)
    else:
        torch.nn.utils.clip_grad_norm_(expected, clip)
        norm = torch.nn.utils.get_total_norm([each.grad for each in moved])
        assert norm == pytest.approx(largest, rel=1e-3)
    for own, each in zip(expected, moved, strict=True):
        assert torch.equal(own.grad, each.grad)

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from cogtrain.training.schedule import AdamW, WarmupDecay


def test_rises_straight_then_falls_as_a_cosine():
    schedule = WarmupDecay(warmup=0.2, floor=0.1)
    factors = [schedule.factor(step, 10) for step in range(10)]
    assert factors[:2] == [0.5, 1.0]
    expected = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]
    assert factors[2:] == pytest.approx(expected)


def test_rises_for_so_many_steps_then_falls_on_a_line():
    schedule = WarmupDecay(warmup=0.9, warmup_steps=2, decay="linear", floor=0.2)
    factors = [schedule.factor(step, 10) for step in range(10)]
    assert factors == pytest.approx([0.5, 1.0, *(1 - 0.8 * k / 8 for k in range(8))])


def test_refuses_a_rise_of_less_than_no_step():
    with pytest.raises(ValueError, match=r"`lr_scheduler.warmup_steps` .* at least 0, got -1; 0"):
        WarmupDecay(warmup_steps=-1)


@given(
    warmup=st.floats(0, 1),
    steps=st.none() | st.integers(0, 600),
    decay=st.sampled_from(["cosine", "linear"]),
    floor=st.floats(0, 1),
    total=st.integers(1, 500),
    step=st.integers(0, 999),
)
def test_stays_between_nothing_and_the_highest(total, step, steps, **options):
    assert 0.0 <= WarmupDecay(warmup_steps=steps, **options).factor(step, total) <= 1.0


def test_moves_once_per_optimizer_step():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=2.0)
    schedule = WarmupDecay(warmup=0.5).build(optimizer, total=4)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([1.0, 2.0, 2.0, 1.0])


@pytest.mark.parametrize("name", ["warmup", "floor"])
@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_refuses_what_is_no_share(name, value):
    with pytest.raises(ValueError, match=rf"`lr_scheduler.{name}` .* got {value}"):
        WarmupDecay(**{name: value})


def test_decays_matrices_only():
    optimizer = AdamW(lr=0.01, weight_decay=0.3).build(VLM.load("tiny", tuning=Tuning.full()))
    decays = {
        (parameter.ndim > 1, group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
        if "no_decay" not in group["name"] or parameter.ndim < 2  # embeddings are matrices too
    }
    assert decays == {(True, 0.3), (False, 0.0)}
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}


def test_refuses_a_model_without_anything_to_train():
    frozen = VLM.load("tiny", tuning=Tuning(tune=Tune(language="frozen")))
    with pytest.raises(ValueError, match="only frozen components"):
        AdamW().build(frozen)

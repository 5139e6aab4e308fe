"""Layers that recompute or are compiled: the same answers and gradients as those that do not."""

import pytest
import torch

from cogtrain.models import layers
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from tests.models.family_parity import Pair, draw
from tests.models.tiny_families import RECIPES

SIZES = ((60, 150), (56, 56))
EVERYWHERE = Tune(vision="lora", merger="lora", language="lora")
NO_MERGER = Tune(vision="lora", language="lora")  # Gemma's has no linear layer


def gradients(vlm: VLM, arrays) -> dict[str, torch.Tensor]:
    """Of every trained parameter, dropout included."""
    vlm.train()
    torch.manual_seed(7)
    scores = vlm.scores(["will_fall", "block_count"], arrays)
    scores.log_mass[:, 0].sum().backward()
    return {name: p.grad for name, p in vlm.model.named_parameters() if p.grad is not None}


def counting(vlm: VLM) -> list[int]:
    """Grows with every matrix product of `vlm`."""
    calls: list[int] = []
    for module in vlm.model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("name", tuple(RECIPES))
def test_recomputing_leaves_every_gradient_as_it_is(name, tmp_path):
    made = Pair.of(name, tmp_path)
    arrays = made.arrays(draw(SIZES, seed=4))
    found = []
    for is_recomputing in (False, True):
        torch.manual_seed(3)
        tuning = Tuning(tune=NO_MERGER if name == "gemma3" else EVERYWHERE, r=2, lora_dropout=0.3)
        vlm = VLM.load(str(made.vlm.origin.path), tuning=tuning)
        if is_recomputing:
            layers.recompute(vlm.model)
        calls = counting(vlm)
        found.append((gradients(vlm, arrays), len(calls)))
    (plain, calls), (again, more) = found
    assert set(plain) == set(again)
    assert any(value.abs().max() > 0 for value in plain.values())
    for name_of, value in plain.items():
        torch.testing.assert_close(again[name_of], value, rtol=0, atol=0, msg=name_of)
    assert calls < more <= 2 * calls


def test_what_is_frozen_is_not_computed_twice(tmp_path):
    made = Pair.of("qwen2_vl", tmp_path)
    arrays = made.arrays(draw(SIZES, seed=4))
    vlm = VLM.load(str(made.vlm.origin.path), tuning=Tuning(tune=Tune(language="lora"), r=2))
    layers.recompute(vlm.model)
    calls, needs_gradient = [], []
    vlm.model.model.visual.blocks[0].attn.register_forward_hook(
        lambda _module, _inputs, output: calls.append(output)
    )
    vlm.model.model.visual.merger.register_forward_hook(
        lambda _module, _inputs, output: needs_gradient.append(output.requires_grad)
    )
    vlm.train()
    vlm.scores(["will_fall", "block_count"], arrays).log_mass.sum().backward()
    assert len(calls) == 1
    assert not calls[0].requires_grad
    assert needs_gradient == [False]


@pytest.mark.parametrize("is_recomputing", [False, True])
def test_compiled_layers_answer_alike(tmp_path, monkeypatch, is_recomputing):
    """By the graphs that would be compiled: making kernels takes minutes."""
    made = Pair.of("qwen2_vl", tmp_path)
    arrays = made.arrays(draw(SIZES, seed=4))
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compile_one = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **told: compile_one(self, backend=backend, **told)
    )
    found = []
    for is_compiled in (False, True):
        torch.manual_seed(3)
        tuning = Tuning(tune=EVERYWHERE, r=2)
        vlm = VLM.load(str(made.vlm.origin.path), tuning=tuning)
        if is_recomputing:
            layers.recompute(vlm.model)
        if is_compiled:
            layers.compile_layers(vlm.model)
        found.append(gradients(vlm, arrays))
    torch._dynamo.reset()
    assert graphs
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-5, atol=1e-5, msg=name)

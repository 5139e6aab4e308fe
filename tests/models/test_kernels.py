import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cogtrain.models import kernels
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), heads=st.integers(1, 3))
def test_segments_attend_within_themselves_only(lengths, heads):
    total = sum(lengths)
    generator = torch.Generator().manual_seed(total)
    query, key, value = (
        torch.randn(1, heads, total, 8, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    bounds = torch.tensor([0, *lengths]).cumsum(0)
    found, _ = kernels.segment_attention(
        nn.Identity(),
        query,
        key,
        value,
        None,
        scaling=0.3,
        cu_seq_lens_q=bounds,
        max_length_q=max(lengths),
    )
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    weights = (query @ key.mT * 0.3).masked_fill(owner[:, None] != owner, -torch.inf)
    torch.testing.assert_close(found, (weights.softmax(-1) @ value).transpose(1, 2))


@pytest.mark.parametrize("grids", [[(1, 8, 8)] * 3, [(1, 4, 4), (1, 8, 6), (1, 4, 4)]])
def test_the_tower_computes_what_it_did_before(vlm, reference, grids):
    patches = torch.randn(
        sum(t * h * w for t, h, w in grids), 1176, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        fast, slow = (
            model.model.visual(patches, grid_thw=torch.tensor(grids)).pooler_output
            for model in (vlm.model, reference)
        )
    torch.testing.assert_close(fast, slow, atol=2e-5, rtol=1e-5)


def test_another_attention_is_left_alone():
    eager = VLM.load("tiny", attn_implementation="eager")
    assert eager.model.model.visual.config._attn_implementation == "eager"


def test_an_adapter_on_the_patch_embedding_is_not_passed_by(draw, pixels):
    """PEFT may wrap the convolution; the shortcut must then stand aside."""
    import peft

    own = VLM.load("tiny", tuning=Tuning(tune=Tune(language="frozen"))).eval()
    embed = own.model.model.visual.patch_embed
    config = peft.LoraConfig(r=2, target_modules=["proj"], init_lora_weights=False)
    before = embed(torch.ones(4, 1176))
    torch.manual_seed(0)
    peft.inject_adapter_in_model(config, embed)
    assert (embed(torch.ones(4, 1176)) - before).abs().max() > 1e-3

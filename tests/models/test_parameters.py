import pytest
import torch
from peft.optimizers import create_loraplus_optimizer

from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM


@pytest.fixture(scope="module")
def mixed():
    return VLM.load("tiny", tuning=Tuning(tune=Tune(merger="full", language="lora"), r=4))


def trained(vlm):
    return [p for p in vlm.model.parameters() if p.requires_grad]


def cells(table):
    return [line.split() for line in table.splitlines()]


def test_the_table_counts_every_trained_parameter_once(mixed, reference):
    rows = cells(mixed.table())
    kinds = [row for row in rows if row[0].startswith("model.")]
    count = sum(p.numel() for p in trained(mixed))
    assert sum(int(row[-1].replace(",", "")) for row in kinds) == count
    base = sum(p.numel() for p in reference.parameters())
    assert rows[-1] == ["all", f"{count:,}", f"{base:,}"]


def test_the_table_says_what_is_frozen_and_where_adapters_are(mixed, reference):
    rows = cells(mixed.table())
    merger = sum(p.numel() for p in reference.model.visual.merger.parameters())
    vision = sum(p.numel() for p in reference.model.visual.parameters()) - merger
    assert ["vision", "frozen", "0", f"{vision:,}"] in rows
    assert ["merger", "full", f"{merger:,}", f"{merger:,}"] in rows
    # Rank 4 between as many inputs and outputs as the model is wide, in every layer.
    text = reference.config.text_config
    count = text.num_hidden_layers * 4 * 2 * text.hidden_size
    q_proj = "model.language_model.layers.*.self_attn.q_proj"
    assert [q_proj, str(text.num_hidden_layers), f"{count:,}"] in rows
    assert not any(row[0].startswith("model.visual.blocks") for row in rows)


def test_groups_are_a_partition_of_what_is_trained(mixed):
    groups = mixed.parameter_groups(lr=1e-3, weight_decay=0.1)
    members = [id(p) for group in groups for p in group["params"]]
    assert len(members) == len(set(members))
    assert set(members) == {id(p) for p in trained(mixed)}
    assert [group["name"] for group in groups] == ["merger", "merger/no_decay", "language"]


def test_only_matrices_decay(vlm):
    embedding = vlm.model.get_input_embeddings().weight
    for group in vlm.parameter_groups(lr=1e-3, weight_decay=0.1):
        bare = group["name"].endswith("/no_decay")
        assert group["weight_decay"] == (0.0 if bare else 0.1)
        assert all((p.ndim == 1 or p is embedding) == bare for p in group["params"])


def test_multipliers_scale_their_component_only(mixed):
    groups = mixed.parameter_groups(lr=1e-3, lr_multipliers={"merger": 0.5})
    assert {group["name"]: group["lr"] for group in groups} == {
        "merger": 5e-4,
        "merger/no_decay": 5e-4,
        "language": 1e-3,
    }


def test_multiplier_of_no_component(mixed):
    with pytest.raises(
        ValueError, match="expected `lr_multipliers` of vision, merger, language, got `vit`"
    ):
        mixed.parameter_groups(lr=1e-3, lr_multipliers={"vit": 2.0})


def test_loraplus_gives_the_second_matrix_its_own_rate_as_peft_does():
    """The groups of PEFT's own optimizer, by learning rate."""
    vlm = VLM.load("tiny", tuning=Tuning(r=4))
    theirs = create_loraplus_optimizer(
        vlm.model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16, loraplus_weight_decay=0.1
    )
    expected = {id(p): g["lr"] for g in theirs.param_groups for p in g["params"]}
    groups = vlm.parameter_groups(lr=1e-3, weight_decay=0.1, loraplus_lr_ratio=16)
    assert [group["name"] for group in groups] == ["language", "language/lora_B"]
    assert {id(p): g["lr"] for g in groups for p in g["params"]} == expected
    assert {group["weight_decay"] for group in groups} == {0.1}


def test_loraplus_and_multipliers_go_together(mixed):
    groups = mixed.parameter_groups(lr=1e-3, lr_multipliers={"language": 0.5}, loraplus_lr_ratio=4)
    rates = {group["name"]: group["lr"] for group in groups}
    assert (rates["language"], rates["language/lora_B"]) == (5e-4, 2e-3)
    assert "merger/lora_B" not in rates


@pytest.mark.parametrize("ratio", [0.5, float("nan")])
def test_a_ratio_that_would_slow_the_second_matrix(mixed, ratio):
    with pytest.raises(ValueError, match=f"`loraplus_lr_ratio` to be at least 1, got {ratio}"):
        mixed.parameter_groups(lr=1e-3, loraplus_lr_ratio=ratio)

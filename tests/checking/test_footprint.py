"""What is reckoned of a model without weights is what is measured of one that has them."""

import pytest
import torch
import yaml

from cogtrain.checking import cost
from cogtrain.checking.config import planned
from cogtrain.checking.footprint import footprint
from cogtrain.checking.outline import first_batch, outline
from cogtrain.models.vlm import VLM
from tests.models.tiny_families import RECIPES, build
from tests.training.conftest import SMALL

LORA = ["--model.tuning.tune.language", "lora", "--model.tuning.r", "2"]


def plan(folder, pretrained, *words):
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    made = planned(
        ["--config", str(folder / "small.yaml"), "--model.pretrained", pretrained, *words]
    )
    made.data.resize = "pillow"
    made.data.build()
    return made


@pytest.mark.parametrize("recomputes", [False, True])
@pytest.mark.parametrize("name", ["tiny", *RECIPES])
def test_idle_measures_are_those_of_the_work(tmp_path, name, recomputes):
    pretrained = name if name == "tiny" else str(build(name, tmp_path / name))
    made = plan(tmp_path, pretrained, *LORA)
    batch = first_batch(made)
    real = VLM.load(pretrained, tuning=made.tuning, init="random")
    idle = footprint(outline(made), batch, recomputes=recomputes)
    assert idle == footprint(real, batch, recomputes=recomputes, idle=False)
    assert idle.kept_bytes > 0


def test_recomputing_keeps_less_and_works_more(tmp_path):
    made = plan(tmp_path, "tiny")
    batch = first_batch(made)
    plain, again = (footprint(outline(made), batch, recomputes=each) for each in (False, True))
    assert again.kept_bytes < 0.5 * plain.kept_bytes
    assert plain.operations < again.operations < 1.5 * plain.operations


def test_a_step_holds_as_much_as_was_reckoned(tmp_path):
    made = plan(tmp_path, "tiny", *LORA)
    found = cost.memory(outline(made), None)
    real = VLM.load("tiny", tuning=made.tuning)
    optimizer = torch.optim.AdamW(p for p in real.parameters() if p.requires_grad)
    arrays = first_batch(made)["arrays"]
    real.scores(["will_fall"] * 16, arrays).log_mass.sum().backward()
    optimizer.step()
    gradients = [p.grad.nbytes for p in real.parameters() if p.grad is not None]
    moments = [
        value.nbytes
        for state in optimizer.state.values()
        for name, value in state.items()
        if name != "step"
    ]
    weights = [p.nbytes for p in real.parameters() if not p.requires_grad]
    assert found.frozen == sum(weights)
    assert (found.gradients, found.moments) == (sum(gradients), sum(moments))


def test_rounded_weights_take_a_quarter(tmp_path):
    made = plan(tmp_path, "tiny", *LORA, "--model.dtype", "bfloat16")
    vlm = outline(made)
    whole, rounded = cost.memory(vlm, None), cost.memory(vlm, "nf4")
    layers = vlm.model.model.language_model.layers
    linear = sum(p.numel() for p in layers.parameters() if p.ndim > 1 and not p.requires_grad)
    assert whole.frozen - rounded.frozen == pytest.approx(linear * (2 - 0.5 - 1 / 64), rel=1e-3)


def test_time_follows_from_the_best_of_a_device():
    assert cost.hours(0.4 * 989.4e12 * 3600, "h100 sxm") == pytest.approx(1.0, rel=1e-3)

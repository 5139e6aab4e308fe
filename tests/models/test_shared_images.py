"""Several questions about one image: encoded once, and otherwise as if each were asked alone."""

import pytest
import torch

from cogtrain.models import vlm as vlm_module
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from tests.models.family_parity import Pair, draw
from tests.models.tiny_families import RECIPES

# Items of three images, not in their order, one image with a single question.
ASKED = [
    ("will_fall", "plain", 0),
    ("block_count", "plain", 2),
    ("background_color", "menu", 0),
    ("will_fall", "laboratory", 1),
    ("red_block_row", "plain", 2),
    ("will_fall", "untouched", 2),
]
QUESTION, WORDING, IMAGE = (list(column) for column in zip(*ASKED, strict=True))
SIZES = ((60, 150), (56, 56), (168, 84))


def together(vlm, arrays):
    return vlm.scores(QUESTION, arrays, wording=WORDING, image=IMAGE)


def apart(vlm, arrays):
    """The image of every item encoded for it alone."""
    return vlm.scores(QUESTION, vlm.family.images.pick(arrays, IMAGE), wording=WORDING)


@pytest.mark.parametrize("name", tuple(RECIPES))
def test_every_family_answers_as_if_each_were_asked_alone(name, tmp_path):
    pair = Pair.of(name, tmp_path)
    arrays = pair.arrays(draw(SIZES, seed=4))
    encoded = []
    core = pair.vlm.model.model
    original = core.get_image_features
    core.get_image_features = lambda pixel_values, *args, **kwargs: (
        encoded.append(len(pixel_values)) or original(pixel_values, *args, **kwargs)
    )
    with torch.no_grad():
        found = together(pair.vlm, arrays)
        once, encoded[:] = sum(encoded), []
        for item, (question, wording, image) in enumerate(ASKED):
            one = pair.vlm.family.images.pick(arrays, [image])
            alone = pair.vlm.scores([question], one, wording=[wording])
            width = alone.log_mass.shape[1]
            assert found.options[item] == alone.options[0]
            torch.testing.assert_close(
                found.log_mass[item, :width], alone.log_mass[0], atol=2e-5, rtol=0
            )
    assert once == len(arrays["pixel_values"]) < sum(encoded)


def gradients(vlm, scores):
    losses = scores.log_mass[:, 0] * torch.arange(1.0, len(ASKED) + 1)
    named = {name: p for name, p in vlm.model.named_parameters() if p.requires_grad}
    return dict(zip(named, torch.autograd.grad(losses.sum(), [*named.values()]), strict=True))


TUNINGS = {
    "full": Tuning.full(),
    "lora": Tuning(tune=Tune(vision="lora", merger="lora", language="lora"), r=2),
}


def exact(tuning):
    """The embedded model in float64, in which what is equal is equal to many places."""
    vlm = VLM.load("tiny", tuning=tuning).eval().double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in vlm.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    return vlm


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("most", [None, 150])
def test_gradients_are_those_of_encoding_it_for_every_item(tuning, most, draw, pixels):
    vlm = exact(TUNINGS[tuning])
    arrays = pixels(draw((56, 140), (56, 56), (168, 84)))
    expected = gradients(vlm, apart(vlm, arrays))
    vlm.tokens_per_pass = most
    found = gradients(vlm, together(vlm, arrays))
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        # `float()` before the softmax rounds to 32 bits; nothing else does.
        difference = (found[name] - gradient).abs().max()
        assert difference < 1e-6 * largest, name
    assert largest > 1e-3


@pytest.mark.parametrize("most", [1, 150, 400])
def test_passes_change_no_answer(most, vlm, draw, pixels):
    own = VLM.load("tiny").eval()
    arrays = pixels(draw((56, 140), (56, 56), (168, 84)))
    own.tokens_per_pass = most
    with torch.no_grad():
        found, expected = together(own, arrays), together(vlm, arrays)
    torch.testing.assert_close(found.log_mass, expected.log_mass, atol=2e-5, rtol=0)
    assert found.options == expected.options


def test_dropout_of_a_pass_is_the_same_when_it_is_computed_again(draw, pixels, monkeypatch):
    """Else the gradient would be of another network than the loss."""
    tuning = Tuning(tune=Tune(language="lora"), r=2, lora_dropout=0.5)
    vlm = VLM.load("tiny", tuning=tuning).train()
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in vlm.model.named_parameters():
            if "lora_B" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    arrays = pixels(draw((56, 140), (56, 56), (168, 84)))
    vlm.tokens_per_pass = 150
    torch.manual_seed(3)
    found = gradients(vlm, together(vlm, arrays))
    monkeypatch.setattr(vlm_module, "recomputed", lambda run, *inputs, **_: run(*inputs))
    torch.manual_seed(3)  # the same passes, kept in memory
    kept = gradients(vlm, together(vlm, arrays))
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, kept[name], msg=name)


def test_sharded_weights_are_read_in_one_pass(draw, pixels, monkeypatch):
    """Ranks that made other numbers of passes would wait for each other for ever."""
    own = VLM.load("tiny").eval()
    own.is_sharded = True
    calls = []
    own.model.model.register_forward_hook(lambda *_: calls.append(1))
    arrays = pixels(draw(*[(56, 56)] * 20, (448, 448)))
    with torch.no_grad():
        own.scores(["will_fall"] * 21, arrays)
        assert len(calls) == 1
        own.is_sharded = False
        own.scores(["will_fall"] * 21, arrays)
    assert len(calls) == 3


@pytest.mark.parametrize("image", [[0, 3, 0], [0, -1, 0]])
def test_refuses_an_image_that_is_not_there(image, vlm, draw, pixels):
    with pytest.raises(ValueError, match=r"expected places of 1 images, got (3|-1)"):
        vlm.scores(["will_fall"] * 3, pixels(draw((56, 56))), image=image)


def test_refuses_another_number_of_images(vlm, draw, pixels):
    with pytest.raises(ValueError, match="got 3 questions and 2 images"):
        vlm.scores(["will_fall"] * 3, pixels(draw((56, 56))), image=[0, 0])

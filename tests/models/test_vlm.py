import copy as copying
import doctest
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import nll_loss

from cogtrain import prompts
from cogtrain.models import checkpoint
from cogtrain.models import vlm as vlm_module
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM

TINY = checkpoint.folder("tiny")
MIXED = [(56, 56), (112, 112), (56, 140), (224, 224), (140, 56), (112, 112), (84, 28 * 3)]


def ask(vlm, images, pixels):
    with torch.no_grad():
        return vlm.scores(["will_fall"] * len(images), pixels(images))


@pytest.fixture
def copy(tmp_path):
    """A copy of the embedded checkpoint that may be damaged."""
    target = tmp_path / "copy"
    shutil.copytree(TINY, target, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return target


def huggingface_inputs(processor, image):
    messages = prompts.chat("will_fall")
    messages[0]["content"][0]["image"] = Image.fromarray(image)
    return processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )


@pytest.mark.parametrize("size", [(112, 112), (56, 140), (224, 224)])
def test_answers_as_transformers_does(vlm, reference, processor, draw, size):
    (image,) = draw(size)
    inputs = huggingface_inputs(processor, image)
    with torch.no_grad():
        expected = reference(**inputs).logits[:, -1].log_softmax(-1)
        found = vlm.scores(["will_fall"], inputs)
    tokens = processor.tokenizer.get_vocab()
    yes = [tokens[form] for form in ("Yes", "yes", "ĠYes", "Ġyes")]
    no = [tokens[form] for form in ("No", "no", "ĠNo", "Ġno")]
    masses = torch.stack([expected[:, ids].logsumexp(-1) for ids in (yes, no)], dim=-1)
    torch.testing.assert_close(found.log_mass, masses, atol=2e-5, rtol=0)
    off = 1 - expected[:, yes + no].exp().sum(-1)
    torch.testing.assert_close(found.off_menu_mass, off, atol=1e-5, rtol=0)


def test_logits_at_the_answer_are_those_of_transformers(vlm, reference, processor, draw):
    (image,) = draw((112, 168))
    inputs = huggingface_inputs(processor, image)
    seen = []
    head = vlm.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _m, _i, output: seen.append(output))
    with torch.no_grad():
        vlm.scores(["will_fall"], inputs)
        expected = reference(**inputs).logits[:, -1]
    handle.remove()
    assert [tuple(logits.shape) for logits in seen] == [tuple(expected.shape)]
    torch.testing.assert_close(seen[0], expected, atol=2e-5, rtol=1e-5)


def test_a_batch_changes_no_answer(vlm, draw, pixels):
    images = draw(*MIXED)
    together = ask(vlm, images, pixels).log_odds
    alone = torch.cat([ask(vlm, [image], pixels).log_odds for image in images])
    assert (together - alone).abs().max() < 1e-4
    assert ((together > 0) == (alone > 0)).all()


MIXED_QUESTIONS = [
    ("block_count", "count"),
    ("will_fall", "laboratory"),
    ("red_block_row", "plain"),
    ("background_color", "menu"),
    ("will_fall", "reversed"),
    ("block_count", "plain"),
    ("has_red_block", "plain"),
]


def ask_mixed(vlm, images, pixels, pairs):
    question, wording = zip(*pairs, strict=True)
    with torch.no_grad():
        return vlm.scores(question, pixels(images), wording=wording)


def test_other_questions_in_the_batch_change_no_answer(vlm, draw, pixels):
    images = draw(*MIXED)
    together = ask_mixed(vlm, images, pixels, MIXED_QUESTIONS)
    for index, (image, pair) in enumerate(zip(images, MIXED_QUESTIONS, strict=True)):
        alone = ask_mixed(vlm, [image], pixels, [pair])
        width = alone.log_mass.shape[1]
        assert together.options[index] == alone.options[0]
        assert (together.log_mass[index, :width] - alone.log_mass[0]).abs().max() < 1e-4
        assert (together.log_mass[index, width:] == -torch.inf).all()


def test_answers_of_several_tokens_are_those_of_transformers(vlm, reference, processor, draw):
    """Each beginning of an answer written behind the prompt and read by itself."""
    (image,) = draw((84, 112))
    messages = prompts.chat("block_count")
    messages[0]["content"][0]["image"] = Image.fromarray(image)
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    grid = inputs["image_grid_thw"]

    def following(tokens):
        longer = torch.cat([inputs["input_ids"], torch.tensor([tokens]).long()], dim=1)
        images = (longer == reference.config.image_token_id).int()
        with torch.no_grad():
            output = reference(
                input_ids=longer,
                mm_token_type_ids=images,
                pixel_values=inputs["pixel_values"],
                image_grid_thw=grid,
            )
        return output.logits[0, -1].log_softmax(-1)

    ten, one, space = (processor.tokenizer(text)["input_ids"] for text in ("0", "1", " "))
    words = [processor.tokenizer(w)["input_ids"][0] for w in ("Ten", "ten", " Ten", " ten")]
    first, after_one = following([]), following(one)
    after_space, after_both = following(space), following(space + one)
    paths = [
        *(first[word] for word in words),
        first[one[0]] + after_one[ten[0]],
        first[space[0]] + after_space[one[0]] + after_both[ten[0]],
    ]
    expected = torch.stack(paths).logsumexp(0)
    with torch.no_grad():
        found = vlm.scores(["block_count"], inputs)
    place = found.options[0].index("10")
    torch.testing.assert_close(found.log_mass[0, place], expected, atol=3e-5, rtol=0)


def test_eager_attention_sees_the_same_beginnings(vlm, draw, pixels):
    own = VLM.load("tiny", attn_implementation="eager").eval()
    images = draw(*MIXED)
    found = ask_mixed(own, images, pixels, MIXED_QUESTIONS)
    expected = ask_mixed(vlm, images, pixels, MIXED_QUESTIONS)
    torch.testing.assert_close(found.log_mass, expected.log_mass, atol=1e-4, rtol=0)


def test_the_wording_matters(vlm, draw, pixels):
    images = draw((56, 56)) * 2
    found = ask_mixed(vlm, images, pixels, [("will_fall", "plain"), ("will_fall", "untouched")])
    assert found.log_odds.diff().abs() > 1e-3


def test_the_answer_depends_on_the_image(vlm, draw, pixels):
    assert ask(vlm, draw((112, 112), (112, 112)), pixels).log_odds.diff().abs() > 1e-3


def test_gradients_reach_every_weight_and_agree_with_transformers(reference, processor, draw):
    own = VLM.load("tiny", tuning=Tuning.full())
    (image,) = draw((112, 112))
    inputs = huggingface_inputs(processor, image)
    own.scores(["will_fall"], inputs).log_odds.backward()
    tokens = processor.tokenizer.get_vocab()
    logits = reference(**inputs).logits[0, -1]
    yes, no = (
        logits[[tokens[form] for form in forms]].logsumexp(0)
        for forms in (("Yes", "yes", "ĠYes", "Ġyes"), ("No", "no", "ĠNo", "Ġno"))
    )
    expected = torch.autograd.grad(yes - no, list(reference.parameters()))
    for (name, parameter), gradient in zip(own.model.named_parameters(), expected, strict=True):
        torch.testing.assert_close(
            parameter.grad, gradient, atol=2e-4, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_bfloat16_base_answers_nearly_the_same(vlm, draw, pixels):
    half = VLM.load("tiny", dtype="bfloat16").eval()
    assert half.model.dtype == torch.bfloat16
    images = draw(*MIXED)
    found = ask(half, images, pixels)
    assert found.log_mass.dtype == torch.float32
    assert (found.log_odds - ask(vlm, images, pixels).log_odds).abs().max() < 0.1


@pytest.mark.parametrize("tuning", [Tuning.full(), Tuning(tune=Tune(vision="lora"))])
@pytest.mark.parametrize("again", [copying.deepcopy, lambda vlm: pickle.loads(pickle.dumps(vlm))])
def test_a_copy_is_independent_and_answers_the_same(tuning, again, draw, pixels):
    own = VLM.load("tiny", tuning=tuning).eval()
    images = draw((112, 112), (56, 112))
    before = ask(own, images, pixels).log_mass
    other = again(own)
    assert other.family is own.family
    assert torch.equal(ask(other, images, pixels).log_mass, before)
    with torch.no_grad():
        other.model.model.visual.merger.mlp[0].bias.add_(1)
    assert torch.equal(ask(own, images, pixels).log_mass, before)
    assert not torch.equal(ask(other, images, pixels).log_mass, before)


def test_learns_a_question_about_the_image(pixels):
    """Red or blue, 8 noisy images: the whole line from pixels to loss carries a gradient."""
    torch.manual_seed(0)
    own = VLM.load("tiny", init="random", tuning=Tuning.full()).train()
    rng = np.random.default_rng(0)
    is_red = np.arange(8) % 2 == 0
    images = rng.integers(0, 100, (8, 56, 56, 3), dtype=np.uint8)
    images[is_red, ..., 0] += 120
    images[~is_red, ..., 2] += 120
    truth = torch.tensor(np.where(is_red, 0, 1))
    arguments = ["will_fall"] * 8, pixels(list(images))
    optimizer = torch.optim.AdamW(own.parameter_groups(lr=2e-3))
    losses = []
    for _ in range(15):
        losses.append(nll_loss(own.scores(*arguments).log_probability, truth))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[0] > 0.5
    assert losses[-1] < 0.05


def test_nothing_is_trained_unless_asked_for():
    own = VLM.load("tiny")
    assert own.tuning == Tuning.frozen()
    assert not any(parameter.requires_grad for parameter in own.parameters())


def test_saved_model_answers_the_same_and_is_another_base(draw, pixels, tmp_path):
    own = VLM.load("tiny").eval()
    with torch.no_grad():
        own.model.model.visual.merger.mlp[0].weight.add_(0.01)
    own.save_pretrained(tmp_path / "saved")
    again = VLM.load(str(tmp_path / "saved"), tuning=Tuning.full()).eval()
    images = draw((112, 112), (56, 56))
    torch.testing.assert_close(
        ask(again, images, pixels).log_mass, ask(own, images, pixels).log_mass
    )
    assert again.fingerprint() != own.fingerprint()


def test_saved_model_holds_no_trace_of_our_attention(tmp_path):
    VLM.load("tiny").save_pretrained(tmp_path / "saved")
    assert "cogtrain" not in (tmp_path / "saved" / "config.json").read_text()


def test_save_pretrained_refuses_an_adapter(tmp_path):
    adapted = VLM.load("tiny", tuning=Tuning())
    with pytest.raises(ValueError, match="got one trained by `lora` in language"):
        adapted.save_pretrained(tmp_path / "saved")


def test_examples_in_the_documentation():
    result = doctest.testmod(vlm_module)
    assert result.attempted > 0
    assert result.failed == 0


def patches(values, grid):
    return {"pixel_values": values, "image_grid_thw": grid}


class TestBadInput:
    def test_too_few_questions(self, vlm, draw, pixels):
        with pytest.raises(ValueError, match="got 1 questions and 2 images"):
            vlm.scores(["will_fall"], pixels(draw((56, 56), (56, 56))))

    def test_empty_batch(self, vlm):
        with pytest.raises(ValueError, match="got 0 questions and 0 images"):
            vlm.scores([], patches(torch.zeros(0, 1176), torch.zeros(0, 3, dtype=torch.int64)))

    def test_patches_that_the_grid_does_not_promise(self, vlm, draw, pixels):
        values, grid = pixels(draw((56, 56))).values()
        with pytest.raises(ValueError, match="expected 16 patches by `image_grid_thw`, got 15"):
            vlm.scores(["will_fall"], patches(values[:-1], grid))

    def test_a_tower_that_makes_fewer_vectors(self, draw, pixels):
        own = VLM.load("tiny")
        whole = own.model.model.get_image_features

        def fewer(**options):
            output = whole(**options)
            output.pooler_output = torch.cat(list(output.pooler_output))[:-1]
            return output

        own.model.model.get_image_features = fewer
        with pytest.raises(ValueError, match="8 vectors for the placeholders of 2 images, got 7"):
            own.scores(["will_fall"] * 2, pixels(draw((56, 56), (56, 56))))

    def test_grid_that_does_not_merge(self, vlm):
        with pytest.raises(ValueError, match="in multiples of 2, got 3 x 4"):
            vlm.scores(["will_fall"], patches(torch.zeros(12, 1176), torch.tensor([[1, 3, 4]])))

    def test_unknown_question(self, vlm, draw, pixels):
        with pytest.raises(ValueError, match="got `will_it`; did you mean `will_fall`"):
            vlm.scores(["will_it"], pixels(draw((56, 56))))

    def test_a_question_that_no_option_answers(self, vlm, draw, pixels):
        with pytest.raises(ValueError, match="got `colors_top_to_bottom`, which is answered by a"):
            vlm.scores(["will_fall", "colors_top_to_bottom"], pixels(draw((56, 56), (56, 56))))

    def test_an_attention_that_cannot_see_branches(self, draw, pixels, monkeypatch):
        own = VLM.load("tiny")
        config = own.model.config.get_text_config()
        monkeypatch.setattr(type(config), "_attn_implementation", "flash_attention_2")
        with pytest.raises(ValueError, match=r"`sdpa` or `eager` .* got `flash_attention_2`"):
            own.scores(["block_count"], pixels(draw((56, 56))))


class TestDamagedCheckpoint:
    def test_unsupported_family(self, copy):
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
        with pytest.raises(
            ValueError, match=r"supported family \(qwen2_vl, .*gemma3\), got model_type `gpt2`"
        ):
            VLM.load(str(copy))

    def test_missing_weight(self, copy):
        weights = load_file(copy / "model.safetensors")
        del weights["visual.merger.mlp.0.weight"]
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(
            ValueError, match=r"none that fit `model\.visual\.merger\.mlp\.0\.weight`"
        ):
            VLM.load(str(copy))

    def test_weight_of_another_shape(self, copy):
        weights = load_file(copy / "model.safetensors")
        weights["visual.merger.mlp.0.bias"] = torch.zeros(7)
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ValueError, match="expected weights that fit the config"):
            VLM.load(str(copy))

    @pytest.mark.parametrize("size", [0, 7, 5000, 1_000_000])
    def test_truncated_weights(self, copy, size):
        file = copy / "model.safetensors"
        file.write_bytes(file.read_bytes()[:size])
        with pytest.raises(ValueError, match="expected weights that fit the config"):
            VLM.load(str(copy))

    def test_no_chat_template(self, copy):
        (copy / "chat_template.jinja").unlink()
        with pytest.raises(ValueError, match=r"expected a chat template .* got none"):
            VLM.load(str(copy))

    def test_broken_tokenizer(self, copy):
        (copy / "tokenizer.json").write_text("{")
        with pytest.raises(ValueError, match="expected a tokenizer"):
            VLM.load(str(copy))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_answers_as_the_cpu_does(vlm, draw, pixels):
    images = draw(*MIXED)
    there = VLM.load("tiny").eval().to("cuda")
    arrays = {name: values.to("cuda") for name, values in pixels(images).items()}
    with torch.no_grad():
        found = there.scores(["will_fall"] * len(images), arrays)
    torch.testing.assert_close(
        found.log_odds.cpu(), ask(vlm, images, pixels).log_odds, atol=1e-2, rtol=0
    )

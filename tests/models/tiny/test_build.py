import hashlib
import re

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, Qwen2VLForConditionalGeneration
from transformers.utils import logging

from cogtrain import Preprocess, StimulusSet, prompts
from cogtrain.data.datamodule import EASY
from cogtrain.models import checkpoint
from cogtrain.models.tiny import build, tokenizer
from cogtrain.models.vlm import VLM

TINY = checkpoint.folder("tiny")
WRITTEN = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("built")
    return build.build(folder), folder


def test_the_packaged_folder_is_what_the_script_builds(built, tmp_path):
    """Training takes minutes and differs between machines: weights are held to their hash."""
    build.build(tmp_path, weights=TINY)
    for name in WRITTEN:
        if "config" not in name:  # which name the version of transformers
            assert (tmp_path / name).read_bytes() == (TINY / name).read_bytes(), name
    written = hashlib.sha256((TINY / "model.safetensors").read_bytes()).hexdigest()
    assert written == build.WEIGHTS_SHA256
    fresh, packaged = (
        AutoModelForImageTextToText.from_pretrained(path).state_dict() for path in (built[1], TINY)
    )
    assert {n: t.shape for n, t in fresh.items()} == {n: t.shape for n, t in packaged.items()}


@pytest.mark.parametrize(
    ("question", "least", "most"),
    [
        ("block_count", 0.95, 1.0),
        ("background_color", 0.95, 1.0),
        ("red_block_row", 0.95, 1.0),
        ("will_fall", 0.4, 0.6),
    ],
)
def test_it_sees_and_is_at_chance_on_stability(question, least, most):
    """400 stimuli: a guesser is outside of 40 to 60 % once in 16,000 times."""
    members = StimulusSet.recipe(
        task="tower",
        count=400,
        size_px=112,
        split="test",
        questions=[question],
        factors=EASY | {"background": {"balanced": ["white", "gray", "beige", "blue", "black"]}},
    )
    vlm, preprocess = VLM.load("tiny").eval(), Preprocess.from_pretrained(TINY)
    right = 0
    for start in range(0, len(members), 100):
        part = [members[index] for index in range(start, start + 100)]
        arrays = preprocess([stimulus.image for stimulus in part])
        with vlm.answering():
            scores = vlm.scores(
                [question] * 100, {n: torch.from_numpy(a) for n, a in arrays.items()}
            )
        chosen = scores.log_mass.argmax(dim=-1).tolist()
        answers = [scores.options[row][index] for row, index in enumerate(chosen)]
        right += sum(
            answer == stimulus.answers[question]
            for answer, stimulus in zip(answers, part, strict=True)
        )
    assert least <= right / len(members) <= most


def test_the_same_seed_builds_the_same_bytes(built, tmp_path):
    _, folder = built
    build.build(tmp_path)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_another_seed_builds_other_weights(built, tmp_path):
    model, _ = built
    other = build.build(tmp_path, seed=1)
    assert not torch.equal(model.lm_head.weight, other.lm_head.weight)


def test_what_is_written_is_what_is_returned(built):
    model, folder = built
    read = AutoModelForImageTextToText.from_pretrained(folder)
    assert type(read) is Qwen2VLForConditionalGeneration
    assert read.dtype == torch.bfloat16
    for (name, one), (other_name, other) in zip(
        model.state_dict().items(), read.state_dict().items(), strict=True
    ):
        assert name == other_name
        assert torch.equal(one, other), name


def test_about_a_million_parameters(built):
    model, _ = built
    assert 500_000 < model.num_parameters() < 2_000_000


def test_the_automatic_processor_loads_the_folder_unaided():
    pytest.importorskip("torchvision", reason="the processor's video part needs torchvision")
    processor = AutoProcessor.from_pretrained(TINY)
    messages = prompts.chat("will_fall")
    messages[0]["content"][0]["image"] = np.zeros((3, 112, 112), np.uint8)
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    assert inputs["pixel_values"].shape == (64, 1176)


class TestTokenizer:
    words = tokenizer.read_words(TINY / "words.txt")

    @pytest.mark.parametrize("word", words)
    def test_every_word_of_the_list_is_one_token(self, processor, word):
        ids = processor.tokenizer(word)["input_ids"]
        assert len(ids) == 1
        assert processor.tokenizer.decode(ids) == word

    @pytest.mark.parametrize("token", tokenizer.SPECIAL_TOKENS)
    def test_special_tokens_are_one_token(self, processor, token):
        assert len(processor.tokenizer(token)["input_ids"]) == 1

    def test_words_of_all_questions_are_short(self, processor):
        for question in prompts.questions():
            for wording in prompts.wordings(question):
                pieces = re.findall(r"\w+|[.,:?]", wording.text)
                assert len(processor.tokenizer(wording.text)["input_ids"]) <= len(pieces) + 3

    @pytest.mark.parametrize(
        "text", ["", "naïve 塔 🗼\n\ttabs", " Yes  yes\r\n", "<|im_start", "\x00"]
    )
    def test_any_text_comes_back(self, processor, text):
        assert processor.tokenizer.decode(processor.tokenizer(text)["input_ids"]) == text

    def test_ids_fit_the_embedding(self, processor, reference):
        assert (
            max(processor.tokenizer.get_vocab().values()) < reference.config.text_config.vocab_size
        )

    def test_prompt_is_chatml_without_a_system_turn(self, vlm):
        assert vlm._builder.text("will_fall") == (
            "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
            "Will this block tower fall? Give a boolean answer.<|im_end|>\n<|im_start|>assistant\n"
        )

    def test_template_keeps_system_turns_and_plain_text(self, processor):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yes?"}]
        assert processor.tokenizer.apply_chat_template(messages, tokenize=False) == (
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nYes?<|im_end|>\n"
        )

import pytest
import torch
from PIL import Image

from cogtrain import prompts
from cogtrain.models import sequences
from cogtrain.models.sequences import Asked, SequenceBuilder, laid

CPU = torch.device("cpu")
WILL_FALL = Asked("will_fall")


def huggingface_inputs(processor, images):
    conversations = []
    for image in images:
        messages = prompts.chat("will_fall")
        messages[0]["content"][0]["image"] = Image.fromarray(image)
        conversations.append(messages)
    return processor.apply_chat_template(
        conversations,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True, "padding_side": "right"},
    )


def grids_of(inputs):
    return [tuple(grid) for grid in inputs["image_grid_thw"].tolist()]


@pytest.mark.parametrize("size", [(56, 56), (112, 112), (56, 168), (448, 448)])
def test_one_sequence_equals_that_of_transformers(vlm, reference, processor, draw, size):
    inputs = huggingface_inputs(processor, draw(size))
    found = vlm._builder.batch([WILL_FALL], grids_of(inputs), CPU)
    positions, _ = reference.model.get_rope_index(
        inputs["input_ids"],
        mm_token_type_ids=inputs["mm_token_type_ids"],
        image_grid_thw=inputs["image_grid_thw"],
    )
    assert torch.equal(found.input_ids, inputs["input_ids"])
    assert torch.equal(found.position_ids, positions)
    assert found.attention_mask is None
    assert found.last.tolist() == [inputs["input_ids"].shape[1] - 1]


def test_mixed_lengths_are_padded_on_the_right_as_by_transformers(vlm, reference, processor, draw):
    inputs = huggingface_inputs(processor, draw((112, 112), (56, 56), (56, 112)))
    found = vlm._builder.batch([WILL_FALL] * 3, grids_of(inputs), CPU)
    mask = inputs["attention_mask"]
    positions, _ = reference.model.get_rope_index(
        inputs["input_ids"],
        mm_token_type_ids=inputs["mm_token_type_ids"],
        image_grid_thw=inputs["image_grid_thw"],
        attention_mask=mask,
    )
    assert torch.equal(found.attention_mask, mask)
    assert torch.equal(found.input_ids * mask, inputs["input_ids"] * mask)
    assert torch.equal(found.position_ids * mask, positions * mask)
    assert found.last.tolist() == (mask.sum(-1) - 1).tolist()


def test_equal_sequences_share_memory(vlm):
    found = vlm._builder.batch([WILL_FALL] * 64, [(1, 8, 8)] * 64, CPU)
    assert found.input_ids.shape[0] == 64
    assert found.input_ids.stride(0) == 0
    assert found.position_ids.stride(1) == 0
    again = vlm._builder.batch([WILL_FALL], [(1, 8, 8)], CPU)
    assert again.input_ids.data_ptr() == found.input_ids.data_ptr()


def test_equal_lengths_of_different_shapes_need_no_mask(vlm):
    found = vlm._builder.batch([WILL_FALL] * 2, [(1, 4, 16), (1, 8, 8)], CPU)
    assert found.attention_mask is None
    assert not torch.equal(found.position_ids[:, 0], found.position_ids[:, 1])


def test_beginnings_of_answers_stand_side_by_side_behind_the_prompt(vlm):
    branches = ((7,), (8,), (7, 9))
    plain = vlm._builder.batch([WILL_FALL], [(1, 4, 4)], CPU)
    found = vlm._builder.batch([Asked("will_fall", branches=branches)], [(1, 4, 4)], CPU)
    length = plain.input_ids.shape[1]
    assert torch.equal(found.last, plain.last)
    assert torch.equal(found.input_ids[:, :length], plain.input_ids)
    assert found.input_ids[0, length:].tolist() == [7, 8, 9]
    after = plain.position_ids[0, 0, -1].item()
    assert found.position_ids[:, 0, length:].tolist() == [[after + 1, after + 1, after + 2]] * 3
    sight = found.attention_mask[0, 0]
    assert sight[:length, length:].sum() == 0
    assert sight[length:, :length].all()
    assert sight[length:, length:].tolist() == [
        [True, False, False],
        [False, True, False],
        [True, False, True],
    ]


def test_beginnings_of_one_item_leave_the_others_as_they_are(vlm):
    both = [Asked("will_fall"), Asked("will_fall", branches=((7,),))]
    alone = vlm._builder.batch(both[:1], [(1, 4, 4)], CPU)
    found = vlm._builder.batch(both, [(1, 4, 4)] * 2, CPU)
    length = alone.input_ids.shape[1]
    assert found.attention_mask.shape == (2, 1, length + 1, length + 1)
    assert torch.equal(found.input_ids[:1, :length], alone.input_ids)
    assert found.last.tolist() == [length - 1] * 2
    assert torch.equal(
        found.attention_mask[0, 0, :length, :length], torch.ones(length, length).tril() > 0
    )


QUESTIONS = [
    Asked("will_fall"),
    Asked("block_count", branches=((7,), (7, 9))),
    Asked("background_color", "menu"),
]


def test_questions_about_one_image_share_what_comes_before_them(vlm):
    grids, image = [(1, 4, 4), (1, 8, 8)], [0, 0, 1, 0]
    asked = [*QUESTIONS[:2], QUESTIONS[0], QUESTIONS[2]]
    found = laid(vlm._builder.rows(asked, grids, image, CPU))
    assert (found.images, found.items) == ((0, 1), (0, 1, 3, 2))
    assert found.row.tolist() == [0, 0, 0, 1]
    first = found.input_ids[0]
    image_token = vlm.model.config.image_token_id
    assert (first == image_token).sum() == 4
    for item, row, last in zip(found.items, found.row, found.last, strict=True):
        alone = vlm._builder.batch([asked[item]], [grids[image[item]]], CPU)
        sight = found.attention_mask[row, 0, last]
        length = int(alone.last[0]) + 1
        assert torch.equal(found.input_ids[row][sight], alone.input_ids[0, :length])
        assert torch.equal(found.position_ids[:, row][:, sight], alone.position_ids[:, 0, :length])
        for place, path in enumerate(asked[item].branches, start=1):
            seen = found.attention_mask[row, 0, last + place]
            assert found.input_ids[row][seen].tolist()[length:] == list(path)


def test_words_before_the_image_keep_questions_apart(vlm, processor):
    class Backwards:
        bos_token = None

        def apply_chat_template(self, messages, **_):
            return f"{messages[0]['content'][1]['text']} <|image_pad|> answer:"

        def __call__(self, text, **options):
            return processor.tokenizer(text, **options)

    builder = SequenceBuilder(
        Backwards(),
        image_token="<|image_pad|>",
        image_text=lambda shape: "<|image_pad|>" * shape[0],
        repeated="<|image_pad|>",
        position_ids=lambda ids, _: torch.arange(ids.shape[1])[None, None],
    )
    rows = builder.rows([QUESTIONS[0], QUESTIONS[2], QUESTIONS[0]], [(3,), (2,)], [0, 0, 1], CPU)
    assert [(row.image, row.items) for row in rows] == [(0, (0,)), (0, (1,)), (1, (2,))]


def test_keeps_no_more_sequences_than_it_may(vlm, monkeypatch):
    monkeypatch.setattr(sequences, "_MOST_KEPT", 3)
    builder = vlm._builder
    builder._kept.clear()
    for side in (2, 4, 6, 8):
        builder.batch([WILL_FALL], [(1, side, side)], CPU)
    assert len(builder._kept) == 1


def test_a_template_that_always_leaves_a_place_is_refused_without_an_image():
    class Stubborn:
        def apply_chat_template(self, *_args, **_options):
            return "<|image_pad|>"

    builder = SequenceBuilder(
        Stubborn(),
        image_token="<|image_pad|>",
        image_text=str,
        repeated="<|image_pad|>",
        position_ids=lambda ids, _: ids,
    )
    with pytest.raises(ValueError, match=r"expected no `<\|image_pad\|>` .* got 1; use the chat"):
        builder.text_alone("will_fall")


def test_template_without_a_place_for_the_image_is_refused(processor):
    class Wordy:
        def apply_chat_template(self, *_args, **_options):
            return "<|image_pad|><|image_pad|>"

    builder = SequenceBuilder(
        Wordy(),
        image_token="<|image_pad|>",
        image_text=str,
        repeated="<|image_pad|>",
        position_ids=lambda ids, _: ids,
    )
    with pytest.raises(ValueError, match=r"expected one `<\|image_pad\|>` .* got 2"):
        builder.text("will_fall")

import pytest
import torch
from PIL import Image

from cogtrain import prompts
from cogtrain.models.sequences import SequenceBuilder

CPU = torch.device("cpu")


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
    found = vlm._builder.batch(["will_fall"], grids_of(inputs), CPU)
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
    found = vlm._builder.batch(["will_fall"] * 3, grids_of(inputs), CPU)
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
    found = vlm._builder.batch(["will_fall"] * 64, [(1, 8, 8)] * 64, CPU)
    assert found.input_ids.shape[0] == 64
    assert found.input_ids.stride(0) == 0
    assert found.position_ids.stride(1) == 0
    again = vlm._builder.batch(["will_fall"], [(1, 8, 8)], CPU)
    assert again.input_ids.data_ptr() == found.input_ids.data_ptr()


def test_equal_lengths_of_different_shapes_need_no_mask(vlm):
    found = vlm._builder.batch(["will_fall"] * 2, [(1, 4, 16), (1, 8, 8)], CPU)
    assert found.attention_mask is None
    assert not torch.equal(found.position_ids[:, 0], found.position_ids[:, 1])


def test_template_without_a_place_for_the_image_is_refused(processor):
    class Wordy:
        def apply_chat_template(self, *_args, **_options):
            return "<|image_pad|><|image_pad|>"

    builder = SequenceBuilder(
        Wordy(), image_token="<|image_pad|>", merge_size=2, position_ids=lambda ids, _: ids
    )
    with pytest.raises(ValueError, match=r"expected one `<\|image_pad\|>` .* got 2"):
        builder.text("will_fall")

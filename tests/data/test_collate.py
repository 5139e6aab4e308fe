"""From a native batch to the items of a step."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cogtrain import Loader, Preprocess
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import collate
from cogtrain.data.recipe import Recipe

SMALL = Recipe(name="small", count=10, factors={"size": "small"}, size_px=56)
LARGE = replace(SMALL, name="large", factors={"size": "large"})
ASKED = [recipe.asked(recipe.build("test")) for recipe in (SMALL, LARGE)]


@pytest.fixture
def batch():
    loader = Loader(
        [SMALL.build("test"), LARGE.build("test")],
        batch_size=16,
        seed=0,
        preprocess=Preprocess.qwen2_vl(),
    )
    return list(loader)[-1]


def test_tensors_share_the_memory_of_the_batch(batch):
    collated = collate(batch, ASKED)
    for name in ("pixel_values", "image_grid_thw"):
        assert np.shares_memory(collated["arrays"][name].numpy(), batch.arrays[name])


def test_names_every_item(batch):
    collated = collate(batch, ASKED)
    assert collated["ids"] == batch.ids
    assert collated["set"] == [("small", "large")[index] for index in batch.sets]
    assert set(collated["question"]) == {"will_fall"}
    assert set(collated["wording"]) == {"laboratory"}
    assert collated["answer"] == [answers["will_fall"] for answers in batch.answers]


def test_marks_what_only_fills_up(batch):
    weights = collate(batch, ASKED)["weights"]
    assert weights.dtype == torch.float32
    assert weights.tolist() == [1.0] * 4 + [0.0] * 12


def test_holds_an_image_once_for_all_of_its_questions():
    class Asked:  # perception checks will ask several questions about one stimulus
        ids = ("a", "b")
        answers = ({"will_fall": "yes", "how_many": "3"}, {"will_fall": "no"})
        sets = np.array([0, 0])
        weights = np.array([1.0, 0.0], dtype=np.float32)
        positions = np.array([8, 9])
        arrays = {  # noqa: RUF012 - a stand-in that nobody changes
            "pixel_values": np.arange(10, dtype=np.float32).reshape(5, 2),
            "image_grid_thw": np.array([[1, 1, 2], [1, 1, 3]]),
        }

    collated = collate(Asked(), [AskedSet("towers", lambda question, one: f"{question}-{one}")])
    assert collated["ids"] == ["a", "a", "b"]
    assert collated["question"] == ["will_fall", "how_many", "will_fall"]
    assert collated["answer"] == ["yes", "3", "no"]
    assert collated["wording"] == ["will_fall-a", "how_many-a", "will_fall-b"]
    assert collated["weights"].tolist() == [1.0, 1.0, 0.0]
    assert collated["position"] == 8
    assert collated["image"] == [0, 0, 1]
    for name, values in Asked.arrays.items():
        assert np.shares_memory(collated["arrays"][name].numpy(), values)


def test_names_no_image_for_a_set_that_is_asked_as_text(batch):
    asked = [ASKED[0], replace(ASKED[1], has_image=False)]
    whole, part = collate(batch, ASKED), collate(batch, asked)
    places = [row if name == "small" else None for row, name in enumerate(whole["set"])]
    assert part["image"] == places
    assert 0 < sum(place is None for place in places) < len(places)
    assert part["arrays"].keys() == whole["arrays"].keys()


def test_refuses_a_stimulus_without_a_question():
    class Silent:
        ids = ("a",)
        answers = ({},)

    with pytest.raises(ValueError, match="got none for stimulus `a`"):
        collate(Silent(), ASKED)

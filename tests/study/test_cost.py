"""What a run looks at, from its config alone."""

import copy
from dataclasses import replace

import pytest

from cogtrain.study.cost import Cost, cost_of, px_per_token, total
from cogtrain.study.grid import expand, steps_of


@pytest.fixture
def small(read, complete):
    return expand(read(stimuli=[1280]), complete)[1]  # 56 px, 8 to validate, 2 × 20 to test


def changed(run, *, trainer=(), data=()):
    config = copy.deepcopy(run.config)
    config["trainer"] |= dict(trainer)
    config["data"] |= dict(data)
    return replace(run, config=config, steps=steps_of(config))


@pytest.mark.parametrize(
    ("trainer", "data", "cost"),
    [
        ({}, {}, Cost(1280, 8 + 40, 4 * (1280 + 48))),
        ({"max_epochs": 3}, {}, Cost(3840, 24 + 40, 4 * (3840 + 64))),
        ({"max_epochs": 3, "max_steps": 10}, {}, Cost(640, 4 + 40, 4 * (640 + 44))),
        ({"val_check_interval": 0.25}, {}, Cost(1280, 32 + 40, 4 * (1280 + 72))),
        ({}, {"controls": ["blank", "shuffled"]}, Cost(1280, 8 + 120, 4 * (1280 + 128))),
        ({"devices": "auto"}, {}, Cost(None, None, None)),
    ],
)
def test_images_and_tokens_follow_from_the_config(small, trainer, data, cost):
    assert cost_of(changed(small, trainer=trainer, data=data)) == cost


def test_the_base_only_judges(read, complete):
    assert cost_of(expand(read(), complete)[0]) == Cost(0, 40, 160)


def test_what_is_not_known_stays_so_in_the_sum():
    one, other = Cost(1, 2, 3), Cost(10, 20, None)
    assert total([one, other]) == Cost(11, 22, None)
    assert str(total([one, other])) == "images: 11 to train, 22 to judge; ? image tokens"


def test_tokens_are_those_of_the_processors():
    from transformers import Qwen2_5_VLConfig, Qwen2VLConfig, Qwen3VLConfig

    names = {"Qwen2-VL": Qwen2VLConfig, "Qwen2.5-VL": Qwen2_5_VLConfig, "Qwen3-VL": Qwen3VLConfig}
    for name, config in names.items():
        vision = config().vision_config
        side = vision.patch_size * vision.spatial_merge_size
        assert px_per_token(f"Qwen/{name}-3B-Instruct") == side
    assert px_per_token("tiny") == 28
    assert px_per_token("/models/my-vlm") is None

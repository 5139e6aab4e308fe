"""What attention each part really uses, as the loaded layers say."""

import pytest

from cogtrain.models.attention import implementations
from cogtrain.models.vlm import VLM
from tests.models.tiny_families import RECIPES, build


def used(**options):
    vlm = VLM.load(**options)
    return implementations(vlm.model, vlm.family)


def test_a_tower_that_was_sped_up_says_so():
    assert used() == {"vision": "sdpa by segments", "language": "sdpa"}


def test_another_attention_is_called_by_its_name():
    assert used(attn_implementation="eager") == {"vision": "eager", "language": "eager"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_family_has_one_in_tower_and_language(name, tmp_path):
    found = used(pretrained=str(build(name, tmp_path / name)))
    vision = "sdpa by segments" if name.startswith("qwen") else "sdpa"
    assert found == {"vision": vision, "language": "sdpa"}


def test_parts_are_told_apart(vlm):
    config = vlm.model.config.get_text_config()
    before, config._attn_implementation = config._attn_implementation, "flash_attention_2"
    try:
        found = implementations(vlm.model, vlm.family)
    finally:
        config._attn_implementation = before
    assert found == {"vision": "sdpa by segments", "language": "flash_attention_2"}

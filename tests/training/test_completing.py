"""A config spelled out is what the run folder would hold, and asks for nothing."""

import json

import pytest

from cogtrain.complaint import UsageError
from cogtrain.training.completing import complete, complete_words


def test_every_default_is_there_and_what_is_given_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {
        "seed_everything": 7,
        "model": {"pretrained": "nobody/has-this", "tuning": {"r": 4}},
        "optimizer": {"lr": 0.5},
    }
    config = complete("fit", given)
    assert (config["seed_everything"], config["optimizer"]["lr"]) == (7, 0.5)
    assert config["model"]["pretrained"] == "nobody/has-this"
    assert config["model"]["tuning"]["r"] == 4
    assert config["model"]["tuning"]["lora_alpha"] == 32
    assert config["trainer"]["accumulate_grad_batches"] == 1
    assert complete("fit", config) == config
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["fit", "test"])
def test_a_key_that_does_not_exist_is_named(verb):
    with pytest.raises(UsageError, match=r"got `optimizer\.lrr`; the nearest is `optimizer\.lr`"):
        complete(verb, {"optimizer": {"lrr": 1}})


BARE = {"name": "x", "task": "tower", "style": "cubeworld", "count": 1000, "size_px": 224}


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_set_owes_nothing_to_the_default_at_its_place(part, count):
    """The defaults have 1, 1 and 2 sets, with factors, sizes and counts of their own."""
    sets = complete("fit", {"data": {part: [{"name": "x"}] * count}})["data"][part]
    for each in sets:
        assert {key: each[key] for key in BARE} == BARE
        assert each["factors"] == {}


def test_a_later_config_replaces_lists_as_a_whole(tmp_path):
    for name, given in (("a", {"count": 7, "factors": {"size": "large"}}), ("b", {"size_px": 56})):
        config = {"data": {"train": [{"name": name, **given}]}}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(config))
    words = [word for name in "ab" for word in ("--config", str(tmp_path / f"{name}.yaml"))]
    (found,) = complete_words(["fit", *words])["data"]["train"]
    assert (found["name"], found["size_px"], found["count"]) == ("b", 56, 1000)
    assert found["factors"] == {}

"""A config spelled out is what the run folder would hold, and asks for nothing."""

import pytest

from cogtrain.complaint import UsageError
from cogtrain.training.completing import complete


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

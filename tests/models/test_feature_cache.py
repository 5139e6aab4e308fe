import os

import pytest
import torch

from cogtrain.models.feature_cache import FeatureCache
from cogtrain.models.image_features import ImageFeatures
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM
from tests.models.family_parity import Pair, draw

QUESTION, IMAGE = ["will_fall", "background_color", "will_fall"], [0, 0, 1]
SIZES = ((60, 150), (56, 56))
NAMES = ["a/1", "a/2"]


def calls_of(vlm):
    """Counts how often the tower runs from now on."""
    calls = []
    vlm.model.get_submodule(vlm.family.visual).register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("name", ["qwen3_vl", "llava_onevision", "gemma3", "internvl", "smolvlm"])
def test_the_same_logits_whether_read_or_made(name, tmp_path):
    """Bit for bit, and in any batch; families with deeper levels, lists and stacks of vectors."""
    pair = Pair.of(name, tmp_path / "base")
    vlm, arrays = pair.vlm, pair.arrays(draw(SIZES, seed=5))
    with torch.no_grad():
        without = vlm.scores(QUESTION, arrays, image=IMAGE).log_mass
        vlm.keep_features(tmp_path / "cache", 1.0)
        calls = calls_of(vlm)
        made = vlm.scores(QUESTION, arrays, image=IMAGE, stimuli=NAMES).log_mass
        assert len(calls) == 2
        read = vlm.scores(QUESTION, arrays, image=IMAGE, stimuli=NAMES).log_mass
        one = vlm.family.images.pick(arrays, [1])
        alone = vlm.scores(["will_fall"], one, stimuli=NAMES[1:]).log_mass
        assert len(calls) == 2
        again = VLM.load(str(vlm.origin.path), tuning=vlm.tuning).eval()
        again.keep_features(tmp_path / "cache", 1.0)
        calls = calls_of(again)
        later = again.scores(QUESTION, arrays, image=IMAGE, stimuli=NAMES).log_mass
        assert not calls
    torch.testing.assert_close(made, without, atol=2e-5, rtol=0)
    torch.testing.assert_close(alone[0], made[2, :2], atol=2e-5, rtol=0)
    assert torch.equal(read, made)
    assert torch.equal(later, made)


def test_gradients_of_the_language_model_are_the_same(draw, pixels, tmp_path):
    tuning = Tuning(tune=Tune(vision="frozen", merger="frozen", language="full"))
    vlm = VLM.load("tiny", tuning=tuning)
    arrays = pixels(draw((56, 56), (112, 56)))
    trained = [p for p in vlm.model.parameters() if p.requires_grad]
    found = []
    for _ in range(3):  # without, made, read
        scores = vlm.scores(QUESTION, arrays, image=IMAGE, stimuli=NAMES)
        found.append(torch.autograd.grad(scores.log_mass[:, 0].sum(), trained, allow_unused=True))
        vlm.keep_features(tmp_path, 1.0)
    for without, made, read in zip(*found, strict=True):
        torch.testing.assert_close(made, without, atol=1e-5, rtol=1e-4)
        assert torch.equal(made, read)


@pytest.mark.parametrize("tune", [Tune(vision="lora"), Tune(vision="frozen", merger="full")])
def test_refuses_a_tower_that_is_trained(tune, tmp_path):
    vlm = VLM.load("tiny", tuning=Tuning(tune=tune))
    with pytest.raises(ValueError, match=r"to be frozen .*, got `tune` of (vision|merger)"):
        vlm.keep_features(tmp_path, 1.0)


def features(value, count=4):
    return ImageFeatures((torch.full((count, 8), float(value)),), (count,))


CPU = torch.device("cpu")


def test_never_takes_more_room_than_it_may(tmp_path):
    one = FeatureCache(tmp_path, "one", 1000)
    for name in "abcdef":
        found = one.features([name], lambda _, name=name: features(ord(name)), CPU)
        assert found.levels[0][0, 0] == ord(name)
    sizes = [file.stat().st_size for file in tmp_path.rglob("*.safetensors")]
    assert 0 < sum(sizes) <= 1000
    assert len(sizes) < 6
    again = FeatureCache(tmp_path, "one", 1000)
    kept = again.features(["a"], lambda _: features(-1), CPU)
    assert kept.levels[0][0, 0] == ord("a")


def test_features_of_another_tower_make_room(tmp_path):
    old = FeatureCache(tmp_path, "old", 1000)
    for name in "abc":
        old.features([name], lambda _: features(0), CPU)
    os.utime(old.folder, (0, 0))
    new = FeatureCache(tmp_path, "new", 1000)
    assert new.folder != old.folder
    found = new.features(["a"], lambda _: features(7), CPU)
    assert found.levels[0][0, 0] == 7
    assert not old.folder.exists() or any(new.folder.rglob("*.safetensors"))
    new.features(["b"], lambda _: features(8), CPU)
    new.features(["c"], lambda _: features(9), CPU)
    assert not old.folder.exists()
    # The run that used it goes on: it makes its features again.
    assert old.features(["a"], lambda _: features(1), CPU).levels[0][0, 0] == 1


def test_a_damaged_file_is_made_anew(tmp_path):
    cache = FeatureCache(tmp_path, "tower", 10_000)
    cache.features(["a"], lambda _: features(1), CPU)
    (file,) = tmp_path.rglob("*.safetensors")
    whole = file.read_bytes()
    for damaged in (b"", whole[:20], whole[:-3]):
        file.write_bytes(damaged)
        assert cache.features(["a"], lambda _: features(2), CPU).levels[0][0, 0] == 2
    assert not list(tmp_path.rglob("*.part"))


def test_a_full_disk_stops_nothing(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path, "tower", 10_000)

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    assert cache.features(["a"], lambda _: features(3), CPU).levels[0][0, 0] == 3

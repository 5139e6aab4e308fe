import pytest
import torch

from cogtrain import Loader, Preprocess, StimulusSet
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import collate
from cogtrain.models.lora import Tune, Tuning
from cogtrain.training.module import VLMModule

LORA = Tuning(r=2, lora_alpha=4)


@pytest.fixture(scope="module")
def module():
    return VLMModule()


@pytest.fixture
def batch():
    towers = StimulusSet.recipe(count=4, size_px=56)
    loader = Loader(towers, batch_size=4, seed=0, preprocess=Preprocess.qwen2_vl())
    return collate(next(iter(loader)), [AskedSet.of(towers, "plain")])


def checkpoint_of(module):
    saved = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(saved)
    return saved


def test_answers_are_the_models_own_scores(module, batch):
    with torch.no_grad():
        answers, own = module.answer(batch)
        losses, weights = module.losses(batch, own)
        scores = module.vlm.scores(
            batch["question"],
            batch["arrays"],
            wording=["plain"] * 4,
        )
    (options,) = set(scores.options)
    torch.testing.assert_close(answers["probability"], scores.probability[:, 0])
    torch.testing.assert_close(answers["log_odds"], scores.log_odds)
    torch.testing.assert_close(answers["off_menu_mass"], scores.off_menu_mass)
    truth = torch.tensor([options.index(answer) for answer in batch["answer"]])
    torch.testing.assert_close(losses, -scores.log_mass[torch.arange(4), truth])
    assert weights.tolist() == [1.0] * 4
    responses = [options[index] for index in scores.log_mass.argmax(dim=1)]
    assert answers["response"] == responses
    torch.testing.assert_close(answers["response_probability"], scores.probability.max(1).values)
    assert answers["wording"] == ["plain"] * 4
    correct = [float(a == b) for a, b in zip(responses, batch["answer"], strict=True)]
    assert answers["correct"].tolist() == correct


def test_refuses_a_truth_that_is_no_option(module, batch):
    batch["answer"][1] = "perhaps"
    with pytest.raises(ValueError, match=r"`will_fall` to be one of yes, no, got `perhaps`"):
        module.answer(batch)


def test_a_checkpoint_holds_what_was_trained():
    adapted = VLMModule(tuning=LORA)
    kept = set(checkpoint_of(adapted)["state_dict"])
    trained = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert kept == trained
    assert all("lora_" in name for name in kept)
    assert len(trained) < len(adapted.state_dict())


def test_a_checkpoint_of_full_tuning_holds_everything():
    module = VLMModule(tuning=Tuning.full())
    assert set(checkpoint_of(module)["state_dict"]) == set(module.state_dict())


def test_refuses_another_tuning(module):
    with pytest.raises(ValueError, match=r"trained tensors.*`model.tuning`"):
        module.on_load_checkpoint(checkpoint_of(VLMModule(tuning=LORA)))


def test_refuses_another_rank():
    saved = checkpoint_of(VLMModule(tuning=LORA))
    other = VLMModule(tuning=Tuning(r=3, lora_alpha=4))
    with pytest.raises(ValueError, match=r"of shape \(3, .*got \(2, "):
        other.on_load_checkpoint(saved)


def test_refuses_another_model(module):
    saved = checkpoint_of(module)
    saved["cogtrain_model"] = {"pretrained": "lab/other", "fingerprint": "0123456789abcdef"}
    with pytest.raises(ValueError, match=r"got one trained from `lab/other` \(0123456789ab\)"):
        module.on_load_checkpoint(saved)


def test_refuses_a_checkpoint_of_something_else(module):
    with pytest.raises(ValueError, match="expected a checkpoint of cogtrain"):
        module.on_load_checkpoint({"state_dict": {}})


def test_restores_what_was_saved(tmp_path):
    trained = VLMModule(tuning=LORA)
    with torch.no_grad():
        for parameter in trained.parameters():
            if parameter.requires_grad:
                parameter.add_(1.0)
    torch.save(checkpoint_of(trained), tmp_path / "x.ckpt")
    fresh = VLMModule(tuning=LORA)
    fresh.restore(tmp_path / "x.ckpt")
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[name], value, rtol=0, atol=0)


def test_frozen_components_stay_in_evaluation_mode():
    module = VLMModule(tuning=Tuning(tune=Tune(vision="frozen", language="full")))
    module.on_fit_start()
    model = module.vlm.model
    assert not model.get_submodule("model.visual.blocks").training
    assert model.get_submodule("model.language_model").training


def test_says_what_identifies_it(module):
    described = module.describe()
    assert described["pretrained"] == "tiny"
    assert described["parameters"] > described["trained_parameters"] > 100_000
    assert len(described["fingerprint"]) == 32


def test_layers_recompute_or_are_compiled_if_asked_to():
    plain, asked = VLMModule(), VLMModule(gradient_checkpointing=True, compile=True)
    for module, is_asked in ((plain, False), (asked, True)):
        model = module.vlm.model
        assert model.is_gradient_checkpointing is is_asked
        compiled = [each for each in model.modules() if each._compiled_call_impl is not None]
        assert bool(compiled) is is_asked
        assert not hasattr(model, "_orig_mod")  # names of weights stay what they are
    assert plain.state_dict().keys() == asked.state_dict().keys()


def test_refuses_passes_without_tokens():
    with pytest.raises(ValueError, match=r"`model.tokens_per_pass` to be at least 1, got 0"):
        VLMModule(tokens_per_pass=0)


def test_features_of_a_frozen_tower_are_kept_for_the_next_run(batch, tmp_path, monkeypatch):
    monkeypatch.setenv("COGTRAIN_CACHE", str(tmp_path))
    tuning = Tuning(tune=Tune(vision="frozen", merger="frozen", language="lora"))
    found = []
    for _ in range(2):
        kept = VLMModule(tuning=tuning, feature_cache_gib=0.1).eval()
        calls = []
        kept.vlm.model.model.visual.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        with torch.no_grad():
            found.append((kept.answer(batch)[1].log_mass, len(calls)))
    assert [calls for _, calls in found] == [len(batch["ids"]), 0]
    assert torch.equal(found[0][0], found[1][0])
    assert list((tmp_path / "features").rglob("*.safetensors"))

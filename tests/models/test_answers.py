import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogtrain import prompts
from cogtrain.models import answers
from cogtrain.models.answers import OptionScores

FORMS = {"yes": torch.tensor([1, 3]), "no": torch.tensor([0])}
LOGITS = st.lists(st.floats(-40, 40, width=32), min_size=5, max_size=5)


@given(LOGITS)
def test_mass_is_the_sum_of_full_vocabulary_probabilities(logits):
    scores = answers.score(torch.tensor([logits]), FORMS)
    exact = [math.exp(x) for x in logits]
    yes, no = (exact[1] + exact[3]) / sum(exact), exact[0] / sum(exact)
    assert scores.options == ("yes", "no")
    assert scores.log_mass[0].tolist() == pytest.approx([math.log(yes), math.log(no)], abs=2e-5)
    assert scores.off_menu_mass[0].item() == pytest.approx(1 - yes - no, abs=1e-5)


@given(LOGITS)
def test_views_of_the_same_belief_agree(logits):
    scores = answers.score(torch.tensor([logits]), FORMS)
    odds = scores.log_odds[0].item()
    assert scores.probability.sum().item() == pytest.approx(1, abs=1e-6)
    assert scores.probability[0, 0].item() == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-5)
    assert scores.log_probability[0].tolist() == pytest.approx(
        scores.probability.double().log()[0].tolist(), abs=1e-3
    )
    assert 0 <= scores.off_menu_mass.item() <= 1


def test_log_odds_of_three_options_pit_the_first_against_the_rest():
    scores = OptionScores(("a", "b", "c"), torch.tensor([[0.5, 0.2, 0.3]]).log())
    assert scores.log_odds.item() == pytest.approx(0, abs=1e-6)


def test_half_precision_logits_are_summed_in_single():
    logits = torch.tensor([[10.0, 10.0, 9.0, 10.0, -5.0]])
    found = answers.score(logits.bfloat16(), FORMS)
    assert found.log_mass.dtype == torch.float32
    torch.testing.assert_close(found.log_mass, answers.score(logits, FORMS).log_mass)


def test_forms_are_the_single_tokens_after_the_prompt(vlm, processor):
    ids = answers.form_ids(vlm._builder, "will_fall")
    decoded = {
        option: {processor.tokenizer.decode([one]) for one in found}
        for option, found in ids.items()
    }
    assert decoded == {
        "yes": {"Yes", "yes", " Yes", " yes"},
        "no": {"No", "no", " No", " no"},
    }


@pytest.fixture
def ask(monkeypatch, vlm):
    def ask(forms):
        words = {**prompts._PROMPTS, "q": prompts.Prompt("What?", forms)}
        monkeypatch.setattr(prompts, "_PROMPTS", words)
        return answers.form_ids(vlm._builder, "q")

    return ask


def test_forms_of_several_tokens_are_left_out(ask):
    assert [len(found) for found in ask({"a": (" red", "xyzzy"), "b": (" blue",)}).values()] == [
        1,
        1,
    ]


def test_an_option_without_a_single_token_is_refused(ask):
    with pytest.raises(ValueError, match=r"option `b` .* got none among \['xyzzy', 'plugh'\]"):
        ask({"a": (" red",), "b": ("xyzzy", "plugh")})


def test_one_token_for_two_options_is_refused(ask, processor):
    token = processor.tokenizer("Yes")["input_ids"][0]
    with pytest.raises(ValueError, match=f"got token {token} for both `a` and `b`"):
        ask({"a": ("Yes",), "b": ("Yes", "No")})

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogtrain import prompts
from cogtrain.models import menu
from cogtrain.models.menu import Menu

DIGITS = {"1": ("1",), "2": ("2",), "12": ("12",), "none": ("none", "no one")}


class Letters:
    """Spells by letters: a tokenizer under which nearly everything takes several tokens."""

    def text(self, question, wording="people"):
        return f"<{question} {wording}>"

    def ids(self, text):
        return [ord(letter) for letter in text]


@pytest.fixture
def spell(monkeypatch):
    def spell(forms, speller=None):
        monkeypatch.setattr(prompts, "answer_forms", lambda *_: forms)
        return menu.spell(speller or Letters(), "q")

    return spell


def words(paths):
    return ["".join(map(chr, path)) for path in paths]


def test_forms_of_several_tokens_have_beginnings_to_read(spell):
    found = spell({"a": ("red", "r"), "b": ("blue",), "c": ("ro",)})
    assert found.options == ("a", "b", "c")
    assert [words(paths) for paths in found.paths] == [["r"], ["blue"], ["ro"]]
    assert words(found.branches) == ["b", "r", "bl", "blu"]


def test_long_spellings_are_left_out_where_there_are_short_ones(spell):
    found = spell({"3": ("3", "three"), "gray": ("gray", "quite gray")})
    assert [words(paths) for paths in found.paths] == [["3"], ["gray"]]


def test_real_numbers_part_from_those_that_they_begin(vlm):
    found = menu.spell(vlm._builder, "block_count")
    decode = vlm._builder._tokenizer.decode
    one, twelve = (found.paths[found.options.index(number)] for number in ("1", "12"))
    assert {decode(path) for path in one} == set(prompts.answer_forms("block_count")["1"])
    assert {decode(path) for path in twelve} == set(prompts.answer_forms("block_count")["12"])
    assert {decode(path) for path in found.branches} == {"1", " ", " 1"}


def test_forms_are_the_single_tokens_after_the_prompt(vlm, processor):
    found = menu.spell(vlm._builder, "will_fall")
    decoded = [{processor.tokenizer.decode(path) for path in paths} for paths in found.paths]
    assert found.branches == ()
    assert decoded == [{"Yes", "yes", " Yes", " yes"}, {"No", "no", " No", " no"}]


def test_a_reversed_wording_swaps_the_tokens(vlm):
    plain, turned = (menu.spell(vlm._builder, "will_fall", name) for name in ("plain", "reversed"))
    assert turned.options == plain.options
    assert turned.paths == plain.paths[::-1]


@pytest.mark.parametrize("question", ["will_fall", "block_count", "red_block_row"])
@given(seed=st.integers(0, 1000))
def test_a_menu_shares_out_the_probability_of_all_texts(vlm, question, seed):
    """Every text is one option or none: the longest form that it begins with decides."""
    found = menu.spell(vlm._builder, question)
    generator = torch.Generator().manual_seed(seed)
    vocabulary = 1 + max(itertools.chain.from_iterable(itertools.chain(*found.paths)))
    logits = 3 * torch.randn(2, 1 + len(found.branches), vocabulary, generator=generator)
    _hold(found, logits)


def test_letters_share_out_the_probability_of_all_texts(spell):
    found = spell(DIGITS)
    _hold(found, torch.randn(3, 1 + len(found.branches), 128) * 4)


def _hold(found: Menu, logits):
    """Against probabilities added up text by text in double precision."""
    p = logits.double().softmax(-1)
    places = {branch: place for place, branch in enumerate([(), *found.branches])}
    owner = {path: i for i, paths in enumerate(found.paths) for path in paths}
    expected = torch.zeros(len(logits), len(found.options), dtype=torch.float64)
    for path in owner:
        begins = torch.ones(len(logits), dtype=torch.float64)
        for end, token in enumerate(path):
            begins = begins * p[:, places[path[:end]], token]
        expected[:, owner[path]] += begins
        beginning = next((path[:i] for i in range(len(path) - 1, 0, -1) if path[:i] in owner), None)
        if beginning is not None:
            expected[:, owner[beginning]] -= begins
    mass = found.log_mass(logits)
    assert mass.dtype == torch.float32
    torch.testing.assert_close(mass.double().exp(), expected, atol=1e-6, rtol=1e-4)
    assert (expected.sum(-1) <= 1 + 1e-9).all()


def test_what_a_longer_form_takes_all_of_is_finite_and_has_a_gradient(spell):
    found = spell({"1": ("1",), "12": ("12",)})
    logits = torch.zeros(1, 2, 128)
    logits[0, 1, ord("2")] = 200.0  # after "1" surely "2"
    logits.requires_grad_()
    mass = found.log_mass(logits)
    assert mass[0, 1].item() == pytest.approx(math.log(1 / 128), abs=1e-4)
    assert torch.isfinite(mass).all()
    assert mass[0, 0] < mass[0, 1] - 10
    mass.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_half_precision_logits_are_summed_in_single(spell):
    found = spell(DIGITS)
    logits = torch.randn(2, 1 + len(found.branches), 128).bfloat16()
    torch.testing.assert_close(found.log_mass(logits), found.log_mass(logits.float()))


def test_an_option_that_cannot_follow_the_prompt_is_refused(spell):
    class Merging(Letters):
        def ids(self, text):
            return super().ids(text.replace(">b", "B"))  # as one token with the prompt's end

    with pytest.raises(ValueError, match=r"option `b` .* got none among \['bx', 'by'\]"):
        spell({"a": ("a",), "b": ("bx", "by")}, Merging())


def test_one_spelling_of_two_options_is_refused(spell):
    with pytest.raises(ValueError, match=r"got tokens \[89\] for both `a` and `b`"):
        spell({"a": ("Y",), "b": ("N", "Y")})

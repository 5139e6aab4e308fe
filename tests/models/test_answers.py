import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogtrain.models.answers import OptionScores, Reading
from cogtrain.models.menu import Menu

YES_NO = Menu(("yes", "no"), (((1,), (3,)), ((0,),)), ())
NUMBERS = Menu(("1", "12", "2"), (((1,),), ((1, 2),), ((2,),)), ((1,),))
LOGITS = st.lists(st.floats(-40, 40, width=32), min_size=5, max_size=5)
CPU = torch.device("cpu")


def score(logits, *menus):
    return Reading.of(menus, CPU).score(torch.tensor(logits))


@given(LOGITS)
def test_mass_is_the_sum_of_full_vocabulary_probabilities(logits):
    scores = score([logits], YES_NO)
    exact = [math.exp(x) for x in logits]
    yes, no = (exact[1] + exact[3]) / sum(exact), exact[0] / sum(exact)
    assert scores.options == (("yes", "no"),)
    assert scores.log_mass[0].tolist() == pytest.approx([math.log(yes), math.log(no)], abs=2e-5)
    assert scores.off_menu_mass[0].item() == pytest.approx(1 - yes - no, abs=1e-5)


@given(LOGITS)
def test_views_of_the_same_belief_agree(logits):
    scores = score([logits], YES_NO)
    odds = scores.log_odds[0].item()
    assert scores.probability.sum().item() == pytest.approx(1, abs=1e-6)
    assert scores.probability[0, 0].item() == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-5)
    assert scores.log_probability[0].tolist() == pytest.approx(
        scores.probability.double().log()[0].tolist(), abs=1e-3
    )
    assert 0 <= scores.off_menu_mass.item() <= 1


def test_log_odds_of_three_options_pit_the_first_against_the_rest():
    scores = OptionScores((("a", "b", "c"),), torch.tensor([[0.5, 0.2, 0.3]]).log())
    assert scores.log_odds.item() == pytest.approx(0, abs=1e-6)


def test_every_menu_is_read_at_the_ends_of_its_beginnings():
    reading = Reading.of([YES_NO, NUMBERS, YES_NO, NUMBERS], CPU)
    assert reading.item.tolist() == [0, 2, 1, 1, 3, 3]
    assert reading.offset.tolist() == [0, 0, 0, 1, 0, 1]


def test_items_of_different_menus_come_back_in_their_order():
    generator = torch.Generator().manual_seed(0)
    menus = [YES_NO, NUMBERS, YES_NO, NUMBERS]
    rows = torch.randn(6, 5, generator=generator).tolist()
    together = score(rows, *menus)
    assert together.options == tuple(menu.options for menu in menus)
    assert together.log_mass.shape == (4, 3)
    alone = [
        score(rows[0:1], YES_NO),
        score(rows[2:4], NUMBERS),
        score(rows[1:2], YES_NO),
        score(rows[4:6], NUMBERS),
    ]
    for index, one in enumerate(alone):
        width = one.log_mass.shape[1]
        assert torch.equal(together.log_mass[index, :width], one.log_mass[0])
        assert (together.log_mass[index, width:] == -torch.inf).all()
        for name in ("log_odds", "off_menu_mass"):
            torch.testing.assert_close(getattr(together, name)[index], getattr(one, name)[0])
        torch.testing.assert_close(together.probability[index, :width], one.probability[0])
        assert together.probability[index, width:].sum() == 0


def test_padding_passes_no_gradient():
    logits = torch.randn(3, 5, requires_grad=True)
    reading = Reading.of([YES_NO, NUMBERS], CPU)
    scores = reading.score(logits)
    (scores.log_probability[:, 0].sum() + scores.log_odds.sum()).backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.abs().sum() > 0

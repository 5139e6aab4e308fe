"""The least effects have the power that was asked for, at the chance of each question."""

import pytest

from cogtrain import StimulusSet
from cogtrain.checking.power import disagreement, least_accuracy, least_gain, rows
from cogtrain.metrics.power import power_of_accuracy, power_of_accuracy_difference

DESIGNS = [(20, 0.5), (100, 0.25), (1000, 0.5), (1000, 1 / 7)]


@pytest.mark.parametrize(("stimuli", "chance"), DESIGNS)
def test_effects_have_a_power_of_80_percent(stimuli, chance):
    accuracy, gain = least_accuracy(stimuli, chance), least_gain(stimuli, chance)
    assert power_of_accuracy(accuracy, stimuli, chance=chance) == pytest.approx(0.8, abs=1e-6)
    share = disagreement(chance, chance + gain)
    assert power_of_accuracy_difference(gain, share, stimuli) == pytest.approx(0.8, abs=1e-6)


def test_two_stimuli_show_nothing():
    assert least_accuracy(2, 0.5) is least_gain(2, 0.5) is None


def test_chance_is_that_of_the_question():
    questions = ["will_fall", "block_count"]
    tested = StimulusSet.recipe(count=8, size_px=28, questions=questions)
    found = {row["question"]: row for row in rows([tested])}
    assert found["will_fall"]["chance"] == "50.0 %"
    assert float(found["block_count"]["chance"].split()[0]) < 50
    assert set(found) == set(tested[0].answers)

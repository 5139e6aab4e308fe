"""The published figures of the Lerer towers, from the real judgments by the public functions."""

import numpy as np
import pytest

from cogtrain import metrics as m
from cogtrain.evaluation.score import read_truth
from cogtrain.judgments import Judgments

# accuracy in per cent, Spearman to individuals; four decimals are what was published
MODELS = {
    "GPT-4V": (60, 0.2479),
    "CLAUDE-3": (58, 0.0240),
    "OTTER": (50, 0.0005),
    "FUYU": (45, None),
    "ADAPTER": (49, None),
}


@pytest.fixture(scope="module")
def towers(lerer_towers):
    truth = read_truth(lerer_towers / "stimuli.csv", "will_fall")
    people = Judgments.humans(lerer_towers / "human_judgments.csv", stimuli=truth)
    models = Judgments.tidy(
        lerer_towers / "model_judgments.csv", observer_kind="model", stimuli=truth
    )
    panel = m.Panel.from_judgments(people)
    right = np.array([truth[name] == "yes" for name in panel.stimuli], dtype=float)
    return panel, m.Panel.from_judgments(models), right


def test_people(towers):
    people, _, truth = towers
    accuracies = m.observer_accuracies(people.answers, truth)
    assert people.answers.shape == (107, 100)
    assert round(100 * m.human_accuracy(people.answers, truth).value, 2) == 65.61
    assert (accuracies.min(), accuracies.max()) == (0.54, 0.75)
    majority = m.human_majority_accuracy(people.answers, truth)
    assert (majority.value, majority.reason) == (0.73, "")
    assert round(m.spearman_to_individuals_naive_ceiling(people.answers).value, 4) == 0.5687


@pytest.mark.parametrize("name", MODELS)
def test_models(towers, name):
    people, models, truth = towers
    percent, rho = MODELS[name]
    answers = models.at(people.stimuli)[models.observers.index(name)]
    assert m.accuracy(answers, truth).value == percent / 100
    estimate = m.spearman_to_individuals(answers, people.answers)
    if rho is None:
        assert np.isnan(estimate.value)
        assert estimate.reason
    else:
        assert round(estimate.value, 4) == rho
        assert estimate.low < rho < estimate.high


def test_why_two_models_have_no_correlation(towers):
    people, models, _ = towers
    reasons = {
        name: m.spearman_to_individuals(answers, people.answers).reason
        for name, answers in zip(models.observers, models.at(people.stimuli), strict=True)
    }
    assert reasons["FUYU"].startswith("1 of 100 stimuli not answered")
    assert reasons["ADAPTER"] == "the observer is constant: 1 for all 100 stimuli"

"""The noisy-physics observer as a judge among others."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from cogtrain import Judgments, Scene, StimulusSet
from cogtrain.evaluation.score import score, score_files
from cogtrain.metrics import error_consistency, error_consistency_ceiling
from cogtrain.metrics.panel import Panel
from cogtrain.observers import NoisyPhysics

OBSERVER = NoisyPhysics(samples=60)


def pair(offset: float) -> Scene:
    """Two unit cubes, the upper one `offset` metres aside."""
    cube = {"size_m": [1, 1, 1], "orientation": [1, 0, 0, 0], "color": "red"}
    cube |= {"density": 500, "friction": 0.6}
    bodies = [cube | {"position_m": [x, 0, z]} for x, z in ((0, 0.5), (offset, 1.5))]
    camera = {"position_m": [0, -10, 3], "target_m": [0, 0, 1], "fov_deg": 40}
    light = {"toward": [0, 0, 1], "radius_deg": 0}
    return Scene.from_json(json.dumps({"bodies": bodies, "camera": camera, "light": light}))


@pytest.fixture(scope="module")
def towers() -> StimulusSet:
    return StimulusSet.recipe(count=60, size_px=28, factors={"margin": [0.05, 0.3]})


def test_p_fall_of_a_pair_is_that_of_the_normal_distribution():
    observer = NoisyPhysics(sigma=0.1, force=0.0, samples=4000)
    offsets = np.array([0.2, 0.4, 0.5, 0.6])
    found = observer.p_fall([pair(offset) for offset in offsets])
    spread = 0.1 * np.sqrt(2)
    along = norm.cdf((0.5 - offsets) / spread) - norm.cdf((-0.5 - offsets) / spread)
    across = 1 - 2 * norm.sf(0.5 / spread)
    np.testing.assert_allclose(found, 1 - along * across, atol=4 * 0.5 / np.sqrt(4000))


def test_judgments_are_labelled_simulated_and_carry_the_truth(towers):
    table = OBSERVER.judge(towers).table
    assert set(table.observer_kind) == {"simulated"}
    (name,) = set(table.observer_id)
    assert name == ("simulated noisy-physics sigma=0.2 force=0.05 statics seed=0 samples=60")
    assert table.stimulus_id.tolist() == towers.ids
    assert table.truth.tolist() == [stimulus.answers["will_fall"] for stimulus in towers]
    assert ((table.response == "yes") == (table.probability >= 0.5)).all()
    # Better than chance, and not perfect: the noise is as large as these margins.
    accuracy = (table.response == table.truth).mean()
    assert 0.6 < accuracy < 1


def test_a_sharper_eye_is_righter(towers):
    def error(sigma):
        table = replace(OBSERVER, sigma=sigma, force=0.0).judge(towers).table
        return np.abs(table.probability - (table.truth == "yes")).mean()

    errors = [error(sigma) for sigma in (0.0, 0.05, 0.2, 0.8)]
    assert errors[0] == 0
    assert errors == sorted(errors)


def test_answers_depend_on_neither_threads_nor_colours(towers):
    scenes = [stimulus.judged for stimulus in towers]
    one = OBSERVER.falls(scenes, threads=1)
    assert one.shape == (60, 60)
    assert (one == OBSERVER.falls(scenes, threads=3)).all()
    assert (one[:, :7] == replace(OBSERVER, samples=7).falls(scenes)).all()
    assert (one != replace(OBSERVER, seed=1).falls(scenes)).any()
    painted = [type(s).from_json(s.to_json().replace("red", "blue")) for s in scenes]
    assert (one == OBSERVER.falls(painted)).all()


def test_pyramids_are_judged_by_what_is_left():
    pyramids = StimulusSet.recipe(task="pyramid", count=12, size_px=28)
    table = replace(OBSERVER, sigma=0.0, force=0.0, samples=1).judge(pyramids).table
    assert (table.response == table.truth).all()
    assert set(table.question) <= {"will_fall", "will_fall_if_removed"}


def test_simulation_in_the_head(towers):
    few = [towers[index].judged for index in range(4)]
    sharp = NoisyPhysics(sigma=0.0, force=0.0, samples=1, mechanics="simulation")
    assert sharp.p_fall(few).tolist() == [0, 1, 0, 1]


def test_a_panel_answers_like_people(towers):
    panel = OBSERVER.panel(towers, 30)
    assert len(panel) == 30 * 60
    assert panel.table.probability.isna().all()
    assert len(set(panel.table.observer_id)) == 30
    # One copy each: together they are the observer with thirty copies.
    share = (panel.table.response == "yes").groupby(panel.table.stimulus_id, sort=False).mean()
    scenes = [stimulus.judged for stimulus in towers]
    np.testing.assert_allclose(share, replace(OBSERVER, samples=30).p_fall(scenes))
    # They agree with each other beyond chance, and not wholly.
    people = Panel.from_judgments(panel)
    truth = np.array([stimulus.answers["will_fall"] == "yes" for stimulus in towers], float)
    assert 0.05 < error_consistency_ceiling(people.answers, truth).value < 0.9


def test_is_scored_like_any_observer(towers, tmp_path):
    panel, model = OBSERVER.panel(towers, 12), replace(OBSERVER, seed=5).judge(towers)
    scores = score(Judgments.concat([panel, model]))
    assert len(scores[(scores.metric == "accuracy") & scores.versus.isna()]) == 13
    OBSERVER.judge(towers).write(tmp_path / "judgments.csv")
    assert "simulated noisy-physics" in score_files([tmp_path / "judgments.csv"])
    people = Panel.from_judgments(panel).at(towers.ids)
    truth = np.array([stimulus.answers["will_fall"] == "yes" for stimulus in towers], float)
    assert error_consistency(model.answers(), people, truth).value > 0.1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sigma": -1.0}, "`sigma`.*got -1"),
        ({"force": float("nan")}, "`force`.*got NaN"),
        ({"samples": 0}, "`samples`.*got 0"),
        ({"mechanics": "static"}, "got `static`; did you mean `statics`"),
    ],
)
def test_wrong_parameters_are_named(towers, change, words):
    with pytest.raises(ValueError, match=words):
        replace(OBSERVER, **change).judge(towers)


def test_what_it_cannot_judge_is_named(towers):
    with pytest.raises(ValueError, match="got 'block_count'"):
        OBSERVER.judge(towers, "block_count")
    with pytest.raises(ValueError, match="ask will_fall_if_removed, got none in `tower`"):
        OBSERVER.judge(towers, "will_fall_if_removed")
    with pytest.raises(ValueError, match=r"`n_observers`.*got 0"):
        OBSERVER.panel(towers, 0)

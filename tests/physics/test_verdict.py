"""The record of a scene, and its motion, as Python sees them."""

import json

import numpy as np
import pytest

from cogtrain import Scene, _core, simulate


@pytest.fixture(scope="module")
def leaning(make_scene, make_box) -> Scene:
    return make_scene([make_box((1, 1, 1), (x, 0, z)) for x, z in ((0, 0.5), (0.7, 1.5))])


def test_record_of_a_leaning_pair(leaning):
    record = _core.verdict(leaning)
    assert list(record) == [
        "stands",
        "stands_simulated",
        "disagreement",
        "friction_decides",
        "margin_m",
        "margin_fraction",
        "critical",
        "overhang_m",
        "contacts",
        "displacement_m",
        "fell_s",
        "time_to_fall_s",
        "n_fallen",
        "robustness",
        "mechanism",
    ]
    assert not any(record[name] for name in ("stands", "stands_simulated", "disagreement"))
    assert record["margin_m"] == pytest.approx(-0.2)
    assert record["overhang_m"] == pytest.approx(0.7)
    assert record["critical"] == {"upper": 1, "lower": 0}
    assert record["contacts"] == [{"upper": 0, "lower": None}, {"upper": 1, "lower": 0}]
    assert record["fell_s"] == [None, record["time_to_fall_s"]]
    assert 0 < record["time_to_fall_s"] < 1
    assert record["n_fallen"] == 1
    assert record["robustness"]["samples"] == 100
    assert record["robustness"]["falls"] > 0.8
    assert np.shape(record["mechanism"]) == (2, 6)
    assert record == _core.verdict(leaning)


def test_motion_of_a_leaning_pair(leaning):
    motion = simulate(leaning)
    assert motion.fell
    assert motion.fell_s[0] is None
    # Falls when its centre has dropped by a tenth of its side, within the stored frame before.
    frame = int(motion.fell_s[1] / motion.dt_s)
    drop = motion.positions[0, 1, 2] - motion.positions[:, 1, 2]
    assert drop[frame] <= 0.1 < drop[frame + 1]
    assert motion.orientations.shape == (121, 2, 4)
    np.testing.assert_allclose(np.linalg.norm(motion.orientations, axis=2), 1, atol=1e-6)


def test_a_frame_is_a_scene(leaning):
    motion = simulate(leaning)
    last = json.loads(motion.scene(leaning, 120).to_json())
    placed = [body["position_m"] for body in last["bodies"]]
    np.testing.assert_allclose(placed, motion.positions[-1])
    with pytest.raises(ValueError, match="below 121, got 121"):
        motion.scene(leaning, 121)


def test_friction_decides_of_two_stacks_that_a_beam_ties(make_scene, make_box):
    columns = [(-1.0, 0.5), (1.0, 0.5), (-1.52, 1.5), (1.52, 1.5)]
    stacks = [make_box((1, 1, 1), (x, 0, z), friction=0.6) for x, z in columns]
    beam = make_box((4, 1, 0.1), (0, 0, 2.05), density=75.0, friction=0.6)
    assert _core.friction_decides(make_scene([*stacks, beam]))
    assert not _core.friction_decides(make_scene(stacks))

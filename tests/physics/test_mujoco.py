"""Verdicts against MuJoCo, on a few scenes; `benchmarks/mujoco_agreement.py` takes hundreds."""

import importlib.util

import numpy as np
import pytest

from cogtrain import StimulusSet, _core

pytest.importorskip("mujoco")


@pytest.fixture(scope="module")
def bench(repository):
    """The benchmark, for its MuJoCo: one setting of the engine, in one place."""
    path = repository / "benchmarks" / "mujoco_agreement.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # a benchmark imports what lies beside it
        spec.loader.exec_module(module)
    return module


def test_towers(bench):
    towers = StimulusSet.recipe(count=24, factors={"margin": [0.03, 0.4]}, size_px=28)
    for tower in towers:
        moves, falls = bench.outcome(tower.judged)
        expected = tower.answers["will_fall"] == "yes"
        assert moves == falls == expected == _core.simulate(tower.judged).fell


def test_rows_of_boxes_on_which_friction_has_no_say(bench):
    """What statics says moves: it need not fall, but may jam against a neighbour."""
    stood = []
    drawn = bench.structures(np.random.default_rng(1))
    while len(stood) < 12:
        scene = next(drawn)
        if not _core.friction_decides(scene):
            moves, falls = bench.outcome(scene)
            stood.append(_core.equilibrium(scene).stands)
            assert moves != stood[-1]
            assert falls == _core.simulate(scene).fell
    assert 0 < sum(stood) < 12

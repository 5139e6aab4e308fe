"""Means over seeds with both kinds of variance, against SciPy and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from cogtrain.evaluation.repetitions import repetitions_by_axis, spread


def test_without_variance_of_stimuli_it_is_students_interval():
    values = [0.1, 0.25, 0.2, 0.4]
    found = spread(values, np.full(100, 0.2))
    ends = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert (found.mean, found.sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)))


def test_one_seed_has_the_interval_of_the_stimuli_and_says_so():
    drawn = np.random.default_rng(0).normal(0.3, 0.05, 20_000)
    found = spread([0.3], drawn)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.05, rel=0.02)
    assert math.isnan(found.sd)
    assert found.reason == "interval over stimuli alone: one seed"
    alike = spread([0.3, 0.3], drawn)
    assert alike.sd == 0.0
    assert alike[1:3] == pytest.approx(found[1:3])
    assert alike.reason == "interval over stimuli alone: seeds do not differ"


def test_it_covers_what_it_should():
    """Gains with a variance between seeds and one of shared stimuli: 95 of 100 intervals hold."""
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(2000):
        of_stimuli = rng.normal(0, 0.03)
        values = 0.2 + of_stimuli + rng.normal(0, 0.04, 3)
        drawn = values.mean() + 0.03 * np.array([-1.0, 1.0])
        found = spread([*values], drawn)
        hits.append(found.low <= 0.2 <= found.high)
    assert 0.94 <= np.mean(hits) <= 0.985


class Stub:
    """A run as far as this goes: that it trained nothing, and the same as another."""

    trained, pretrained = (), "tiny"


def test_without_a_base_there_is_nothing_to_gain():
    runs = {"a": Stub(), "b": Stub()}
    assert repetitions_by_axis(runs, {"a": ["a"]}).empty  # type: ignore[arg-type]

import math

import numpy as np
import pytest

from cogtrain.metrics.accuracy import accuracy
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.mean import mean_of

EVEN = Estimate(0.6, 0.5, 0.7, 40, 0.5)


def test_of_one_set_it_is_that_set():
    assert mean_of({"a": EVEN}) == pytest.approx((*EVEN[:5], ""))


def test_symmetric_intervals_combine_as_standard_errors_do():
    found = mean_of({"a": EVEN, "b": Estimate(0.8, 0.6, 1.0, 10, 0.25)})
    half = math.sqrt(0.1**2 + 0.2**2) / 2
    assert found == pytest.approx(Estimate(0.7, 0.7 - half, 0.7 + half, 50, 0.375))


def test_ends_keep_their_own_distances():
    found = mean_of({"a": Estimate(0.5, 0.1, 0.6), "b": Estimate(0.5, 0.2, 0.6)})
    assert found.value - found.low == pytest.approx(math.hypot(0.4, 0.3) / 2)
    assert found.high - found.value == pytest.approx(math.hypot(0.1, 0.1) / 2)


def test_nothing_stands_in_for_what_is_undefined():
    constant = Estimate(math.nan, n=3, reason="constant")
    found = mean_of({"a": EVEN, "b": constant})
    assert math.isnan(found.value)
    assert (found.reason, found.n) == ("b: constant", 43)
    assert mean_of({}).reason == "no set to take a mean over"


def test_the_interval_holds_the_true_mean():
    """Two sets of 100 answers at 0.9 and 0.55: 95 of 100 intervals, within five errors of that."""
    stream = np.random.default_rng(0)
    shares, repetitions, held = (0.9, 0.55), 1000, 0
    for _ in range(repetitions):
        drawn = {str(share): accuracy(stream.random(100) < share, np.ones(100)) for share in shares}
        found = mean_of(drawn)
        held += found.low <= np.mean(shares) <= found.high
    error = math.sqrt(0.95 * 0.05 / repetitions)
    assert abs(held / repetitions - 0.95) < 5 * error

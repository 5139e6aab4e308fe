import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from cogtrain.evaluation import binned


def make_answers(seed, stimuli=200):
    source = np.random.default_rng(seed)
    margin = source.normal(0, 0.1, stimuli)
    first = (margin < 0).astype(float)
    frames = []
    for observer in ("a", "people"):
        probability = source.random(stimuli)
        frames.append(
            pd.DataFrame(
                {
                    "set": "s", "question": "q", "observer": observer, "margin_m": margin,
                    "probability": probability, "first": first,
                    "correct": ((probability > 0.5) == (first == 1)).astype(float),
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("seed", range(5))
def test_bins_of_margin_are_equal_and_alike_for_all_observers(seed):
    curve = binned.psychometric(make_answers(seed))
    assert len(curve) == 2 * binned.BINS
    assert curve["n"].between(19, 21).all()
    a, people = (curve[curve["observer"] == name] for name in ("a", "people"))
    np.testing.assert_allclose(sorted(a["at"]), sorted(people["at"]))


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_over_margin_has_the_intervals_of_scipy(seed):
    answers = make_answers(seed)
    curve = binned.accuracy_over_margin(answers)
    for row in curve.itertuples():
        exact = binomtest(round(row.value * row.n), int(row.n)).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((exact.low, exact.high), abs=1e-12)
    total = (curve["value"] * curve["n"]).groupby(curve["observer"]).sum()
    expected = answers.groupby("observer")["correct"].sum()
    np.testing.assert_allclose(total.to_numpy(), expected.to_numpy())


@pytest.mark.parametrize("seed", range(5))
def test_calibration_is_the_histogram_of_numpy(seed):
    answers = make_answers(seed)
    own = answers[answers["observer"] == "a"]
    curve = binned.calibration(own).sort_values("at")
    edges = np.linspace(0, 1, binned.BINS + 1)
    count, _ = np.histogram(own["probability"], edges)
    true, _ = np.histogram(own["probability"], edges, weights=own["first"])
    np.testing.assert_array_equal(curve["n"], count[count > 0])
    np.testing.assert_allclose(curve["value"], (true / np.maximum(count, 1))[count > 0])


def test_without_a_margin_there_is_no_curve():
    answers = make_answers(0).drop(columns="margin_m")
    assert len(binned.psychometric(answers)) == 0
    assert len(binned.accuracy_over_margin(answers.assign(margin_m=""))) == 0

"""Means over seeds against SciPy, and the tables of a study."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cogtrain.study.grid import PlannedRun
from cogtrain.study.summary import compare, over_seeds, summarise

NUMBERS = st.lists(st.floats(-1, 1, width=16), min_size=2, max_size=8)


@given(NUMBERS)
def test_the_interval_is_that_of_scipy(values):
    found = over_seeds(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-12)
    if found.sd == 0.0:
        assert found.reason == "no interval: seeds do not differ"
        assert math.isnan(found.low)
        assert math.isnan(found.p)
        return
    peer = stats.ttest_1samp(values, 0.0)
    ends = peer.confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx([ends.low, ends.high], abs=1e-9)
    assert found.p == pytest.approx(peer.pvalue, abs=1e-9)


def test_one_seed_has_no_interval_and_what_is_undefined_stays_so():
    one = over_seeds([0.7])
    assert (one.mean, one.seeds, one.reason) == (0.7, 1, "no interval: one seed")
    assert math.isnan(one.low)
    assert math.isnan(one.sd)
    gap = over_seeds([0.7, math.nan, 0.8])
    assert math.isnan(gap.mean)
    assert (gap.seeds, gap.reason) == (3, "undefined for 1 of 3 seeds")


def planned(condition: str, seed: int | None, stimuli: int = 8) -> PlannedRun:
    name = condition if seed is None else f"{condition}-seed{seed}"
    return PlannedRun(
        name=name,
        id=name,
        verb="test" if seed is None else "fit",
        base="base",
        condition=condition,
        stimuli=0 if seed is None else stimuli,
        seed=seed,
        steps=1,
        config={},
        sets={},
    )


RUNS = [planned("base", None), *(planned(name, seed) for name in "ab" for seed in (0, 1, 2))]
LEVELS = {"a": [0.9, 0.8, 0.7], "b": [0.75, 0.7, 0.55]}


def matrix(*, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """As `transfer` writes it, in an order that is not the plan's."""
    rows = []
    for run in reversed(RUNS):
        value = 0.5 if run.seed is None else LEVELS[run.condition][run.seed]
        change = math.nan if run.seed is None else value - 0.5
        rows.append(
            {
                "trained_on": run.name,
                "tested_on": "towers",
                "question": "will_fall",
                "metric": "accuracy",
                "value": value,
                "n": 100,
                "chance": 0.5,
                "change": change,
            }
        )
    return pd.DataFrame([row for row in rows if row["trained_on"] not in without])


def test_a_row_per_condition_with_its_seeds():
    table = summarise(matrix(), RUNS).set_index("condition")
    assert list(table.index) == ["base", "a", "b"]
    a = table.loc["a"]
    assert (a["mean"], a["sd"]) == pytest.approx((0.8, 0.1))
    assert (a["seeds"], a["n"], a["stimuli"]) == (3, 100, 8)
    ends = stats.t.interval(0.95, 2, loc=0.8, scale=0.1 / math.sqrt(3))
    assert (a["low"], a["high"]) == pytest.approx(ends)
    assert (a["change"], a["change_high"] - a["change_low"]) == pytest.approx(
        (0.3, ends[1] - ends[0])
    )
    base = table.loc["base"]
    assert (base["mean"], base["reason"]) == (0.5, "not trained: no seeds")
    assert math.isnan(base["low"])


def test_conditions_are_paired_over_seeds():
    row = compare(matrix(), RUNS).iloc[0]
    peer = stats.ttest_rel(LEVELS["a"], LEVELS["b"])
    ends = peer.confidence_interval(0.95)
    assert (row["first"], row["second"], row["seeds"]) == ("a", "b", 3)
    assert row["difference"] == pytest.approx(0.4 / 3)
    assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
    assert row["p"] == row["p_holm"] == pytest.approx(peer.pvalue)


def test_a_seed_that_one_lacks_is_no_pair_and_is_not_counted():
    table = matrix(without=("b-seed1",))
    row = compare(table, RUNS).iloc[0]
    assert row["seeds"] == 2
    assert row["difference"] == pytest.approx(0.15)
    assert summarise(table, RUNS).set_index("condition").loc["b", "seeds"] == 2


def test_numbers_of_stimuli_are_rows_of_their_own():
    runs = [planned("a", 0, 8), planned("b", 0, 16)]
    table = summarise(matrix(), runs)
    assert list(zip(table["condition"], table["stimuli"], strict=True)) == [("a", 8), ("b", 16)]
    assert compare(matrix(), runs).empty

"""Conditions compared along axes: tables, words and charts of a study."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from cogtrain.evaluation.run import Run
from cogtrain.study.conditions import _gaps, axes_table, conditions, tunings
from cogtrain.study.grid import expand
from cogtrain.study.summary import COLUMNS

SKILL = {"small": {"tower-small": 0.9, "tower-large": 0.6}, "base": {}}
ITEMS = 200


@pytest.fixture
def planned(read, complete):
    both = {"tuning": {"r": 4}}, {"tuning": {"r": 16}}
    train = [{"name": "tower-small", "count": 20, "size_px": 56, "factors": {"size": "small"}}]
    study = {f"rank-{one['tuning']['r']}": {"train": train} | one for one in both}
    return expand(read(conditions=study, stimuli=[20, 40]), complete)


@pytest.fixture
def runs(planned, tmp_path):
    """Runs that answer right as often as they should, better on what they trained on."""
    opened = {}
    for place, run in enumerate(planned):
        skill = {"tower-small": 0.8, "tower-large": 0.6} if run.seed is not None else {}
        rng = np.random.default_rng(place)
        rows = []
        for name in ("tower-small", "tower-large"):
            right = rng.random(ITEMS) < skill.get(name, 0.5)
            truth = np.where(np.arange(ITEMS) % 2, "no", "yes")
            said = np.where(right, truth, np.where(truth == "no", "yes", "no"))
            rows += [
                {
                    "observer_id": run.name,
                    "observer_kind": "model",
                    "stimulus_id": f"{item:04}",
                    "set": name,
                    "question": "will_fall",
                    "response": said[item],
                    "truth": truth[item],
                    "probability": 0.9 if said[item] == "yes" else 0.1,
                    "scale": "binary",
                }
                for item in range(ITEMS)
            ]
        folder = tmp_path / run.name
        folder.mkdir()
        pd.DataFrame(rows).to_parquet(folder / "judgments.parquet")
        (folder / "config.yaml").write_text(yaml.safe_dump(run.config))
        (folder / "manifest.json").write_text(json.dumps({"command": [run.verb]}))
        opened[run.name] = Run.open(folder)
    return opened


def right(run: Run, name: str) -> pd.Series:
    assert run.judgments is not None
    table = run.judgments.table
    table = table[table["set"] == name].set_index("stimulus_id")
    return (table["response"] == table["truth"]).astype(float)


def test_gains_and_gaps_are_those_of_the_answers(planned, runs):
    table = axes_table(planned, runs)
    assert list(table["axis"]) == ["same", "size"] * 4
    assert list(table["tuning"].unique()) == ["r 4", "r 16"]
    row = table[(table["condition"] == "rank-4") & (table["stimuli"] == 40)].iloc[1]
    names = ["rank-4-40-seed0", "rank-4-40-seed1"]
    gain = {
        place: [
            right(runs[name], place).mean() - right(runs["base"], place).mean() for name in names
        ]
        for place in ("tower-small", "tower-large")
    }
    assert row["gain"] == pytest.approx(np.mean(gain["tower-large"]))
    assert row["gain_sd"] == pytest.approx(np.std(gain["tower-large"], ddof=1))
    gaps = np.subtract(gain["tower-small"], gain["tower-large"])
    assert (row["gap"], row["gap_sd"]) == pytest.approx((np.mean(gaps), np.std(gaps, ddof=1)))
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    assert (row["sets"], row["n"], row["seeds"]) == (1, ITEMS, 2)
    # The stimuli that all seeds share, as the mean over seeds differs from stimulus to stimulus.
    mean = sum(right(runs[name], "tower-large") for name in names) / 2
    of_stimuli = (mean - right(runs["base"], "tower-large")).std(ddof=0) / np.sqrt(ITEMS)
    of_seeds = row["gain_sd"] / np.sqrt(2)
    half = (row["gain_high"] - row["gain_low"]) / 2
    assert half > 1.9 * np.hypot(of_stimuli, of_seeds)
    assert table[table["axis"] == "same"]["gap"].isna().all()


def test_the_section_says_it_and_draws_it(planned, runs, tmp_path):
    rows = [
        {
            "condition": run.condition,
            "stimuli": run.stimuli,
            "tested_on": "tower-small",
            "question": "will_fall",
            "metric": "accuracy",
            "mean": 0.5 + run.stimuli / 100,
            "low": 0.5,
            "high": 1.0,
            "n": ITEMS,
        }
        for run in planned
        if run.seed in (None, 0)
    ]
    summary = pd.DataFrame(rows, columns=list(COLUMNS))
    section = conditions(planned, summary, runs, tmp_path)
    assert [figure.id for figure in section.figures] == [
        "study_gains",
        "study_gaps",
        "study_learning",
    ]
    assert len(section.paragraphs) == 8
    assert section.paragraphs[1].startswith("rank-4 (20 stimuli) on structures of another size: ")
    assert "points (2 seeds, sd between seeds" in section.paragraphs[1]
    assert "; the gap to unseen stimuli of the same kind is +" in section.paragraphs[1]
    assert (tmp_path / "study_axes.csv").read_text().startswith("condition,tuning,stimuli,axis,")


def test_tuning_is_told_by_what_differs(planned):
    assert tunings(planned) == {"rank-4": "r 4", "rank-16": "r 16"}
    alike = [replace(run, config=planned[1].config) for run in planned]
    assert set(tunings(alike).values()) == {"all tuned alike"}


@pytest.mark.parametrize(
    ("tuning", "across"), [("r 4", "tuning"), ("r 4, weight_decay 0.1, max_epochs 3", "condition")]
)
def test_gaps_stand_over_what_is_tuned_unless_it_is_too_long_to_read(tuning, across):
    row = {"condition": "a", "tuning": tuning, "stimuli": 8, "axis": "size", "n": 9}
    table = pd.DataFrame([row | {"gap": 0.1, "gap_low": 0.0, "gap_high": 0.2}])
    chart = _gaps(table)
    encoding = chart.to_dict()["spec"]["layer"][-1]["encoding"]
    assert encoding["x"]["field"] == across
    assert "xOffset" not in encoding  # one condition has the place for itself

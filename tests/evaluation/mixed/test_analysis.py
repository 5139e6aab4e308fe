"""The verb `mixed`: what a user gets, on real towers and after a slip of the fingers."""

import re

import numpy as np
import pandas as pd
import pytest

from cogtrain import cli
from cogtrain.evaluation.mixed import format_mixed, mixed
from cogtrain.evaluation.mixed.analysis import LEAVE_ONE_OUT, NAIVE
from cogtrain.evaluation.mixed.fit import FORMULA
from cogtrain.evaluation.mixed.r_script import COLUMNS, R_SCRIPT
from cogtrain.judgments import Judgments

pytest.importorskip(
    "gpboost", reason="needs gpboost, the default engine; install the extra `stats`"
)

IDS = [f"s{number:02d}" for number in range(24)]
SOURCE = np.random.default_rng(8)
EVIDENCE = SOURCE.standard_normal(24)


def judged(name, answers, kind="model", ids=IDS, **columns):
    return Judgments.from_model(name, ids, answers, observer_kind=kind, **columns)


def people(count=8, ids=IDS, **columns):
    stream = np.random.default_rng(1)
    return Judgments.concat(
        judged(f"p{i}", EVIDENCE + stream.standard_normal(24) > 0, "human", ids, **columns)
        for i in range(count)
    )


def models():
    own = (EVIDENCE + np.random.default_rng(2).standard_normal(24) > 0).astype(float)
    own[3] = np.nan
    return Judgments.concat([judged("m", own), judged("always", np.ones(24))])


def cell(scores, observer, metric):
    found = scores[(scores["observer_id"] == observer) & (scores["metric"] == metric)]
    assert len(found) == 1
    return found.iloc[0]


def test_every_observer_and_both_human_bars_are_fitted():
    scores, trials = mixed(models(), people(), replicates=20)
    assert list(dict.fromkeys(scores["observer_id"])) == ["m", "always", NAIVE, LEAVE_ONE_OUT]
    slope = cell(scores, "m", "slope")
    assert slope["low"] < slope["value"] < slope["high"]
    assert (slope["n"], slope["people"], slope["chance"]) == (23, 8, 0)
    assert slope["reason"] == "left out: 8 of 192 pairs of stimulus and person without both"
    around = cell(scores, "m", "slope_resampled")
    assert around["value"] == slope["value"]
    assert 0 < cell(scores, "m", "pseudo_r")["value"] < 1
    always = cell(scores, "always", "pseudo_r")
    assert np.isnan(always["value"])
    assert always["reason"] == "the observer is constant: 1 for all 24 stimuli"
    naive, others = (cell(scores, name, "pseudo_r")["value"] for name in (NAIVE, LEAVE_ONE_OUT))
    assert 0 < others < naive < 1
    assert set(trials["analysis"]) == {"m", NAIVE, LEAVE_ONE_OUT}
    assert len(trials[trials["analysis"] == "m"]) == 23 * 8


def test_the_order_of_rows_does_not_matter():
    together = Judgments.concat([models(), people()]).table
    shuffled = together.sample(frac=1, random_state=0).reset_index(drop=True)
    first = mixed(Judgments(together), replicates=0).scores
    second = mixed(Judgments(shuffled), replicates=0).scores
    keys = ["observer_id", "metric"]
    first, second = (each.set_index(keys).sort_index()["value"] for each in (first, second))
    pd.testing.assert_series_equal(first, second, rtol=1e-2, atol=1e-3)


def test_swapping_the_answers_of_the_model_flips_its_sign():
    def answers(swap):
        own = judged("m", abs(swap - (EVIDENCE > 0.3)))
        return mixed(own, people(), replicates=0).scores

    for metric in ("slope", "pseudo_r"):
        value, other = (cell(answers(swap), "m", metric)["value"] for swap in (0, 1))
        assert value == pytest.approx(-other, abs=5e-3)


def test_sets_are_analysed_apart_and_disjoint_items_have_no_figure():
    elsewhere = [f"t{number:02d}" for number in range(24)]
    own = Judgments.concat(
        [judged("m", EVIDENCE > 0, set="towers"), judged("m", EVIDENCE > 0, ids=elsewhere, set="x")]
    )
    scores = mixed(own, people(set="towers"), replicates=0).scores
    towers = scores[scores["set"] == "towers"]
    assert np.isfinite(cell(towers, "m", "slope")["value"])
    for observer in ("m", NAIVE, LEAVE_ONE_OUT):
        row = cell(scores[scores["set"] == "x"], observer, "slope")
        assert np.isnan(row["value"])
        assert row["reason"].startswith("needs 2 people for random effects, got 0")
    row = cell(mixed(own.select(set="x"), people()).scores, "m", "slope")
    assert np.isnan(row["value"])
    assert row["reason"].startswith("needs 3 stimuli that both answered, got 0")
    assert "24 stimuli that no person was shown" in row["reason"]


def test_one_person_is_too_few():
    row = cell(mixed(models(), people(1)).scores, "m", "slope")
    assert np.isnan(row["value"])
    assert row["reason"].startswith("needs 2 people for random effects, got 1")


def test_a_graded_observer_is_gaussian_when_asked():
    graded = judged("m", 1 / (1 + np.exp(-EVIDENCE)))
    families = [
        set(trials.loc[trials["analysis"] == "m", "family"])
        for trials in (mixed(graded, people(), graded=each, replicates=0)[1] for each in (0, 1))
    ]
    assert families == [{"bernoulli"}, {"gaussian"}]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: mixed(models()), "expected people's answers to `will_fall`, got none; give"),
        (lambda: mixed(models(), people(), engine="lme4"), "gpboost or pymc, got `lme4`; choose"),
    ],
)
def test_mistakes_are_told(call, line):
    with pytest.raises(ValueError, match=line):
        call()


def test_the_verb_prints_and_writes(tmp_path, capsys):
    models().write(tmp_path / "models.csv")
    people().write(tmp_path / "people.parquet")
    words = [str(tmp_path / "models.csv"), "--humans", str(tmp_path / "people.parquet")]
    out = tmp_path / "analysis"
    assert cli.main(["mixed", *words, "--replicates", "5", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{FORMULA}\n")
    assert re.search(r"^always\s+-\s+8\s+24\s+undefined\s+-\s+-\s+undefined", shown, re.MULTILINE)
    assert "always: the observer is constant: 1 for all 24 stimuli" in shown
    assert shown.endswith(f"written: {out}\n")
    scores = pd.read_csv(out / "mixed.csv")
    text = {"set": "object", "reason": "object"}
    assert format_mixed(scores.astype(text).fillna(dict.fromkeys(text, ""))) in shown
    trials = pd.read_csv(out / "trials.csv")
    assert tuple(trials) == COLUMNS
    assert (out / "mixed.R").read_text() == R_SCRIPT


def test_a_mistake_on_the_command_line_is_one_line(tmp_path, capsys):
    models().write(tmp_path / "models.csv")
    assert cli.main(["mixed", str(tmp_path / "models.csv")]) == 2
    assert "got none; give a table of them by --humans" in capsys.readouterr().err
    assert cli.main(["mixed", str(tmp_path / "none.csv")]) == 2
    assert "no such file" in capsys.readouterr().err
    words = ["mixed", str(tmp_path / "models.csv"), "--engine", "lme4"]
    assert cli.main(words) == 2
    assert "lme4" in capsys.readouterr().err

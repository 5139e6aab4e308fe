import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cogtrain.evaluation.cell import PEOPLE, Scoring
from cogtrain.evaluation.score import COLUMNS, by_observer, read_truth, score, score_files
from cogtrain.judgments import Judgments
from cogtrain.metrics import accuracy, spearman

IDS = [f"s{number}" for number in range(30)]
SOURCE = np.random.default_rng(0)
TRUTH = ["yes" if value else "no" for value in SOURCE.integers(0, 2, 30)]
CODE = np.array([answer == "yes" for answer in TRUTH], dtype=float)
PROBABILITY = SOURCE.random(30)


def model(name="m", **columns):
    columns = {"set": "tower", "question": "will_fall", "truth": TRUTH} | columns
    return Judgments.from_model(name, IDS, PROBABILITY, **columns)


def people():
    answers = SOURCE.integers(0, 2, (4, 30))
    parts = [
        Judgments.from_model(f"p{i}", IDS, row, observer_kind="human")
        for i, row in enumerate(answers)
    ]
    return answers.astype(float), Judgments.concat(parts)


def cell(table, observer, metric):
    alone = table[table["versus"].isna()]
    row = alone[(alone["observer_id"] == observer) & (alone["metric"] == metric)]
    assert len(row) == 1
    return row.iloc[0]


def test_without_people_it_is_accuracy_per_observer_and_set():
    table = score(Judgments.concat([model("a"), model("b"), model("a", set="wood")]))
    alone = table[table["versus"].isna()]
    places = [["tower", "a"], ["tower", "b"], ["wood", "a"]]
    assert alone[["set", "observer_id"]].drop_duplicates().to_numpy().tolist() == places
    assert alone["metric"].unique().tolist() == [
        "accuracy", "d_prime", "criterion", "auroc", "brier", "log_loss", "calibration_error"
    ]  # fmt: skip
    row = cell(table[table["set"] == "wood"], "a", "accuracy")
    expected = accuracy(PROBABILITY, CODE)
    assert (row["value"], row["low"], row["high"], row["n"]) == expected[:4]


def test_with_people_it_is_alignment_too():
    answers, humans = people()
    table = score(model(), humans)
    expected = spearman(PROBABILITY, answers.mean(axis=0))
    assert cell(table, "m", "spearman")["value"] == pytest.approx(expected.value)
    for metric in (
        *("pearson", "kendall", "normalised_correlation", "error_consistency"),
        *("spearman_to_individuals", "human_likelihood", "mcfadden_r2"),
    ):
        assert cell(table, "m", metric)["n"] == 30
    accuracies = (answers == CODE).mean(axis=1)
    assert cell(table, PEOPLE, "human_accuracy")["value"] == pytest.approx(accuracies.mean())
    assert cell(table, PEOPLE, "human_accuracy_lowest")["value"] == accuracies.min()
    assert cell(table, PEOPLE, "human_accuracy_highest")["value"] == accuracies.max()


def test_people_in_the_same_table_are_people():
    _, humans = people()
    together = score(Judgments.concat([model(), humans]))
    apart = score(model(), humans)
    assert together.equals(apart)
    assert score(Judgments.concat([model(), humans]), humans).equals(apart)


def test_the_order_of_rows_does_not_change_the_numbers():
    _, humans = people()
    table = Judgments.concat([model(), humans]).table
    turned = Judgments(table.iloc[::-1].reset_index(drop=True))
    first, second = by_observer(score(Judgments(table))), by_observer(score(turned))
    assert first["m", "tower"]["spearman"] == second["m", "tower"]["spearman"]
    assert first["m", "tower"]["accuracy"] == second["m", "tower"]["accuracy"]


def test_a_saved_table_gives_the_numbers_that_were_logged(tmp_path):
    from cogtrain.metrics import SetMetrics

    _, humans = people()
    live = SetMetrics(humans)
    live.update(IDS, PROBABILITY, TRUTH)
    logged = live.compute()
    Judgments.concat([model(), humans]).write(tmp_path / "judgments.parquet")
    scored = by_observer(score(Judgments.read(tmp_path / "judgments.parquet")))["m", "tower"]
    assert {name: scored[name] for name in logged} == logged


def test_truth_can_come_from_elsewhere():
    table = score(model(truth=None), truth=dict(zip(IDS, TRUTH, strict=True)))
    assert cell(table, "m", "accuracy")["value"] == accuracy(PROBABILITY, CODE).value
    nothing = cell(score(model(truth=None)), "m", "accuracy")
    assert np.isnan(nothing["value"])
    assert nothing["reason"] == "no stimulus has a known answer"


def test_other_answers_than_yes_and_no_get_their_accuracy():
    colours = model(question="colour", response=["red"] * 30, truth=["red"] * 15 + ["blue"] * 15)
    table = colours.table
    table["probability"] = np.nan
    row = cell(score(Judgments(table)), "m", "accuracy")
    assert (row["value"], row["n"]) == (0.5, 30)
    assert np.isnan(row["chance"])


def test_only_people_are_scored_together():
    _, humans = people()
    table = score(humans.with_truth(dict(zip(IDS, TRUTH, strict=True))))
    assert set(table["observer_id"]) == {PEOPLE}
    assert (PEOPLE, "") in by_observer(table)


def test_nothing_gives_an_empty_table():
    assert len(score(Judgments.concat([]))) == 0


FILES = ("model_judgments.csv", "human_judgments.csv", "stimuli.csv")


@pytest.fixture(scope="module")
def printed(lerer_towers):
    models, humans, truth = (lerer_towers / name for name in FILES)
    return score_files([models], humans, truth)


def test_prints_every_published_figure(printed):
    rows = {}
    for line in printed.splitlines():
        rows.setdefault(tuple(line.split()[:3]), line)
    published = {"GPT-4V": 60, "CLAUDE-3": 58, "OTTER": 50, "FUYU": 45, "ADAPTER": 49}
    for name, percent in published.items():
        assert f"{percent}.00 %" in rows[name, "-", "accuracy"]
        assert "65.61 % (range 54 to 75, majority 73.00 %)" in rows[name, "-", "accuracy"]
    spearman = {"GPT-4V": "0.2479", "CLAUDE-3": "0.0240", "OTTER": "0.0005"}
    for name, value in spearman.items():
        row = rows[name, "-", "spearman_to_individuals"]
        assert row.split()[3] == value
        assert row.endswith("(naive 0.5687)")
    for name in ("FUYU", "ADAPTER"):
        assert "undefined" in rows[name, "-", "spearman_to_individuals"]
    for name in published:
        assert rows[name, "-", "error_consistency"].split()[-3] == "0.2458"  # people with people


def test_prints_sections_reasons_differences_and_counts(printed):
    headings = [line for line in printed.splitlines() if line and "  " not in line]
    for section in ("accuracy", "sensitivity and bias", "alignment with people", "people"):
        assert section in headings
    assert "probabilities" not in headings, "choices have none, and a line says so"
    assert "OTTER, brier, log_loss, calibration_error, human_likelihood, mcfadden_r2: choices" in (
        printed
    )
    assert "the observer is constant: 1 for all 100 stimuli" in printed
    assert "FUYU, accuracy: 1 of 100 not answered, counted as wrong" in printed
    assert "GPT-4V - CLAUDE-3" in printed
    assert printed.endswith(
        "observers: 500 judgments of 5 on 100 stimuli, 1 empty\n"
        "people: 10700 judgments of 107 on 100 stimuli, 0 empty"
    )


def test_differences_are_paired_and_corrected_over_the_table():
    _, humans = people()
    other = Judgments.from_model("n", IDS, 1 - PROBABILITY, set="tower", question="will_fall")
    table = score(Judgments.concat([model(), other]), humans)
    pairs = table[table["versus"].notna()]
    assert pairs[["observer_id", "versus"]].drop_duplicates().to_numpy().tolist() == [["m", "n"]]
    row = pairs[pairs["metric"] == "spearman"].iloc[0]
    each = [cell(table, name, "spearman")["value"] for name in ("m", "n")]
    assert row["value"] == pytest.approx(each[0] - each[1])
    tested = table[(table["metric"] == "spearman") & table["versus"].isna()].dropna(subset=["p"])
    assert (tested["p_holm"] >= tested["p"]).all()
    assert (tested["p_bh"] <= tested["p_holm"]).all()


def test_many_observers_are_compared_with_a_named_one_only():
    crowd = Judgments.concat([model(f"m{i}") for i in range(8)])
    assert score(crowd)["versus"].isna().all()
    table = score(crowd, scoring=Scoring(against="m3", resampling={"replicates": 20}))
    assert set(table["versus"].dropna()) == {"m3"}
    assert len(table[table["versus"].notna()]["observer_id"].unique()) == 7
    with pytest.raises(ValueError, match=r"`against` to be one of m0, .*, got 'base'"):
        score(crowd, scoring=Scoring(against="base"))


def test_margins_give_slopes(tmp_path):
    _, humans = people()
    stimuli = tmp_path / "stimuli.csv"
    rows = [
        f"{name},{SOURCE.normal():.3f},{answer}" for name, answer in zip(IDS, TRUTH, strict=True)
    ]
    stimuli.write_text("stimulus_id,margin_m,will_fall\n" + "\n".join(rows))
    model().write(tmp_path / "m.csv")
    humans.write(tmp_path / "p.csv")
    text = score_files([tmp_path / "m.csv"], tmp_path / "p.csv", stimuli)
    assert "psychometric_slope_ratio" in text
    row = next(line for line in text.splitlines() if "psychometric_slope " in line)
    assert row.rstrip().endswith("]"), "people's slope stands beside"


def test_several_tables_go_in_and_the_whole_table_comes_out(tmp_path):
    paths = [tmp_path / name for name in ("a.csv", "b.parquet")]
    for name, path in zip("ab", paths, strict=True):
        model(name).write(path)
    text = score_files(paths, out=tmp_path / "scores.parquet")
    assert "a - b" in text
    table = pd.read_parquet(tmp_path / "scores.parquet")
    assert set(table["observer_id"]) == {"a", "b"}
    assert list(table.columns) == list(COLUMNS)
    fields = ("n", "chance", "low", "high")
    assert table[table["metric"] == "accuracy"][list(fields)].notna().to_numpy()[:2].all()


def test_a_judgment_in_two_tables_names_both(tmp_path):
    for name in ("a.csv", "b.csv"):
        model().write(tmp_path / name)
    with pytest.raises(ValueError, match=r"`m` on stimulus `s0` in `.*a\.csv` and in `.*b\.csv`"):
        score_files([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_the_seed_fixes_the_whole_table():
    _, humans = people()
    first, again, other = (
        score(model(), humans, scoring=Scoring(resampling={"seed": seed, "replicates": 50}))
        for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first["low"].equals(other["low"])


def test_impossible_resampling_is_named():
    with pytest.raises(ValueError, match="`replicates` to be at least 1, got 0"):
        Scoring(resampling={"replicates": 0})
    with pytest.raises(ValueError, match="`seed` to be at least 0, got -1"):
        score(model(), scoring=Scoring(resampling={"seed": -1}))


def test_counts_have_their_error():
    counts = model(question="block_count", response=["3"] * 30, truth=["4"] * 30, scale="count")
    table = counts.table
    table["probability"] = np.nan
    row = cell(score(Judgments(table)), "m", "mean_absolute_error")
    assert (row["value"], row["n"]) == (1.0, 30)


def test_files_that_do_not_fit_are_named(tmp_path):
    stimuli = tmp_path / "stimuli.csv"
    stimuli.write_text("stimulus_id,falls\n1,1\n")
    with pytest.raises(ValueError, match=r"`will_fall` in `.*stimuli\.csv`, got .*`falls`"):
        read_truth(stimuli, "will_fall")
    answers = tmp_path / "answers.csv"
    answers.write_text("observer_id,stimulus_id,response\nm,1,1\n")
    strangers = tmp_path / "people.csv"
    strangers.write_text("observer_id,stimulus_id,response\np,2,1\n")
    with pytest.raises(ValueError, match=r"people\.csv`, got 1 unknown `stimulus_id`: `2`"):
        score_files([answers], strangers)


def test_scoring_needs_no_torch(repository):
    code = (
        "import sys, cogtrain.judgments, cogtrain.evaluation.score, cogtrain.evaluation.report\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository)

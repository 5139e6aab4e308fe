import subprocess
import sys

import numpy as np
import pytest

from cogtrain.evaluation.score import PEOPLE, by_observer, read_truth, score, score_files
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
    row = table[(table["observer_id"] == observer) & (table["metric"] == metric)]
    assert len(row) == 1
    return row.iloc[0]


def test_without_people_it_is_accuracy_per_observer_and_set():
    table = score(Judgments.concat([model("a"), model("b"), model("a", set="wood")]))
    assert table[["set", "observer_id", "metric"]].to_numpy().tolist() == [
        ["tower", "a", "accuracy"],
        ["tower", "b", "accuracy"],
        ["wood", "a", "accuracy"],
    ]
    row = cell(table[table["set"] == "wood"], "a", "accuracy")
    expected = accuracy(PROBABILITY, CODE)
    assert (row["value"], row["low"], row["high"], row["n"]) == expected[:4]


def test_with_people_it_is_alignment_too():
    answers, humans = people()
    table = score(model(), humans)
    expected = spearman(PROBABILITY, answers.mean(axis=0))
    assert cell(table, "m", "spearman")["value"] == pytest.approx(expected.value)
    for metric in ("pearson", "error_consistency", "spearman_to_individuals"):
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


def test_prints_the_real_models(lerer_towers):
    names = ("model_judgments", "human_judgments", "stimuli")
    text = score_files(*(lerer_towers / f"{name}.csv" for name in names))
    rows = {tuple(line.split()[:3]): line for line in text.splitlines()}
    assert "60.00 %" in rows["GPT-4V", "-", "accuracy"]
    assert "65.61 % (range 54 to 75, majority 73.00 %)" in rows["GPT-4V", "-", "accuracy"]
    assert "0.2479" in rows["GPT-4V", "-", "spearman_to_individuals"]
    assert "0.0240" in rows["CLAUDE-3", "-", "spearman_to_individuals"]
    assert "0.0005" in rows["OTTER", "-", "spearman_to_individuals"]
    assert "0.5687 [" in rows["GPT-4V", "-", "spearman_to_individuals"]
    assert "undefined" in rows["ADAPTER", "-", "spearman"]
    assert "ADAPTER, spearman: the observer is constant: 1 for all 100 stimuli" in text


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
        score_files(answers, strangers)


def test_scoring_needs_no_torch(repository):
    code = (
        "import sys, cogtrain.judgments, cogtrain.evaluation.score, cogtrain.evaluation.report\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository)

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import binomtest

from cogtrain.evaluation.generalization import generalization
from cogtrain.evaluation.repetitions import repetitions_by_axis
from cogtrain.evaluation.run import Run
from cogtrain.evaluation.transfer import bases_of, transfer, transfer_by_axis
from cogtrain.judgments import Judgments
from cogtrain.metrics import holm

SETS = {"small": {"size": "small"}, "large": {"size": "large"}}
N = 80
TRUTH = np.array(["yes", "no"] * (N // 2))


def make_run(folder, skill, *, train, seed, controls=(), pretrained="tiny"):
    """A run that is right with the probability `skill` of each set, and guesses under controls."""
    source, parts = np.random.default_rng(seed), []
    skill = skill | {f"{name}~{control}": 0.5 for name in SETS for control in controls}
    for name in skill:
        right = source.random(N) < skill[name]
        belief = np.where(right == (TRUTH == "yes"), 0.8, 0.2)
        ids = [f"{name}{number}" for number in range(N)]
        told = {"set": name, "question": "will_fall", "truth": list(TRUTH)}
        parts.append(Judgments.from_model("model", ids, belief, **told))
        for person in range(4):
            said = (np.random.default_rng(person).random(N) < 0.5).astype(float)
            kind = {"observer_kind": "human", "set": name, "question": "will_fall"}
            parts.append(Judgments.from_model(f"p{person}", ids, said, **kind))
    counts = [str(2 + number % 3) for number in range(N)]
    said = [count if source.random() < 0.7 else "9" for count in counts]
    ids = [f"small{number}" for number in range(N)]
    told = {"scale": "count", "set": "small", "question": "block_count", "truth": counts}
    parts.append(Judgments.from_choices("model", ids, said, **told))
    folder.mkdir()
    Judgments.concat(parts).write(folder / "judgments.parquet")
    (folder / "manifest.json").write_text(json.dumps({"command": ["fit" if train else "test"]}))
    declared = [{"name": name, "factors": factors} for name, factors in SETS.items()]
    trained = [each for each in declared if each["name"] in train]
    data = {"train": trained, "test": declared, "controls": list(controls)}
    config = {"model": {"pretrained": pretrained}, "data": data}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return Run.open(folder)


@pytest.fixture
def runs(tmp_path):
    return {
        "base": make_run(tmp_path / "base", {"small": 0.5, "large": 0.5}, train=(), seed=1),
        "on small": make_run(
            tmp_path / "small", {"small": 0.95, "large": 0.55}, train=("small",), seed=2
        ),
    }


def answers(run, name):
    table = run.judgments.split_people()[1].select(set=name, question="will_fall").table
    return np.asarray(table["response"] == table["truth"])


def test_every_cell_is_the_plain_share(runs):
    table = transfer(runs)
    accuracies = table[(table["metric"] == "accuracy") & (table["question"] == "will_fall")]
    assert len(accuracies) == 4
    for row in accuracies.itertuples():
        assert row.value == pytest.approx(answers(runs[row.trained_on], row.tested_on).mean())
        assert row.n == N


def test_a_change_is_paired_and_tested_like_mcnemar(runs):
    table = transfer(runs)
    own = table[(table["trained_on"] == "on small") & (table["metric"] == "accuracy")]
    for row in own[own["question"] == "will_fall"].itertuples():
        after, before = (answers(runs[name], row.tested_on) for name in ("on small", "base"))
        assert row.change == pytest.approx(after.mean() - before.mean())
        assert row.change_low < row.change < row.change_high
        gained, lost = (after & ~before).sum(), (before & ~after).sum()
        exact = binomtest(int(gained), int(gained + lost)).pvalue
        assert row.p == pytest.approx(exact, abs=0.05)
    assert (own["p_holm"] >= own["p"]).all()


def test_axes_come_from_the_configs(runs):
    table = transfer(runs)
    own = table[(table["trained_on"] == "on small") & (table["metric"] == "accuracy")]
    axes = dict(zip(zip(own["tested_on"], own["question"], strict=True), own["axis"], strict=True))
    assert axes == {
        ("small", "will_fall"): "same",
        ("large", "will_fall"): "size",
        ("small", "block_count"): "perception",
    }
    assert set(table[table["trained_on"] == "base"]["axis"]) == {""}


def test_controls_are_an_axis_of_their_own(tmp_path):
    runs = {
        name: make_run(tmp_path / f"{name}~", skill, train=train, seed=seed, controls=["blank"])
        for name, skill, train, seed in (
            ("base", {"small": 0.5, "large": 0.5}, (), 1),
            ("on small", {"small": 0.95, "large": 0.55}, ("small",), 2),
        )
    }
    table = transfer(runs)
    own = table[(table["metric"] == "accuracy") & (table["axis"] == "control")]
    assert list(own["tested_on"]) == ["small~blank", "large~blank"] * 2
    for row in own.itertuples():
        right = answers(runs[row.trained_on], row.tested_on)
        assert row.value == pytest.approx(right.mean())
        assert row.low < 0.5 < row.high
    assert "control" not in set(transfer_by_axis(runs)["axis"])
    others = table[(table["metric"] == "accuracy") & (table["axis"] != "control")]
    assert list(others["p_holm"].dropna()) == list(holm(others["p"].dropna().to_numpy()))


def test_alignment_stands_beside(runs):
    table = transfer(runs)
    kinds = table.groupby("metric").size()
    assert kinds["spearman"] == kinds["error_consistency"] == 4
    assert kinds["accuracy"] == 6  # the count question has no alignment


def test_along_an_axis_sets_are_averaged(runs):
    along = transfer_by_axis(runs).set_index("axis")
    assert set(along.index) == {"same", "size", "perception"}
    after, before = (answers(runs[name], "small") for name in ("on small", "base"))
    assert along.loc["same", "value"] == pytest.approx(after.mean() - before.mean())
    assert along.loc["same", "low"] > 0.2
    assert along.loc["size", "low"] < 0 < along.loc["size", "high"]


def test_without_a_base_there_is_no_change(runs):
    table = transfer({"on small": runs["on small"]})
    assert table["change"].isna().all()
    assert len(transfer_by_axis({"on small": runs["on small"]})) == 0


def test_the_base_can_be_named(runs):
    table = transfer(runs, "on small")
    change = table[table["trained_on"] == "base"].set_index(["tested_on", "metric"])["change"]
    assert change["small", "accuracy"].iloc[0] < -0.2
    with pytest.raises(ValueError, match=r"one of base, on small, got 'none'"):
        transfer(runs, "none")


@pytest.fixture
def of_two_sizes(tmp_path):
    """A base and a trained run of each of two checkpoints, and one whose base is not among them."""
    made = {}
    for seed, size in enumerate(("3b", "7b")):
        skill = {"small": 0.4 + 0.2 * seed, "large": 0.5}
        for name, more, train in ((f"base {size}", 0.0, ()), (f"on small {size}", 0.3, ("small",))):
            told = {"train": train, "seed": 10 * seed + len(train), "pretrained": size}
            made[name] = make_run(tmp_path / name, skill | {"small": skill["small"] + more}, **told)
    told = {"train": ("small",), "seed": 99, "pretrained": "32b"}
    made["alone"] = make_run(tmp_path / "alone", {"small": 0.9, "large": 0.5}, **told)
    return made


def test_each_run_is_compared_with_the_checkpoint_it_trained_from(of_two_sizes, tmp_path):
    bases = {"on small 3b": "base 3b", "on small 7b": "base 7b"}
    assert bases_of(of_two_sizes) == bases
    table = transfer(of_two_sizes)
    rows = table[(table["metric"] == "accuracy") & (table["question"] == "will_fall")]
    for row in rows.itertuples():
        if row.trained_on in bases:
            after, before = (
                answers(of_two_sizes[name], row.tested_on)
                for name in (row.trained_on, bases[row.trained_on])
            )
            assert row.change == pytest.approx(after.mean() - before.mean())
        else:
            assert np.isnan(row.change)
    along = transfer_by_axis(of_two_sizes)
    assert dict(zip(along["trained_on"], along["base"], strict=True)) == bases
    groups = {"3b": ["on small 3b"], "7b": ["on small 7b"]}
    gains = repetitions_by_axis(of_two_sizes, groups).set_index(["group", "axis"])["gain"]
    for size in groups:
        after, before = (
            answers(of_two_sizes[f"{w} {size}"], "small") for w in ("on small", "base")
        )
        assert gains[size, "same"] == pytest.approx(after.mean() - before.mean())
    words = generalization(of_two_sizes, tmp_path).paragraphs
    assert words[0].startswith("No change is shown for alone: add a `test` run of the checkpoint")
    assert any("from base 7b, a gain" in each for each in words)


def test_bases_can_be_named_one_by_one(of_two_sizes):
    assert bases_of(of_two_sizes, {"alone": "base 7b"}) == {"alone": "base 7b"}
    with pytest.raises(ValueError, match=r"one of base 3b, .*, got 'none'"):
        bases_of(of_two_sizes, {"alone": "none"})


def test_the_same_seed_gives_the_same_table(runs):
    pd.testing.assert_frame_equal(transfer(runs), transfer(runs))

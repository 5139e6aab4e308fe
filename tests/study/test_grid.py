"""What a study expands to, and the ids of its runs."""

import copy
from pathlib import Path

import pytest

from cogtrain.study.grid import expand, steps_of, table


def test_every_condition_number_and_seed_once_and_the_base_first(read, complete):
    runs = expand(read(stimuli=[8, 16]), complete)
    assert [run.name for run in runs] == [
        "base",
        *(f"small-{n}-seed{seed}" for n in (8, 16) for seed in (0, 1)),
        *(f"joint-{n}-seed{seed}" for n in (8, 16) for seed in (0, 1)),
    ]
    assert {run.verb for run in runs[1:]} == {"fit"}
    assert (runs[0].verb, runs[0].stimuli, runs[0].seed, runs[0].steps) == ("test", 0, None, 0)
    joint = runs[-1].config["data"]["train"]
    assert [each["count"] for each in joint] == [8, 8]
    assert [run.stimuli for run in runs[1:]] == [8, 8, 16, 16, 8, 8, 16, 16]


def test_one_number_needs_no_mark_and_none_leaves_the_sets_own(read, complete):
    assert [run.name for run in expand(read(stimuli=[8]), complete)][1] == "small-seed0"
    runs = expand(read(), complete)
    assert [run.stimuli for run in runs] == [0, 20, 20, 40, 40]


def test_all_are_tested_on_the_same_and_validated_on_unseen(read, complete):
    runs = expand(read(), complete)
    assert all(run.config["data"]["test"] == runs[0].config["data"]["test"] for run in runs)
    for run in runs[1:]:
        names = [each["name"] for each in run.config["data"]["train"]]
        assert [each["name"] for each in run.config["data"]["val"]] == names
        assert {each["count"] for each in run.config["data"]["val"]} == {8}
        assert len({run.sets[f"{part}/tower-small"] for part in ("train", "val", "test")}) == 3


def test_a_condition_says_its_target_its_tuning_and_its_optimizer(read, complete):
    own = {"humans": 0.5, "tuning": {"r": 4}, "optimizer": {"weight_decay": 0.1}}
    train = [{"name": "tower-small", "count": 20}]
    study = read(
        conditions={"people": {"train": train, **own}, "truth": {"train": train}},
        model={"tuning": {"r": 8}},
        optimizer={"lr": 0.5, "weight_decay": 0.0},
    )
    people, truth = (expand(study, complete)[place].config for place in (1, 3))
    assert people["model"]["objective"] == {"humans": 0.5}
    assert truth["model"]["objective"] == {"humans": 0.0}
    assert (people["model"]["tuning"]["r"], truth["model"]["tuning"]["r"]) == (4, 8)
    assert people["optimizer"] == {"lr": 0.5, "weight_decay": 0.1}
    assert truth["optimizer"] == {"lr": 0.5, "weight_decay": 0.0}


def test_a_condition_differs_in_any_option_at_any_depth(read, complete):
    train = [{"name": "tower-small", "count": 20}]
    own = {
        "trainer": {"max_epochs": 3},
        "data": {"batch_size": 4},
        "lr_scheduler": {"warmup": 0.5},
        "eval": {"best": {"patience": 2}},
    }
    study = read(
        conditions={"patient": {"train": train, **own}, "plain": {"train": train}},
        eval={"best": {"metric": "val/loss"}, "stimuli": 3},
    )
    patient, plain = (expand(study, complete)[place].config for place in (1, 3))
    assert (patient["trainer"]["max_epochs"], plain["trainer"]["max_epochs"]) == (3, 1)
    assert patient["trainer"]["accelerator"] == "cpu"
    assert (patient["data"]["batch_size"], plain["data"]["batch_size"]) == (4, 64)
    assert patient["lr_scheduler"] == {"warmup": 0.5}
    assert patient["eval"] == {"best": {"metric": "val/loss", "patience": 2}, "stimuli": 3}
    assert plain["eval"] == {"best": {"metric": "val/loss"}, "stimuli": 3}


BASES = {
    "3b": {"model": {"pretrained": "some/3b"}},
    "7b": {"model": {"pretrained": "some/7b"}, "data": {"batch_size": 8}},
}


def test_every_base_is_tested_and_trained_in_every_condition(read, complete):
    runs = expand(read(bases=BASES, seeds=[0]), complete)
    assert [(run.name, run.base, run.condition) for run in runs] == [
        ("base-3b", "base-3b", "base-3b"),
        ("base-7b", "base-7b", "base-7b"),
        ("3b-small-seed0", "base-3b", "3b-small"),
        ("3b-joint-seed0", "base-3b", "3b-joint"),
        ("7b-small-seed0", "base-7b", "7b-small"),
        ("7b-joint-seed0", "base-7b", "7b-joint"),
    ]
    assert [run.is_base for run in runs] == [True, True, False, False, False, False]
    for run in runs:
        size = "3b" if "3b" in run.name else "7b"
        assert run.config["model"]["pretrained"] == f"some/{size}"
        assert run.config["data"]["batch_size"] == (64 if size == "3b" else 8)


def test_names_that_meet_are_refused(read, complete):
    x, b_x = ([{"name": "tower-small", "count": count}] for count in (20, 40))
    conditions = {"x": {"train": x}, "b-x": {"train": b_x}}
    bases = {"a-b": BASES["3b"], "a": BASES["7b"]}
    with pytest.raises(ValueError, match=r"of different names, got `a-b-x-seed0` twice"):
        expand(read(bases=bases, conditions=conditions), complete)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"lr": 0.1}},
        {"trainer": {"accelerator": "cpu", "devices": 1, "max_epochs": 2}},
        {"test": [{"name": "tower-small", "count": 21}]},
        {"validation": 9},
        {"model": {"pretrained": "other"}},
    ],
)
def test_any_change_is_another_id(read, complete, changes):
    def ids(study):
        return {run.name: run.id for run in expand(study, complete)}

    before, after = ids(read()), ids(read(**changes))
    assert before == ids(read())
    assert len(set(before.values())) == len(before)
    assert before["small-seed0"] != after["small-seed0"]


def test_another_condition_or_seed_leaves_the_ids_of_the_others(read, complete):
    def ids(study):
        return {run.name: run.id for run in expand(study, complete)}

    before, after = ids(read()), ids(read(seeds=[0, 1, 7], name="other"))
    assert before.items() < after.items()


def people(path: Path, *, response: str = "yes") -> dict[str, object]:
    path.write_text(f"observer_id,stimulus_id,response\np,0,{response}\n", encoding="utf-8")
    train = [{"name": "tower-small", "count": 20, "humans": str(path)}]
    return {"conditions": {"people": {"train": train, "humans": 1.0}}}


def test_ids_know_what_people_said_and_not_where_it_is_written(read, complete, tmp_path):
    def one(**options):
        return expand(read(**options), complete)[1]

    here = one(**people(tmp_path / "here.csv"))
    there = one(**people(tmp_path / "there.csv"))
    changed = one(**people(tmp_path / "here.csv", response="no"))
    assert here.id == there.id
    assert here.config["data"]["train"][0]["humans"] == str(tmp_path / "here.csv")
    assert here.config["data"]["val"][0]["humans"] is None
    assert changed.id != here.id
    assert changed.sets["train/tower-small"] != here.sets["train/tower-small"]


def test_two_runs_with_one_id_are_refused(read, complete):
    train = [{"name": "tower-small", "count": 20}]
    study = read(conditions={"one": {"train": train}, "two": {"train": train}})
    with pytest.raises(
        ValueError, match=r"every run once, got `one-seed0` and `two-seed0` .*\(id \w{16}\)"
    ):
        expand(study, complete)


def test_stimuli_that_cannot_be_shared_are_refused(read, complete):
    with pytest.raises(ValueError, match=r"2 sets of condition `joint`.*got 7; give a multiple"):
        expand(read(stimuli=[7]), complete)


def test_two_sets_of_one_name_are_refused(read, complete):
    twins = [{"name": "tower-small", "count": 5}, {"name": "tower-small", "count": 6}]
    with pytest.raises(ValueError, match=r"one set per name, got `train/tower-small` twice"):
        expand(read(conditions={"twins": {"train": twins}}), complete)


@pytest.mark.parametrize(
    ("trainer", "data", "steps"),
    [
        ({}, {}, 2),  # 130 of 64: three batches, two of them a step
        ({"max_epochs": 3}, {}, 6),
        ({"max_epochs": 3, "max_steps": 4}, {}, 4),
        ({"max_epochs": -1, "max_steps": 4}, {}, 4),
        ({"max_epochs": -1}, {}, None),
        ({"devices": 2}, {}, 1),
        ({"devices": 2, "num_nodes": 2}, {}, 1),
        ({"devices": "auto"}, {}, None),
        ({"limit_train_batches": 2}, {}, None),
        ({}, {"shares": [1.0]}, None),
        ({}, {"batch_size": 1}, 65),
    ],
)
def test_steps_follow_from_the_config(read, complete, trainer, data, steps):
    config = copy.deepcopy(expand(read(stimuli=[130]), complete)[1].config)
    config["trainer"] |= {"accumulate_grad_batches": 2} | trainer
    config["data"] |= data
    assert steps_of(config) == steps


def test_the_table_has_a_line_per_run(read, complete):
    runs = expand(read(stimuli=[1280]), complete)
    lines = table(runs).splitlines()
    assert lines[0].split() == ["run", "id", "trained", "on", "stimuli", "steps", "seed"]
    assert lines[2].split() == ["base", runs[0].id, "-", "0", "0", "-"]
    assert lines[5].split()[-7:] == [
        runs[3].id,
        "tower-small",
        "+",
        "pyramid-small",
        "1,280",
        "20",
        "0",
    ]
    assert lines[-1] == "5 runs, 5,120 training stimuli, 80 steps"

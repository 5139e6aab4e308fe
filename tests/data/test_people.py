from dataclasses import replace

import pytest
import torch

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.people import People
from cogtrain.data.recipe import Recipe

SMALL = Recipe(name="small", count=6, size_px=56)
OTHER = Recipe(name="other", count=6, size_px=56, seed=1)


@pytest.fixture(scope="module")
def ids():
    return SMALL.build("train").ids


@pytest.fixture(scope="module")
def table(ids, tmp_path_factory):
    """Three people; the fifth stimulus was answered by one, the last by nobody."""
    answers = {"p1": "110010", "p2": "100 0 ", "p3": "1000  "}
    rows = [
        f"{name},{stimulus},{answer}"
        for name, given in answers.items()
        for stimulus, answer in zip(ids[:5], given, strict=False)
        if answer.strip()
    ]
    path = tmp_path_factory.mktemp("people") / "people.csv"
    path.write_text("\n".join(["observer_id,stimulus_id,response", *rows]))
    return path


@pytest.fixture(scope="module")
def people(table):
    return People.of(SMALL.build("train"), table)


def test_proportions_are_those_of_who_answered(people, ids):
    of = [people.proportions(name, "will_fall") for name in ids]
    assert of[0] == {"yes": 1.0}
    assert of[1] == pytest.approx({"yes": 1 / 3, "no": 2 / 3})
    assert of[4] == pytest.approx({"yes": 0.5, "no": 0.5})
    assert of[5] is None
    assert people.unanswered(ids) == [ids[5]]


def test_every_trial_has_its_turn_and_keeps_its_observer(people, ids):
    for seed in range(3):
        trials = [people.trial(ids[1], "will_fall", seed=seed, epoch=epoch) for epoch in range(6)]
        assert sorted(trial.observer for trial in trials[:3]) == ["p1", "p2", "p3"]
        assert trials[:3] == trials[3:]
        assert {trial.observer: trial.shares for trial in trials} == {
            "p1": {"yes": 1.0},
            "p2": {"no": 1.0},
            "p3": {"no": 1.0},
        }
    assert people.trial(ids[5], "will_fall", seed=0, epoch=0) is None
    firsts = {people.trial(ids[1], "will_fall", seed=s, epoch=0).observer for s in range(20)}
    assert firsts == {"p1", "p2", "p3"}


def test_a_rating_is_of_the_first_option(ids, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(f"observer_id,stimulus_id,response\np1,{ids[0]},0.8\np2,{ids[0]},0.4\n")
    shares = People.of(SMALL.build("train"), path).proportions(ids[0], "will_fall")
    assert shares == pytest.approx({"yes": 0.6, "no": 0.4})


def test_refuses_people_of_other_stimuli(tmp_path):
    path = tmp_path / "strange.csv"
    path.write_text("observer_id,stimulus_id,response\np1,nothing,1\n")
    with pytest.raises(ValueError, match=r"expected only stimuli of the set .* `nothing`"):
        People.of(SMALL.build("train"), path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        replace(SMALL, humans=tmp_path / "nowhere.csv").build("train")


def batches(module):
    return list(module.train_dataloader())


def test_a_batch_holds_proportions_where_people_answered(table, people):
    module = StimuliDataModule([replace(SMALL, humans=table), OTHER], [], [], batch_size=12)
    (batch,) = batches(module)
    for name, of, observer, stimulus in zip(
        batch["set"], batch["people"], batch["observer"], batch["ids"], strict=True
    ):
        expected = people.proportions(stimulus, "will_fall") if name == "small" else None
        assert of == expected
        assert observer is None
    assert {name: len(ids) for name, ids in module.unanswered().items()} == {"small": 1, "other": 6}


def test_trials_follow_the_epoch_and_nothing_else(table, people):
    recipe = replace(SMALL, humans=table)

    def epochs(batch_size):
        module = StimuliDataModule([recipe], [], [], batch_size=batch_size, seed=4, people="trials")
        loader = module.train_dataloader()
        for _ in range(3):
            yield {
                stimulus: (of, observer)
                for batch in loader
                for stimulus, of, observer in zip(
                    batch["ids"], batch["people"], batch["observer"], strict=True
                )
            }

    by_two, by_three = list(epochs(2)), list(epochs(3))
    assert by_two == by_three
    for epoch, answers in enumerate(by_two):
        for stimulus, (of, observer) in answers.items():
            trial = people.trial(stimulus, "will_fall", seed=4, epoch=epoch)
            assert (
                (of, observer) == (None, None) if trial is None else (trial.shares, trial.observer)
            )


def test_sets_count_as_they_are_told():
    module = StimuliDataModule([SMALL, OTHER], [], [], batch_size=8, weights=[2.0, 0.5])
    for batch in batches(module):
        weights = {"small": 2.0, "other": 0.5}
        own = torch.tensor([weights[name] for name in batch["set"]])
        assert ((batch["weights"] == own) | (batch["weights"] == 0)).all()
    assert (batch["weights"] == 0).sum() == 4


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "one of `data.weights` per set of `data.train`, got 1 for 2"),
        ([1.0, -1.0], r"from 0 up, and one above it, got \[1.0, -1.0\]"),
        ([0.0, 0.0], r"from 0 up, and one above it, got \[0.0, 0.0\]"),
    ],
)
def test_refuses_weights_that_cannot_be(weights, message):
    with pytest.raises(ValueError, match=message):
        StimuliDataModule([SMALL, OTHER], [], [], weights=weights).build()

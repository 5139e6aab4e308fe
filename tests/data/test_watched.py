"""What validations judge of the tested sets."""

from dataclasses import replace

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe

SMALL = Recipe(name="small", count=10, factors={"size": "small"}, size_px=56)
LARGE = replace(SMALL, name="large", factors={"size": "large"})


def data(**options):
    parts = {"train": [SMALL, LARGE], "val": [SMALL], "test": [SMALL, LARGE]} | options
    return StimuliDataModule(**parts, batch_size=4, eval_batch_size=8, seed=1)


def test_watches_others_of_the_kind_that_is_tested():
    module = data(test=[SMALL, LARGE, replace(LARGE, name="more", count=3)])
    module.watch(4)
    parts = module.build()
    assert [(each.name, len(each)) for each in parts["watch"]] == [("large", 4), ("more", 3)]
    assert not set(parts["watch"][0].ids) & set(parts["test"][1].ids)
    assert list(module.val_dataloader()) == ["small", "large", "more"]
    assert list(module.test_dataloader()) == ["small", "large", "more"]
    assert module.tested_while_watched() == []


def test_watches_some_of_those_that_people_judged(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("observer_id,stimulus_id,response\n")
    module = data(test=[replace(LARGE, humans=people)], controls=["blank"])
    module.watch(4)
    parts = module.build()
    assert [each.name for each in parts["watch"]] == ["large"]
    assert parts["watch"][0].humans == people
    assert set(parts["watch"][0].ids) < set(parts["test"][0].ids)
    assert module.tested_while_watched() == ["large"]


def test_a_pass_that_is_not_due_has_no_batches():
    module, asked = data(), iter([True, False, True])
    module.watch(4, lambda: next(asked))
    loader = module.val_dataloader()["large"]
    assert [len(list(loader)) for _ in range(3)] == [1, 0, 1]
    assert len(list(module.val_dataloader()["small"])) == 2


def test_watches_nothing_unless_asked():
    assert data().build()["watch"] == []
    assert list(data().val_dataloader()) == ["small"]

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from cogtrain import Loader, Preprocess, StimulusSet, _core
from cogtrain.data import datamodule
from cogtrain.data.collating import Collating
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Photographs, Recipe
from cogtrain.models import checkpoint

SMALL = Recipe(name="small", count=10, factors={"size": "small"}, size_px=56)
LARGE = replace(SMALL, name="large", factors={"size": "large"})


def data(**options):
    parts = {"train": [SMALL, LARGE], "val": [SMALL], "test": [SMALL, LARGE]} | options
    return StimuliDataModule(**parts, batch_size=4, eval_batch_size=8, seed=1)


def test_trains_on_one_stream_and_tests_set_by_set():
    module = data()
    assert len(module.train_dataloader()) == 5
    assert list(module.val_dataloader()) == ["small"]
    assert list(module.test_dataloader()) == list(module.predict_dataloader()) == ["small", "large"]
    seen = {name for batch in module.train_dataloader() for name in batch["set"]}
    assert seen == {"small", "large"}


def test_controls_follow_the_tested_sets_and_ask_alike():
    asked = replace(SMALL, wording="counterbalanced")
    loaders = data(test=[asked], controls=["blank", "mirrored"]).test_dataloader()
    assert list(loaders) == ["small", "small~blank", "small~mirrored"]
    own, *others = map(list, loaders.values())
    for batches in others:
        for mine, theirs in zip(own, batches, strict=True):
            for name in ("ids", "question", "wording", "answer"):
                assert mine[name] == theirs[name]


def test_under_text_only_no_image_is_handed_out():
    loaders = data(test=[SMALL], controls=["text_only", "blank"]).test_dataloader()
    own, alone, blank = (next(iter(each)) for each in loaders.values())
    assert list(loaders) == ["small", "small~text_only", "small~blank"]
    for name in ("ids", "question", "wording", "answer"):
        assert alone[name] == own[name]
    assert alone["arrays"] == {}
    assert alone["image"] == [None] * 8
    assert own["image"] == blank["image"] == [*range(8)]


def test_tested_sets_keep_their_order():
    module = data()
    (batch,) = [next(iter(module.val_dataloader()["small"]))]
    expected = SMALL.build("val")
    assert batch["ids"] == [expected[index].id for index in range(8)]


def test_parts_share_no_stimulus():
    module = data(test=[SMALL])
    parts = module.build()
    ids = [{stimulus.id for stimulus in parts[part][0]} for part in ("train", "val", "test")]
    assert len(set.union(*ids)) == 30


def test_continues_at_the_saved_place():
    whole = [batch["ids"] for batch in data().train_dataloader()]
    first = data()
    stream = iter(first.train_dataloader())
    begun = [next(stream)["ids"] for _ in range(2)]
    second = data()
    second.load_state_dict(first.state_dict())
    assert begun + [batch["ids"] for batch in second.train_dataloader()] == whole


@pytest.mark.parametrize(("ranks", "begun"), [((2, 1), 2), ((1, 2), 1), ((2, 3), 1)])
def test_counts_the_batches_behind_it_for_any_number_of_ranks(ranks, begun):
    first, second = data(), data()
    world = SimpleNamespace(root_device=torch.device("cpu"))
    for module, size in zip((first, second), ranks, strict=True):
        module.trainer = SimpleNamespace(
            global_rank=0, world_size=size, strategy=world, loggers=[], num_training_batches=5
        )
        module.trainer.fit_loop = SimpleNamespace(
            epoch_loop=SimpleNamespace(
                batch_progress=SimpleNamespace(current=SimpleNamespace(ready=1))
            )
        )
    stream = iter(first.train_dataloader())
    for _ in range(2 // ranks[0]):
        next(stream)
    second.load_state_dict(first.state_dict())
    loader = second.train_dataloader()
    assert second.batches_begun() == begun
    assert second.batches_begun() + sum(1 for _ in loader) == len(loader)


def test_has_no_place_before_training():
    assert data().batches_begun() == 0
    assert data().state_dict() == {}


def test_refuses_another_stream():
    first = data()
    next(iter(first.train_dataloader()))
    other = data(train=[SMALL])
    other.load_state_dict(first.state_dict())
    with pytest.raises(ValueError, match="fingerprint"):
        other.train_dataloader()


def test_refuses_an_image_size_off_the_grid():
    with pytest.raises(ValueError, match=r"set `small`: expected .*250.*252"):
        data(val=[replace(SMALL, size_px=250)]).build()


def test_refuses_two_sets_of_one_name():
    with pytest.raises(ValueError, match=r"`data.test`, got `small` twice"):
        data(test=[SMALL, SMALL]).build()


def test_refuses_to_train_on_nothing():
    with pytest.raises(ValueError, match=r"add one to `data.train`"):
        data(train=[]).train_dataloader()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("task", "towr", "got `towr`; the nearest is `tower`"),
        ("style", "cubewrld", "got `cubewrld`; the nearest is `cubeworld`"),
        ("count", 0, "`count` of set `small` to be at least 1, got 0"),
        ("wording", "plane", r"id of a wording for task `tower`, got `plane`; did .* `plain`"),
        ("wording", "instructions-pyramid", "got `instructions-pyramid`; did you mean `instructi"),
        ("questions", [], "at least one of `questions` of set `small`, got none"),
        ("questions", ["will_fal"], r"set `small`: .*got `will_fal`; did you mean `will_fall`"),
        (
            "questions",
            ["colors_top_to_bottom"],
            r"set `small`: .* answered by a sequence; leave it",
        ),
    ],
)
def test_refuses_a_recipe_that_cannot_be(field, value, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **{field: value})


def test_refuses_a_wording_that_one_of_the_questions_lacks():
    with pytest.raises(ValueError, match=r"set `small`: .*`will_fall` .*got `menu`"):
        replace(SMALL, questions=["background_color", "will_fall"], wording="menu")


def test_wordings_are_balanced_and_do_not_follow_the_order():
    recipe = replace(SMALL, count=30, wording="counterbalanced")
    straight, shuffled = data(train=[recipe], val=[recipe]), data(train=[recipe], val=[recipe])

    def asked(loader):
        pairs = (zip(batch["ids"], batch["wording"], strict=True) for batch in loader)
        return dict(pair for each in pairs for pair in each)

    first = asked(straight.val_dataloader()["small"])
    assert sorted(map(list(first.values()).count, set(first.values()))) == [7, 7, 8, 8]
    module = shuffled
    epochs = [asked(module.train_dataloader()) for _ in range(2)]
    assert epochs[0] == epochs[1]
    assert list(epochs[0]) != list(recipe.build("train").ids)


def test_photographs_are_asked_in_the_chosen_wording(lerer_towers):
    photographs = Photographs(
        table=lerer_towers / "stimuli.csv", images=lerer_towers / "images", wording="plain"
    )
    module = data(test=[], photographs=photographs)
    batch = next(iter(module.test_dataloader()["photographs"]))
    assert set(batch["wording"]) == {"plain"}
    with pytest.raises(ValueError, match="got `plane`"):
        replace(photographs, wording="plane")
    with pytest.raises(ValueError, match="expected a known task, got `towr`"):
        replace(photographs, task="towr")


def test_photographs_are_tested_beside_the_recipes(lerer_towers):
    photographs = Photographs(
        table=lerer_towers / "stimuli.csv",
        images=lerer_towers / "images",
        humans=lerer_towers / "human_judgments.csv",
    )
    sets = data(photographs=photographs).build()["test"]
    assert [member.name for member in sets] == ["small", "large", "photographs"]
    assert len(sets[-1]) == 100
    assert isinstance(sets[-1], StimulusSet)


def test_training_sets_are_drawn_by_share():
    module = StimuliDataModule(train=[SMALL, LARGE], batch_size=4, seed=1, shares=[3, 1])
    names = [name for batch in module.train_dataloader() for name in batch["set"]]
    assert names[:8].count("small") == 6
    assert len(module.train_dataloader()) == 10
    short = StimuliDataModule(
        train=[SMALL, LARGE], batch_size=4, seed=1, shares=[3, 1], epoch="shortest"
    )
    assert len(short.train_dataloader()) == 4


def test_bad_stimuli_are_logged_and_no_tested_one_is_substituted(tmp_path):
    table = tmp_path / "table.csv"
    rows = [f"s{index},{index}.png,yes" for index in range(6)]
    table.write_text("\n".join(["stimulus_id,image,will_fall", *rows]), encoding="utf-8")
    for index in range(6):
        Image.new("RGB", (56, 56)).save(tmp_path / f"{index}.png")
    photographs = Photographs(table=table)
    module = StimuliDataModule(
        train=[], val=[], test=[], photographs=photographs, eval_batch_size=3, on_bad="substitute"
    )
    module.build()
    (tmp_path / "4.png").write_bytes(b"spoilt")
    logged = []
    module.trainer = SimpleNamespace(
        global_rank=0,
        world_size=1,
        global_step=7,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
        loggers=[SimpleNamespace(log_metrics=lambda metrics, step: logged.append((metrics, step)))],
    )
    batches = list(module.test_dataloader()["photographs"])
    assert torch.cat([batch["weights"] for batch in batches]).sum() == 5
    assert logged == [({"test/photographs/bad_stimuli": 1.0}, 7)]


def test_ranks_tell_each_other_of_bad_stimuli_and_none_waits_for_ever(tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(24)]
    for path in paths:
        Image.new("RGB", (56, 56)).save(path)
    names = [path.stem for path in paths]
    source = _core.Source.photographs(names, paths, [{"will_fall": "yes"}] * 24)
    for index in (0, 7, 14):
        paths[index].write_bytes(b"not an image")
    stimuli = StimulusSet("damaged", source)
    asked = SMALL.asked(stimuli)
    shelf, meet = {}, threading.Barrier(2, timeout=30)

    def run(rank):
        def gather(report):
            shelf[rank] = report
            meet.wait()
            reports = [shelf[each] for each in range(2)]
            meet.wait()
            return reports

        loader = Loader(
            stimuli,
            batch_size=2,
            seed=1,
            rank=rank,
            world_size=2,
            on_bad="quarantine",
            preprocess=Preprocess.qwen2_vl(),
        )
        stream = Collating(loader, [asked], gather=gather)
        sizes = [len(batch["ids"]) for batch in stream]
        return sizes, stream.state_dict()

    with ThreadPoolExecutor(2) as pool:
        (sizes, state), other = pool.map(run, range(2))
    assert (sizes, state) == other
    assert len(state["bad"]) == 3


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_reports_are_gathered_from_the_group(tmp_path):
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        assert datamodule._is_distributed()
        assert datamodule._gathered([{"set": 0}]) == [[{"set": 0}]]
    finally:
        torch.distributed.destroy_process_group()
    assert not datamodule._is_distributed()


class TestPinning:
    def test_is_refused_without_cuda(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        module = StimuliDataModule(train=[SMALL], pin_memory=True)
        with pytest.raises(ValueError, match=r"`data.pin_memory` only where there is CUDA, got"):
            module.train_dataloader()

    def test_takes_every_tensor_and_nothing_else(self, monkeypatch):
        pinned = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda each: pinned.append(each) or each)
        plain = next(iter(StimuliDataModule(train=[SMALL], batch_size=4).train_dataloader()))
        assert not pinned
        module = StimuliDataModule(train=[SMALL], batch_size=4, pin_memory=True)
        batch = next(iter(module.train_dataloader()))
        assert batch.keys() == plain.keys()
        assert batch["ids"] == plain["ids"]
        assert len(pinned) == 3

    @pytest.mark.gpu
    def test_memory_is_page_locked(self):
        module = StimuliDataModule(train=[SMALL], batch_size=4, pin_memory=True)
        batch = next(iter(module.train_dataloader()))
        assert batch["arrays"]["pixel_values"].is_pinned()


def test_a_stimulus_is_known_by_its_set_and_its_preprocessing(tmp_path):
    def stimuli(part="val", **options):
        data = StimuliDataModule([SMALL], [SMALL], [], eval_batch_size=4, **options)
        loaders = [data.train_dataloader()] if part == "train" else data.val_dataloader().values()
        return {name for loader in loaders for name in next(iter(loader))["stimuli"]}

    config = (checkpoint.folder("tiny") / "preprocessor_config.json").read_text()
    for name, text in {"same": config, "other": config.replace("802816", "802817")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "preprocessor_config.json").write_text(text)
    one = stimuli(preprocess=str(tmp_path / "same"))
    assert len(one) == 4
    assert stimuli(preprocess=str(checkpoint.folder("tiny"))) == one
    for options in (
        {"part": "train", "preprocess": str(tmp_path / "same")},
        {"resize": "pillow", "preprocess": str(tmp_path / "same")},
        {"preprocess": str(tmp_path / "other")},
    ):
        assert not one & stimuli(**options)

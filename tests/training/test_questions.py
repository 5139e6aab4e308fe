"""Several questions with different options in one run: perception checks beside `will_fall`."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image

from cogtrain import Loader, Preprocess, StimulusSet, _core
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import collate
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.evaluation.score import score
from cogtrain.judgments import Judgments
from cogtrain.models.lora import Tuning
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.module import VLMModule

COUNT = 10


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Images of 56 px that are asked about in four ways; not every question of every image."""
    folder = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(0)
    paths, answers = [], []
    for index in range(COUNT):
        paths.append(folder / f"{index}.png")
        Image.fromarray(rng.integers(0, 256, (56, 56, 3), dtype=np.uint8)).save(paths[-1])
        answers.append(
            {
                "will_fall": "yes" if index % 2 else "no",
                "block_count": str(index + 3),
                "red_block_row": "none" if index % 2 else "2",
            }
        )
        if index % 3:
            answers[-1]["background_color"] = "beige" if index % 2 else "gray"
    ids = [f"s{index}" for index in range(COUNT)]
    return StimulusSet("mixed", _core.Source.photographs(ids, paths, answers))


@dataclass
class Ready:
    """Declares a set that is there already."""

    members: StimulusSet
    wording: str = "counterbalanced"
    name: str = "mixed"
    size_px: int = 56

    def build(self, _):
        return self.members

    def asked(self, members):
        return AskedSet.of(members, self.wording, task="tower")


@pytest.fixture
def batch(mixed):
    loader = Loader(mixed, batch_size=COUNT, seed=0, preprocess=Preprocess.qwen2_vl())
    return collate(next(iter(loader)), [Ready(mixed).asked(mixed)])


def one_question(batch, question):
    rows = [row for row, name in enumerate(batch["question"]) if name == question]
    patches = batch["arrays"]["pixel_values"].unflatten(0, (COUNT, -1))
    images = [batch["image"][row] for row in rows]
    part = {
        name: [values[row] for row in rows]
        for name, values in batch.items()
        if isinstance(values, list) and name != "stimuli"
    }
    grid = batch["arrays"]["image_grid_thw"][images]
    arrays = {"pixel_values": patches[images].flatten(0, 1), "image_grid_thw": grid}
    part["image"] = [*range(len(rows))]
    part["stimuli"] = [batch["stimuli"][image] for image in images]
    return rows, part | {"weights": batch["weights"][rows], "arrays": arrays}


def test_a_mixed_batch_scores_as_batches_of_one_question(batch):
    module = VLMModule().eval()
    with torch.no_grad():
        together, scores = module.answer(batch)
        losses, _ = module.losses(batch, scores)
        for question in dict.fromkeys(batch["question"]):
            rows, part = one_question(batch, question)
            alone, scores = module.answer(part)
            own, _ = module.losses(part, scores)
            assert alone["response"] == [together["response"][row] for row in rows]
            torch.testing.assert_close(losses[rows], own, atol=1e-4, rtol=0)
            for name in ("probability", "log_odds", "off_menu_mass", "response_probability"):
                torch.testing.assert_close(
                    together[name][rows], alone[name], atol=1e-4, rtol=0, equal_nan=True
                )


def test_only_two_options_have_a_probability_of_the_first(batch):
    module = VLMModule().eval()
    with torch.no_grad():
        answers, scores = module.answer(batch)
        losses, _ = module.losses(batch, scores)
    for index, question in enumerate(answers["question"]):
        is_binary = question == "will_fall"
        assert torch.isnan(answers["probability"][index]).item() != is_binary
        assert torch.isnan(answers["log_odds"][index]).item() != is_binary
        assert answers["response"][index] in _core.Question(question).options
    assert torch.isfinite(losses).all()
    assert ((answers["response_probability"] > 0) & (answers["response_probability"] <= 1)).all()


@pytest.fixture(scope="module")
def run(mixed, tmp_path_factory):
    """Three steps of training on all questions, then a test: what was written and scored."""
    folder = tmp_path_factory.mktemp("run")
    data = StimuliDataModule(
        train=[Ready(mixed)], val=[], test=[Ready(mixed)], batch_size=4, eval_batch_size=4
    )
    callback = JudgmentsCallback("m", folder / "judgments.parquet", data.build())
    trainer = Trainer(
        max_steps=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[callback],
        default_root_dir=str(folder),
    )
    module = VLMModule(tuning=Tuning.full())
    before = [p.detach().clone() for p in module.parameters()]
    trainer.fit(module, datamodule=data)
    moved = [not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)]
    finite = all(torch.isfinite(p).all() for p in module.parameters())
    trainer.test(module, datamodule=data, verbose=False)
    return trainer, callback, folder / "judgments.parquet", moved, finite


def test_trains_on_all_of_them(run):
    trainer, _, _, moved, finite = run
    assert trainer.global_step == 3
    assert sum(moved) > 0.9 * len(moved)
    assert finite


def test_every_question_is_scored_against_its_own_chance(run):
    results = run[1].results
    assert {name: each["accuracy"].n for name, each in results.items()} == {
        "mixed:will_fall": 10,
        "mixed:block_count": 10,
        "mixed:red_block_row": 10,
        "mixed:background_color": 6,
    }
    chance = {name.partition(":")[2]: each["accuracy"].chance for name, each in results.items()}
    assert chance == {question: 1 / len(_core.Question(question).options) for question in chance}
    assert "chance is a guess among 20" in results["mixed:block_count"]["accuracy"].reason


def test_judgments_keep_wording_scale_and_numbers(run):
    judgments = Judgments.read(run[2])
    table = judgments.table
    scales = dict(zip(table["question"], table["scale"], strict=True))
    assert scales == {
        "will_fall": "binary",
        "block_count": "count",
        "red_block_row": "choice",
        "background_color": "choice",
    }
    assert (table["probability"].notna() == (table["scale"] == "binary")).all()
    counts = table[table["question"] == "block_count"]["wording"].value_counts()
    assert sorted(counts) == [3, 3, 4]
    wordings = set(table[table["question"] == "will_fall"]["wording"])
    assert wordings == {"laboratory", "instructions-tower", "plain", "untouched"}


def test_saved_judgments_score_as_they_did_live(run):
    table = score(Judgments.read(run[2]))
    rows = {(row["question"], row["metric"]): row for row in table.to_dict("records")}
    for name, estimates in run[1].results.items():
        for metric, live in estimates.items():  # later there is time for more of them
            row = rows[name.removeprefix("mixed:"), metric]
            for field in ("value", "low", "high", "n", "chance"):
                assert row[field] == pytest.approx(getattr(live, field)), (name, metric, field)

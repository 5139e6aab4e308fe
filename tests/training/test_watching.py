"""What validations say of the tested sets, and weights that are chosen by it."""

import json
import math

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from cogtrain import Judgments, StimulusSet
from cogtrain.cli import main
from cogtrain.evaluation.axis import Declared
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.log import read_estimates
from cogtrain.training.callbacks.alignment import AlignmentCallback
from cogtrain.training.callbacks.generalization import GeneralizationCallback
from cogtrain.training.callbacks.watching import Watch

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
FIT = ["fit", "--config", "small.yaml", "--config", "judged.yaml", "--eval.after_fit=false", *QUIET]

AXES = {"size": "tower-large", "looks": "photographs", "domain": "pyramid"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": -1}, r"`eval.watch.items` to be at least 0, got -1; 0 watches nothing"),
        ({"every": 0}, r"`eval.watch.every` to be at least 1, got 0; 1 is every validation"),
    ],
)
def test_what_cannot_be_watched_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        Watch(**options)


@pytest.fixture
def judged(workplace):
    """Photographs and pyramids that people have judged, beside the towers of `small.yaml`."""
    small = yaml.safe_load((workplace / "small.yaml").read_text())
    pyramids = {"name": "pyramid", "task": "pyramid", "count": 12, "size_px": 56}
    shown = StimulusSet.recipe(**pyramids, split="test")
    stream = np.random.default_rng(0)
    people = ["observer_id,stimulus_id,response"]
    rows = ["stimulus_id,image,will_fall"]
    for number in range(30):
        pixels = stream.integers(0, 256, (56, 56, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(workplace / f"{number}.png")
        rows.append(f"s{number},{number}.png,{number % 2}")
    for name in (*(f"s{number}" for number in range(30)), *shown.ids):
        people += [f"p{n},{name},{int(stream.random() < 0.5)}" for n in range(4)]
    (workplace / "table.csv").write_text("\n".join(rows))
    for part, prefix in (("photographs", "s"), ("pyramids", "")):
        kept = [line for line in people[1:] if (line.split(",")[1][0] == "s") == bool(prefix)]
        (workplace / f"{part}.csv").write_text("\n".join([people[0], *kept]))
    pyramids["humans"] = str(workplace / "pyramids.csv")
    photographs = {"table": "table.csv", "humans": "photographs.csv"}
    config = {"test": [*small["data"]["test"], pyramids], "photographs": photographs}
    (workplace / "judged.yaml").write_text(yaml.safe_dump({"data": config}))
    return workplace


def curve(run, name):
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["value"] for line in lines if line.get("name") == name}


def test_weights_are_chosen_by_transfer(judged, capsys):
    words = ["--eval.watch.items", "8", "--trainer.val_check_interval", "0.25", "--name", "t"]
    assert main([*FIT, *words, "--eval.best.metric", "val/transfer/accuracy"]) == 0
    run = judged / "runs" / "t"
    found = {each: {} for each in (1, 2, 3, 4)}
    for each in read_estimates(run / "metrics.jsonl"):
        found[each.step][each.set, each.metric] = each.estimate
    accuracies = curve(run, "val/transfer/accuracy")
    assert list(accuracies) == [1, 2, 3, 4]
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["global_step"]
    assert best == max(accuracies, key=lambda step: (accuracies[step], -step))
    for step, estimates in found.items():
        elsewhere = [estimates[name, "accuracy"] for name in ("tower-large", "photographs")]
        assert [each.n for each in elsewhere] == [8, 8]
        assert accuracies[step] == pytest.approx(
            np.mean([each.value for each in (*elsewhere, estimates["pyramid", "accuracy"])])
        )
        for axis, name in {
            "size": "tower-large",
            "looks": "photographs",
            "domain": "pyramid",
        }.items():
            logged = curve(run, f"val/transfer-{axis}/accuracy")[step]
            assert logged == pytest.approx(estimates[name, "accuracy"].value)
        for metric in ("spearman", "error_consistency"):
            pair = [estimates[name, metric].value for name in ("photographs", "pyramid")]
            logged = curve(run, f"val/alignment/{metric}").get(step, math.nan)
            assert logged == pytest.approx(np.mean(pair), nan_ok=True)
    seconds = curve(run, "val/watch/seconds")
    assert list(seconds) == [1, 2, 3, 4]
    assert min(seconds.values()) > 0
    said = capsys.readouterr().err
    assert (
        "note: `val/transfer/accuracy` chooses weights by stimuli of pyramid, photographs" in said
    )
    table = Judgments.read(run / "judgments_val.parquet").table
    watched = table[table["set"] == "photographs"].groupby("observer_id")["stimulus_id"]
    assert len({tuple(sorted(names)) for _, names in watched}) == 1
    tested = set(StimulusSet.recipe(count=24, size_px=56, factors={"size": "large"}).ids)
    assert not tested & set(table[table["set"] == "tower-large"]["stimulus_id"])


def test_weights_are_chosen_by_alignment_where_it_is_watched(judged):
    words = ["--eval.watch", '{"items": 8, "every": 2}', "--trainer.val_check_interval", "0.25"]
    best = "val/alignment/error_consistency"
    assert main([*FIT, *words, "--name", "a", "--eval.best.metric", best]) == 0
    run = judged / "runs" / "a"
    found = curve(run, best)
    assert list(found) == [1, 3]
    chosen = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["global_step"]
    assert chosen == max(found, key=lambda step: (found[step], -step))


def test_without_people_there_is_no_alignment_to_choose_by(workplace, capsys):
    words = ["fit", "--config", "small.yaml", "--eval.best.metric", "val/alignment/pearson", *QUIET]
    assert main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "got `val/alignment/pearson`" in said
    assert said.endswith("comparing with people needs the set's `humans`")
    assert workplace.exists()


class Judged:
    """Stands in for the callback that scores, and for the one that knows when."""

    results, places, is_due = {}, {}, True


class Module:
    """A module that remembers what was logged."""

    def log_dict(self, values, **_):
        self.logged = {**getattr(self, "logged", {}), **values}


class Trainer:
    """A trainer without loggers."""

    loggers, is_global_zero, global_step = (), True, 1


def test_of_a_part_of_the_sets_no_mean_is_told():
    judged, module = Judged(), Module()
    numbers = {name: Estimate(0.5) for name in ("accuracy", "spearman", "pearson")}
    judged.results = {"a": numbers | {"error_consistency": Estimate(0.25)}}
    judged.places, judged.is_due = {"a": ("a", "will_fall")}, False
    declared = Declared("a", "pyramid", "cubeworld", "")
    trained = [Declared("b", "tower", "cubeworld", "")]
    callbacks = (
        AlignmentCallback(judged, judged),
        GeneralizationCallback(judged, judged, trained=trained, judged={"a": declared}),
    )
    for callback in callbacks:
        callback.on_validation_epoch_end(Trainer(), module)
    assert not hasattr(module, "logged")
    judged.is_due = True
    for callback in callbacks:
        callback.on_validation_epoch_end(Trainer(), module)
    assert module.logged == {
        "val/alignment/spearman": 0.5,
        "val/alignment/pearson": 0.5,
        "val/alignment/error_consistency": 0.25,
        "val/transfer/accuracy": 0.5,
        "val/transfer-domain/accuracy": 0.5,
    }

"""A run folder as `fit` leaves it, with answers of a model and of three people."""

import json

import numpy as np
import pytest
from PIL import Image

from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, SetMetrics, append_estimates
from cogtrain.stimulus_table import write_table

IDS = [f"s{number}" for number in range(30)]
TRUTH = ["yes", "no"] * 15


def _make_run(folder, *, seed=0, humans=True):
    source = np.random.default_rng(seed)
    probability = source.random(30)
    people = Judgments.concat(
        Judgments.from_model(
            f"p{i}",
            IDS,
            source.integers(0, 2, 30),
            observer_kind="human",
            set="wood/tower",
            question="will_fall",
        )
        for i in range(3)
    )
    metrics = SetMetrics(people if humans else None)
    metrics.update(IDS, probability, TRUTH)
    folder.mkdir(parents=True)
    for step in (10, 20):
        append_estimates(
            folder / "metrics.jsonl",
            {"accuracy": Estimate(step / 40, 0.2, 0.8, 30, 0.5)},
            stage="val",
            set="tower",
            step=step,
        )
    append_estimates(
        folder / "metrics.jsonl", metrics.compute(), stage="test", set="wood/tower", step=20
    )
    own = Judgments.from_model(
        "m", IDS, probability, set="wood/tower", truth=TRUTH, question="will_fall"
    )
    Judgments.concat([own, people] if humans else [own]).write(folder / "judgments.parquet")
    manifest = {"versions": {"cogtrain": "0.1.0"}, "git_commit": "abc1234", "command": ["fit"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    _keep_pictures(folder / "report" / "stimuli", source)
    return folder


def _keep_pictures(folder, source):
    folder.mkdir(parents=True)
    rows = []
    for number, name in enumerate(IDS):
        row = {"set": "wood/tower", "stimulus_id": name, "file": ""}
        if number < 7:
            pixels = source.integers(0, 255, (28, 28, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}.png")
            row["file"] = f"{name}.png"
        rows.append(row | {"margin_m": source.normal(0, 0.1), "style": "wood", "n_blocks": 3})
    write_table(rows[0], rows, folder / "index.csv")


@pytest.fixture(scope="session")
def make_run():
    return _make_run

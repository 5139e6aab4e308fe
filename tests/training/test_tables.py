"""The tables of a stage: the same numbers in W&B, in Parquet and on a page."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from cogtrain import Judgments, StimulusSet
from cogtrain.cli import main
from cogtrain.evaluation.answers import answers_of
from cogtrain.evaluation.binned import calibration, psychometric
from cogtrain.evaluation.run import Run
from cogtrain.metrics import reliability_curve
from cogtrain.training.callbacks.known import Known
from cogtrain.training.callbacks.tables import write_both
from tests.training.conftest import LORA, towers

FIT = ["fit", "--config", "small.yaml", "--config", "judged.yaml", "--name", "judged", *LORA]
QUIET = ["--trainer.enable_progress_bar", "false"]


@pytest.fixture
def judged(workplace):
    """A run whose tested towers people have judged: the n-th stimulus n % 4 times "falls" of 4."""
    ids = StimulusSet.recipe(**towers()).ids
    rows = [(f"p{n}", name, int(n < index % 4)) for index, name in enumerate(ids) for n in range(4)]
    with (workplace / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("observer_id", "stimulus_id", "response"), *rows[:-4]])
    large = towers("tower-large", factors={"size": "large"})
    config = {"data": {"test": [towers(humans="people.csv"), large]}}
    (workplace / "judged.yaml").write_text(yaml.safe_dump(config))
    assert main([*FIT, *QUIET]) == 0
    return workplace / "runs" / "judged", ids


def test_stimuli_stand_beside_what_people_said(judged, read_offline_run):
    folder, ids = judged
    (run,) = read_offline_run(folder)
    rows = run.table("test/stimuli", 4)
    assert [row["set"] for row in rows] == ["tower-small"] * 5 + ["tower-large"] * 5
    own = Judgments.read(folder / "judgments.parquet").select(observer_kind="model").table
    said = own.set_index(["set", "stimulus_id"])
    for row in rows:
        of_model = said.loc[(row["set"], row["stimulus_id"])]
        assert row["probability"] == pytest.approx(of_model["probability"], abs=1e-6)
        assert (row["truth"], row["response"]) == (of_model["truth"], of_model["response"])
        is_judged = row["set"] == "tower-small" and row["stimulus_id"] != ids[-1]
        place = ids.index(row["stimulus_id"]) if is_judged else 0
        assert row["human_probability"] == (place % 4 / 4 if is_judged else None)
        assert row["human_n"] == (4 if is_judged else None)
        assert row["step"] == 4
    kept = pd.read_parquet(folder / "report" / "tables" / "test_stimuli.parquet")
    assert kept["stimulus_id"].tolist() == [row["stimulus_id"] for row in rows]
    np.testing.assert_array_equal(
        kept["human_probability"],
        [np.nan if (p := row["human_probability"]) is None else p for row in rows],
    )
    for picture, name in zip(kept["image"], kept["stimulus_id"], strict=True):
        shown = Image.open(io.BytesIO(picture["bytes"]))
        file = next((folder / "report" / "stimuli").rglob(f"{name}.png"))
        assert np.array_equal(shown, Image.open(file))
    page = (folder / "report" / "tables" / "test_stimuli.html").read_text()
    assert page.count("data:image/png;base64,") == 10
    assert all(name in page for name in kept["stimulus_id"])


def test_curves_are_those_of_the_judgments(judged, read_offline_run):
    folder, _ = judged
    (run,) = read_offline_run(folder)
    answers = answers_of({"judged": Run.open(folder)})
    for curve, of in (("calibration", calibration), ("psychometric", psychometric)):
        expected = of(answers)
        kept = pd.read_parquet(folder / "report" / "tables" / f"test_{curve}.parquet")
        order = ["set", "observer", "at"]
        expected = expected.sort_values(order, ignore_index=True)
        pd.testing.assert_frame_equal(
            kept.sort_values(order, ignore_index=True)[list(expected)], expected, check_dtype=False
        )
        assert set(kept["observer"]) == {"judged", "people"}
        for name in ("tower-small", "tower-large"):
            rows = run.table(f"test/{name}/{curve}_table", 4)
            mine = [row for row in rows if row["observer"] == "judged"]
            own = expected[(expected["set"] == name) & (expected["observer"] == "judged")]
            for column in ("at", "value", "low", "high", "n"):
                assert [row[column] for row in mine] == pytest.approx(own[column].tolist())
            ends = [(r["at"], r["value"]) for r in rows if r["observer"] == "calibrated"]
            assert ends == ([(0, 0), (1, 1)] if curve == "calibration" else [])
            chart = run.config[f"_wandb/visualize/test/{name}/{curve}"]["panel_config"]
            assert chart["panelDefId"] == "wandb/line/v0"
            assert chart["fieldSettings"] == {"x": "at", "y": "value", "stroke": "observer"}
        page = (folder / "report" / "tables" / f"test_{curve}.html").read_text()
        assert page.count("<tr>") == len(kept)


def test_curves_of_a_validation_are_logged_at_its_step(judged, read_offline_run):
    folder, _ = judged
    (run,) = read_offline_run(folder)
    during = Judgments.read(folder / "judgments_val.parquet").table
    for step in (2, 4):
        own = during[(during["observer_id"] == f"judged@{step}") & (during["set"] == "tower-small")]
        expected = reliability_curve(own["probability"], own["truth"] == "yes")
        rows = run.table("val/tower-small/calibration_table", step)
        rows = [row for row in rows if row["observer"] == "judged"]
        assert [row["at"] for row in rows] == pytest.approx(expected.probability.tolist(), abs=1e-6)
        assert [row["value"] for row in rows] == pytest.approx(expected.frequency.tolist())
        assert {row["step"] for row in rows} == {step}


def test_a_run_without_wandb_has_the_same_tables(judged):
    folder, _ = judged
    words = [word.replace("judged", "alone") if word == "judged" else word for word in FIT]
    assert main([*words, *QUIET, "--eval.wandb", "false"]) == 0
    alone = folder.parent / "alone"
    assert not (alone / "wandb").exists()
    names = {path.name for path in (folder / "report" / "tables").iterdir()}
    assert names == {
        f"{stage}_{name}.{suffix}"
        for stage in ("val", "test")
        for name in ("stimuli", "calibration", "psychometric")
        for suffix in ("parquet", "html")
    }
    assert {path.name for path in (alone / "report" / "tables").iterdir()} == names
    first, second = (
        pd.read_parquet(run / "report" / "tables" / "test_calibration.parquet").query(
            "observer == 'people'"
        )
        for run in (folder, alone)
    )
    assert len(first)
    pd.testing.assert_frame_equal(first, second)


def test_margins_are_those_of_the_stimuli_themselves(judged):
    folder, _ = judged
    with (folder / "report" / "stimuli" / "index.csv").open() as file:
        listed = {row["stimulus_id"]: row for row in csv.DictReader(file)}
    for stimulus in StimulusSet.recipe(**towers()):
        assert float(listed[stimulus.id]["margin_m"]) == stimulus.margin
        assert listed[stimulus.id]["style"] == "cubeworld"
        assert float(listed[stimulus.id]["n_blocks"]) == stimulus.factors["n_blocks"]


def test_of_controls_as_much_is_known_as_of_what_they_control():
    from cogtrain.data.datamodule import StimuliDataModule
    from cogtrain.data.recipe import Recipe

    recipe = Recipe(**towers(count=4))
    data = StimuliDataModule([recipe], [recipe], [recipe], controls=["shuffled"])
    data.watch(2)
    known = Known(data)
    names = [row["set"] for row in known.rows("test")]
    assert names == ["tower-small"] * 4 + ["tower-small~shuffled"] * 4
    plain, shuffled = known.rows("test")[:4], known.rows("test")[4:]
    without = [{k: v for k, v in row.items() if k != "set"} for row in (*plain, *shuffled)]
    assert without[:4] == without[4:]
    assert [row["stimulus_id"] for row in known.rows("val")] == recipe.build("val").ids


def test_a_page_shows_names_as_they_are(tmp_path):
    table = pd.DataFrame({"set": ["<script>", "a & b"], "at": [0.25, np.nan]})
    write_both(table, tmp_path, "val_calibration")
    page = (tmp_path / "val_calibration.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page
    assert "<title>val calibration</title>" in page
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "val_calibration.parquet"), table)

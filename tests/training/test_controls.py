"""The whole way of a control, from the command line to the table of judgments and the report."""

import numpy as np
import pytest
from PIL import Image

from cogtrain import Judgments
from cogtrain.cli import main
from cogtrain.evaluation.generalization import generalization
from cogtrain.evaluation.run import Run

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]
CONTROLS = ["--data.controls", "[blank, shuffled, mirrored, text_only]"]


@pytest.fixture
def tested(workplace):
    assert main(["test", "--config", "small.yaml", "--name", "t", *CONTROLS, *QUIET]) == 0
    return workplace / "runs" / "t"


def test_controls_are_tested_besides(tested):
    judgments = Judgments.read(tested / "judgments.parquet")
    plain = ["tower-small", "tower-large"]
    changes = ("blank", "shuffled", "mirrored", "text_only")
    controls = [f"{name}~{each}" for each in changes for name in plain]
    assert judgments.names("set") == [*plain, *controls]
    answered = {
        name: judgments.select(set=name).table.set_index("stimulus_id")
        for name in judgments.names("set")
    }
    for name in plain:
        own = answered[name]
        for control in changes:
            other = answered[f"{name}~{control}"].loc[own.index]
            assert list(other["truth"]) == list(own["truth"])
        blank, shuffled, mirrored, alone = (
            answered[f"{name}~{each}"].loc[own.index, "probability"].to_numpy() for each in changes
        )
        probability = own["probability"].to_numpy()
        assert probability.std() > 1e-5  # the images differ
        np.testing.assert_allclose(blank, blank[0], rtol=0, atol=1e-7)
        np.testing.assert_allclose(np.sort(shuffled), np.sort(probability), rtol=0, atol=1e-6)
        assert np.abs(shuffled - probability).max() > 1e-5
        assert np.abs(mirrored - probability).max() > 1e-7
        np.testing.assert_allclose(alone, alone[0], rtol=0, atol=1e-7)
        assert abs(alone[0] - blank[0]) > 1e-7  # a grey image is not none
    assert not (tested / "report" / "stimuli" / "tower-small~text_only").exists()
    shown = next((tested / "report" / "stimuli" / "tower-small~blank").glob("*.png"))
    assert np.unique(np.asarray(Image.open(shown))).tolist() == [128]


def test_the_report_says_what_is_left_without_the_image(tested, tmp_path):
    run = Run.open(tested)
    assert run.tested["tower-small~blank"].control == "blank"
    section = generalization({"a": run, "b": run}, tmp_path)
    for control in ("blank", "text_only"):
        said = [each for each in section.paragraphs if f"a on tower-small~{control}" in each]
        assert len(said) == 1
        assert "where chance gives 50.0 %, which chance would give, too." in said[0]


def test_a_control_that_does_not_exist_is_one_line(workplace, capsys):
    words = ["test", "--config", "small.yaml", "--data.controls", "[upside-down]", *QUIET]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "upside-down" in said
    assert "Traceback" not in said

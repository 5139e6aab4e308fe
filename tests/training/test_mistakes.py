import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain.cli import main

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]


def one_line(capsys):
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--model.tunning.r", "3"], "got `model.tunning.r`; the nearest is `model.tuning.r`"),
            (["--optimizer.learning_rate", "3"], "`optimizer.learning_rate`; the nearest is"),
            (["--trainer.max_epoch", "3"], "the nearest is `trainer.max_epochs`"),
            (["--optimizer.lr", "fast"], "`optimizer.lr` to be float, got fast"),
            (["--lr_scheduler.warmup", "7"], "`lr_scheduler.warmup` to be a share"),
            (["--model.objective.humans", "2"], "`model.objective.humans` to be a share"),
            (["--data.weights", "[1, 2]"], "one of `data.weights` per set of `data.train`, got 2"),
            (
                ["--eval.best.metric", "val/tower/accuracy"],
                "`eval.best.metric`: expected a known metric, got `val/tower/accuracy`; ",
            ),
            (["--eval.best.patience", "0"], "`eval.best.patience` to be at least 1, got 0"),
            (["--data.val", "[]", "--eval.best.patience", "2"], "sets in `data.val` for `eval."),
            (["--data.val", '[{"name": "transfer-size"}]'], "mean over sets is, got `transfer-siz"),
            (["--ckpt_path", "auto"], "expected `--ckpt_path auto` with `fit` and a `--name`"),
            (["--model.pretrained", "nowhere"], "error: expected a checkpoint (`tiny`, a folder"),
            (["--config", "nowhere.yaml"], "nowhere.yaml"),
            (["--ckpt_path", "nowhere.ckpt"], "got `nowhere.ckpt`"),
            (["--data.test", '[{"name": "t", "task": "towr"}]'], "`towr`; the nearest is `tower`"),
            (["--data.test", '[{"name": "t", "size_px": 250}]'], "250"),
            (
                ["--data.test", '[{"name": "t", "sizepx": 252}]'],
                "got `sizepx`; the nearest is `size_px`",
            ),
            (["--data.test", '[{"name": "t", "factors": {"size": "big"}}]'], "big"),
        ],
    )
    def test_one_line_and_code_2(self, workplace, capsys, words, message):
        assert main(["fit", "--config", "small.yaml", *words, *QUIET]) == 2
        assert message in one_line(capsys)
        assert not list(workplace.glob("runs/*"))

    def test_an_unknown_key_of_a_config_file(self, workplace, capsys):
        (workplace / "x.yaml").write_text("data:\n  batchsize: 3\n")
        assert main(["fit", "--config", "x.yaml"]) == 2
        assert "`data.batch_size`" in one_line(capsys)

    def test_a_run_folder_that_is_taken(self, trained, capsys):
        assert main(["fit", "--config", "small.yaml", "--name", "mine"]) == 2
        assert "`runs/mine`, which is not empty" in one_line(capsys)
        assert trained.exists()

    def test_a_run_folder_that_cannot_be_written(self, workplace, capsys):
        (workplace / "runs").write_text("in the way")
        assert main(["fit", "--config", "small.yaml"]) == 2
        assert "expected a run folder that can be written to" in one_line(capsys)

    @pytest.mark.usefixtures("trained")
    def test_a_checkpoint_of_another_tuning(self, capsys):
        words = ["test", "--config", "small.yaml", "--ckpt_path", "last", "--model.tuning.r", "3"]
        assert main([*words, *QUIET]) == 2
        assert "set `model.tuning` (its `r`) as it was when they were saved" in one_line(capsys)

    @pytest.mark.usefixtures("trained")
    def test_a_checkpoint_of_another_model(self, workplace, capsys):
        import cogtrain.models.tiny as tiny

        other = workplace / "other"
        shutil.copytree(Path(tiny.__file__).parent, other)
        config = json.loads((other / "config.json").read_text())
        config["initializer_range"] = 0.5
        (other / "config.json").write_text(json.dumps(config))
        words = ["test", "--config", "small.yaml", "--ckpt_path", "last"]
        assert main([*words, "--model.pretrained", str(other), *QUIET]) == 2
        assert "got one trained from `tiny`" in one_line(capsys)

    def test_a_file_that_is_no_checkpoint(self, workplace, capsys):
        (workplace / "x.ckpt").write_bytes(b"not a checkpoint")
        words = ["test", "--config", "small.yaml", "--ckpt_path", "x.ckpt", *QUIET]
        assert main(words) == 2
        assert "x.ckpt" in one_line(capsys)


@pytest.fixture
def photographs(workplace):
    """Four images with a table and people's answers, to be damaged."""
    random = np.random.default_rng(0)
    rows, people = ["stimulus_id,image,will_fall"], ["observer_id,stimulus_id,response"]
    for number in range(4):
        pixels = random.integers(0, 256, (56, 56, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(workplace / f"{number}.png")
        rows.append(f"{number},{number}.png,{number % 2}")
        people += [f"p{observer},{number},{observer % 2}" for observer in range(2)]
    (workplace / "table.csv").write_text("\n".join(rows) + "\n")
    (workplace / "people.csv").write_text("\n".join(people) + "\n")
    return workplace


class TestDamagedPhotographs:
    WORDS = ("test", "--config", "small.yaml", "--data.test=[]", *QUIET)
    PLACES = (
        "--data.photographs.table=table.csv",
        "--data.photographs.humans=people.csv",
        "--data.photographs.images=.",
    )

    def complaint(self, capsys):
        assert main([*self.WORDS, *self.PLACES]) == 2
        return one_line(capsys)

    @pytest.mark.usefixtures("photographs")
    def test_sound_ones_are_judged(self, capsys):
        assert main([*self.WORDS, *self.PLACES]) == 0
        assert "photographs" in capsys.readouterr().out

    def test_a_missing_image_is_named(self, photographs, capsys):
        (photographs / "2.png").unlink()
        assert "2.png" in self.complaint(capsys)

    def test_a_truncated_image_is_named(self, photographs, capsys):
        whole = (photographs / "2.png").read_bytes()
        (photographs / "2.png").write_bytes(whole[: len(whole) // 2])
        assert "2.png" in self.complaint(capsys)

    def test_an_image_off_the_grid_is_named(self, photographs, capsys):
        Image.new("RGB", (50, 56)).save(photographs / "2.png")
        assert "50" in self.complaint(capsys)

    def test_people_without_a_needed_column(self, photographs, capsys):
        text = (photographs / "people.csv").read_text()
        (photographs / "people.csv").write_text(text.replace("response", "answer"))
        assert "`response`" in self.complaint(capsys)

    def test_people_with_unknown_stimuli(self, photographs, capsys):
        with (photographs / "people.csv").open("a") as file:
            file.write("p0,99,1\n")
        assert "`99`" in self.complaint(capsys)

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from cogtrain import Judgments
from cogtrain.cli import main
from cogtrain.metrics.log import read_estimates

LORA = ["--model.tuning.tune.language", "lora", "--model.tuning.r", "2"]
QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]


def towers(name="tower-small", count=24, **options):
    return {"name": name, "count": count, "size_px": 56, "factors": {"size": "small"}} | options


SMALL = {
    "data": {
        "train": [towers(count=64)],
        "val": [towers()],
        "test": [towers(), towers("tower-large", factors={"size": "large"})],
        "batch_size": 16,
        "eval_batch_size": 16,
    },
    "trainer": {"accelerator": "cpu", "val_check_interval": 0.5, "log_every_n_steps": 1},
    "eval": {"stimuli": 5},
}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COGTRAIN_RUN", "")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return tmp_path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder in which `fit` has run once, and what it printed."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    words = ["fit", "--config", "small.yaml", "--name", "mine", *LORA]
    done = subprocess.run(
        [sys.executable, "-m", "cogtrain", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def trained(fitted, workplace):
    """A copy of that folder, to work in."""
    shutil.copytree(fitted[0] / "runs", workplace / "runs")
    return workplace / "runs" / "mine"


def one_line(capsys):
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


class TestFit:
    def test_prints_a_table_and_where_everything_is(self, fitted):
        out = fitted[1].stdout
        assert "95 % interval" in out
        assert "chance" in out
        for name in ("tower-small", "tower-large"):
            assert any(line.startswith(name) and " 24 " in line for line in out.splitlines())
        assert out.rstrip().endswith("run folder: runs/mine")

    def test_says_nothing_that_is_not_for_the_user(self, fitted):
        err = fitted[1].stderr
        assert "Warning" not in err
        assert "wandb" not in err
        assert "step 2/4 (50%)" in err
        assert "parameters of `tiny`" in err

    def test_writes_the_run_folder_and_nothing_beside_it(self, fitted):
        folder = fitted[0]
        assert {path.name for path in folder.iterdir()} == {"small.yaml", "runs"}
        names = {path.name for path in (folder / "runs" / "mine").iterdir()}
        assert names >= {
            "config.yaml",
            "manifest.json",
            "checkpoints",
            "adapter",
            "judgments.parquet",
            "judgments_val.parquet",
            "metrics.jsonl",
            "report",
        }

    def test_keeps_last_and_best(self, trained):
        assert sorted(path.name for path in (trained / "checkpoints").iterdir()) == [
            "best.ckpt",
            "last.ckpt",
        ]

    def test_the_adapter_is_a_peft_folder(self, trained):
        assert {path.name for path in (trained / "adapter").iterdir()} >= {
            "adapter_config.json",
            "adapter_model.safetensors",
        }

    def test_the_manifest_says_where_the_numbers_come_from(self, trained):
        manifest = json.loads((trained / "manifest.json").read_text())
        assert manifest["versions"]["torch"]
        assert manifest["hardware"]["cores"] >= 1
        assert len(manifest["model"]["fingerprint"]) == 32
        assert manifest["model"]["trained_parameters"] < manifest["model"]["parameters"]
        assert [each["count"] for each in manifest["sets"]["test"]] == [24, 24]
        fingerprints = [each["fingerprint"] for part in manifest["sets"].values() for each in part]
        assert len(set(fingerprints)) == 4

    def test_every_answer_is_a_judgment(self, trained):
        table = Judgments.read(trained / "judgments.parquet").table
        assert len(table) == 48
        assert set(table["observer_id"]) == {"mine"}
        assert set(table["set"]) == {"tower-small", "tower-large"}
        assert set(table["truth"]) == {"yes", "no"}
        assert np.isfinite(table["off_menu_mass"]).all()
        odds = table["log_odds"].to_numpy()
        np.testing.assert_allclose(table["probability"], 1 / (1 + np.exp(-odds)), rtol=1e-5)
        during = Judgments.read(trained / "judgments_val.parquet").table
        assert during["observer_id"].unique().tolist() == ["mine@2", "mine@4"]

    def test_logs_numbers_with_their_interval(self, trained):
        logged = read_estimates(trained / "metrics.jsonl")
        places = [(each.stage, each.set, each.metric, each.step) for each in logged]
        assert places == [
            ("val", "tower-small", "accuracy", 2),
            ("val", "tower-small", "accuracy", 4),
            ("test", "tower-small", "accuracy", 4),
            ("test", "tower-large", "accuracy", 4),
        ]
        for each in logged:
            assert each.estimate.low <= each.estimate.value <= each.estimate.high
            assert (each.estimate.n, each.estimate.chance) == (24, 0.5)
        lines = map(json.loads, (trained / "metrics.jsonl").read_text().splitlines())
        assert {line["name"] for line in lines if "name" in line} == {
            "train/loss",
            "train/accuracy",
            "lr",
        }

    def test_keeps_the_stimuli_that_the_report_shows(self, trained):
        with (trained / "report" / "stimuli" / "index.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 10
        assert list(rows[0]) == ["set", "stimulus_id", "file"]
        for row in rows:
            with Image.open(trained / "report" / "stimuli" / row["file"]) as image:
                assert image.size == (56, 56)

    def test_the_offline_run_holds_config_metrics_and_tables(self, trained, read_offline_run):
        (run,) = read_offline_run(trained)
        assert run.config["data"]["train"][0]["count"] == 64
        assert run.config["model"]["tuning"]["r"] == 2
        logged = {name for line in run.history for name in line}
        assert logged >= {
            "train/loss",
            "lr",
            "val/tower-small/accuracy",
            "val/tower-small/accuracy_low",
            "test/tower-large/accuracy_high",
        }
        steps = [
            line["trainer/global_step"]
            for line in run.history
            if "val/tower-small/accuracy" in line
        ]
        assert steps == [2, 4]
        rows = [line.get("test/stimuli/nrows") for line in run.history]
        assert [count for count in rows if count is not None] == [10]
        (file,) = (trained / "wandb").glob("offline-run-*/files/media/table/test/*.json")
        content = json.loads(file.read_text())
        assert content["columns"] == [
            "set",
            "stimulus_id",
            "image",
            "question",
            "truth",
            "response",
            "probability",
            "step",
        ]
        assert content["data"][0][2]["_type"] == "image-file"

    def test_the_saved_config_runs_again_to_the_same_numbers(self, trained):
        config = str(trained / "config.yaml")
        assert main(["fit", "--config", config, *QUIET]) == 0
        first, second = (
            Judgments.read(run / "judgments.parquet") for run in (trained, trained.parent / "fit-1")
        )
        left, right = (each.table.drop(columns="observer_id") for each in (first, second))
        assert left["stimulus_id"].tolist() == right["stimulus_id"].tolist()
        np.testing.assert_allclose(left["log_odds"], right["log_odds"], rtol=1e-4, atol=1e-5)


def test_a_finished_run_continues_with_more_epochs(trained):
    words = ["fit", "--ckpt_path", "last", "--trainer.max_epochs", "2", *QUIET]
    assert main(words) == 0
    logged = read_estimates(trained / "metrics.jsonl")
    assert [each.step for each in logged if each.stage == "val"] == [2, 4, 6, 8]


def test_judges_a_checkpoint_without_being_told_its_model(trained, capsys):
    words = ["test", "--config", "small.yaml", "--ckpt_path", "runs/mine/checkpoints/best.ckpt"]
    assert main([*words, *QUIET]) == 0
    assert "run folder: runs/test-1" in capsys.readouterr().out
    first, second = (
        Judgments.read(run / "judgments.parquet").table
        for run in (trained, trained.parent / "test-1")
    )
    np.testing.assert_allclose(first["log_odds"], second["log_odds"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("verb", ["validate", "predict"])
def test_the_other_verbs_leave_judgments(trained, verb):
    words = [verb, "--config", "small.yaml", "--ckpt_path", "last", *QUIET]
    assert main(words) == 0
    table = Judgments.read(trained.parent / f"{verb}-1" / "judgments.parquet").table
    assert len(table) == {"validate": 24, "predict": 48}[verb]


def test_photographs_beside_people(trained, lerer_towers, repository, capsys):
    words = [
        "test",
        "--config",
        str(repository / "configs" / "test-photos.yaml"),
        f"--data.photographs.table={lerer_towers / 'stimuli.csv'}",
        f"--data.photographs.images={lerer_towers / 'images'}",
        f"--data.photographs.humans={lerer_towers / 'human_judgments.csv'}",
        "--ckpt_path=last",
        *QUIET,
    ]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "65.6 %" in out  # mean accuracy of the 107 people, as published
    assert "73.0 %" in out  # their majority
    metrics = {each.metric for each in read_estimates(trained.parent / "test-1" / "metrics.jsonl")}
    assert metrics >= {"accuracy", "spearman", "pearson", "error_consistency"}


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--model.tunning.r", "3"], "got `model.tunning.r`; the nearest is `model.tuning.r`"),
            (["--optimizer.learning_rate", "3"], "`optimizer.learning_rate`; the nearest is"),
            (["--trainer.max_epoch", "3"], "the nearest is `trainer.max_epochs`"),
            (["--optimizer.lr", "fast"], "`optimizer.lr` to be float, got fast"),
            (["--lr_scheduler.warmup", "7"], "`lr_scheduler.warmup` to be a share"),
            (["--model.pretrained", "nowhere"], "got `nowhere`"),
            (["--config", "nowhere.yaml"], "nowhere.yaml"),
            (["--ckpt_path", "nowhere.ckpt"], "got `nowhere.ckpt`"),
            (["--data.test", '[{"name": "t", "task": "towr"}]'], "`towr`; the nearest is `tower`"),
            (["--data.test", '[{"name": "t", "size_px": 250}]'], "250"),
            (["--data.test", '[{"name": "t", "sizepx": 252}]'], "got `sizepx`; the nearest is `size_px`"),
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
        assert "set `model` as in the checkpoint's run" in one_line(capsys)

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


def test_ctrl_c_leaves_a_run_that_continues(workplace):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = ["fit", "--config", "small.yaml", "--name", "cut", "--trainer.max_epochs", "1000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cogtrain", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("step "):
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == 130, said + rest
    assert "--name cut --ckpt_path last" in rest
    assert "Traceback" not in rest
    step = int(rest.partition("stopped after step ")[2].partition(";")[0])
    assert step > 0
    again = ["fit", "--name", "cut", "--ckpt_path", "last", f"--trainer.max_steps={step + 2}"]
    assert main([*again, *QUIET, "--eval.after_fit", "false"]) == 0
    logged = (workplace / "runs" / "cut" / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in logged if '"train/loss"' in line]
    assert steps == list(range(step + 2))


def test_the_config_of_the_default_is_the_default(repository, workplace, monkeypatch):
    from cogtrain.training import lightning_cli

    class Parsed(Exception):  # noqa: N818 - not an error: it ends the run once all is known
        pass

    configs = []

    def stop(cli):
        configs.append(cli._complete_config())
        raise Parsed

    monkeypatch.setattr(lightning_cli.CogtrainCLI, "instantiate_classes", stop)
    for words in (["fit"], ["fit", "--config", str(repository / "configs" / "fit-tiny.yaml")]):
        with pytest.raises(Parsed):
            lightning_cli.main(words)
    assert configs[0] == configs[1]
    assert configs[0]["model"]["tuning"]["tune"] == dict.fromkeys(
        ("vision", "merger", "language"), "full"
    )
    assert workplace.exists()


def test_every_config_says_how_it_is_used(repository):
    paths = sorted((repository / "configs").rglob("*.yaml"))
    assert len(paths) == 2
    for path in paths:
        first = path.read_text().splitlines()[0]
        assert first.startswith("# python -m cogtrain ")
        assert f"--config configs/{path.name}" in first

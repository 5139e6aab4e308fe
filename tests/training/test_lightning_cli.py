import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from cogtrain import Judgments, StimulusSet
from cogtrain.cli import main
from cogtrain.metrics.log import read_estimates

QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]


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
        assert "parameters of `tiny`\nattention: vision sdpa by segments, language sdpa\n" in err

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
        assert manifest["model"]["attention"] == {"vision": "sdpa by segments", "language": "sdpa"}
        assert manifest["model"]["trained_parameters"] < manifest["model"]["parameters"]
        assert [each["count"] for each in manifest["sets"]["test"]] == [24, 24]
        fingerprints = [each["fingerprint"] for part in manifest["sets"].values() for each in part]
        assert len(set(fingerprints)) == 5  # large ones to watch are none of those to test

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
            ("val", "tower-large", "accuracy", 2),
            ("val", "tower-small", "accuracy", 4),
            ("val", "tower-large", "accuracy", 4),
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
            "train/stimuli_per_s",
            "train/tokens_per_s",
            "train/data_wait_percent",
            "train/rss_gib",
            "lr",
            "val/watch/seconds",
            *(
                f"val/{place}/accuracy{end}"
                for place in ("transfer", "transfer-size")
                for end in ("", "_low", "_high")
            ),
        }

    def test_keeps_the_stimuli_that_the_report_shows(self, trained):
        with (trained / "report" / "stimuli" / "index.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert {"set", "stimulus_id", "file", "margin_m", "style", "n_blocks"} <= rows[0].keys()
        judged = Judgments.read(trained / "judgments.parquet").table
        keys = set(zip(judged["set"], judged["stimulus_id"], strict=True))
        assert {(row["set"], row["stimulus_id"]) for row in rows} == keys
        shown = [row for row in rows if row["file"]]
        assert len(shown) == 10  # five of each set
        for row in shown:
            with Image.open(trained / "report" / "stimuli" / row["file"]) as image:
                assert image.size == (56, 56)

    def test_the_offline_run_holds_config_metrics_and_tables(
        self, fitted, trained, read_offline_run
    ):
        (run,) = read_offline_run(trained)
        assert run.config["data"]["train"][0]["count"] == 64
        assert run.config["model"]["tuning"]["r"] == 2
        logged = {name for line in run.history for name in line}
        assert logged >= {
            "train/loss",
            "train/stimuli_per_s",
            "lr",
            "val/tower-small/accuracy",
            "val/tower-small/accuracy_low",
            "val/transfer-size/accuracy",
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
            "human_probability",
            "human_n",
            "step",
        ]
        (images,) = [files for name, files in run.images.items() if "teststimuli" in name]
        assert len(images) == 10
        assert all(fitted[0] in image.parents for image in images)

    def test_the_offline_run_holds_adapter_and_report(self, fitted, trained, read_offline_run):
        (run,) = read_offline_run(trained)
        run_id = (trained / ".wandb_id").read_text()
        adapter, report = (run.artifacts[f"{kind}-{run_id}"] for kind in ("adapter", "report"))
        for sent, folder in ((adapter, trained / "adapter"), (report, trained / "report")):
            files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
            assert sent.keys() == {name for name, path in files.items() if path.is_file()}
            for name, kept in sent.items():
                assert fitted[0] in kept.parents
                assert kept.read_bytes() == files[name].read_bytes()
        assert {"adapter_config.json", "adapter_model.safetensors"} <= adapter.keys()
        assert {"report.html", "report.md", "tables/test_stimuli.parquet"} <= report.keys()

    def test_the_saved_config_runs_again_to_the_same_numbers(self, trained):
        config = str(trained / "config.yaml")
        assert main(["fit", "--config", config, *QUIET]) == 0
        first, second = (
            Judgments.read(run / "judgments.parquet") for run in (trained, trained.parent / "fit-1")
        )
        left, right = (each.table.drop(columns="observer_id") for each in (first, second))
        assert left["stimulus_id"].tolist() == right["stimulus_id"].tolist()
        np.testing.assert_allclose(left["log_odds"], right["log_odds"], rtol=1e-4, atol=1e-5)


def test_a_finished_run_continues_with_more_epochs(trained, read_offline_run):
    words = ["fit", "--ckpt_path", "last", "--trainer.max_epochs", "2", *QUIET[2:]]
    words += ["--resume.allow", "[trainer.max_epochs]"]
    assert main(words) == 0
    (run,) = read_offline_run(trained)  # also what the one before has logged, and each step once
    taken = [row["trainer/global_step"] for row in run.history if "train/loss" in row]
    assert taken == [*range(8)]
    judged = [row for row in run.history if "val/tower-small/accuracy" in row]
    assert [row["trainer/global_step"] for row in judged] == [2, 4, 6, 8]
    logged = read_estimates(trained / "metrics.jsonl")
    validated = [each for each in logged if each.stage == "val"]
    for name in ("tower-small", "tower-large"):
        assert [each.step for each in validated if each.set == name] == [2, 4, 6, 8]


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
    assert "65.61 %" in out  # mean accuracy of the 107 people, as published
    assert "73.00 %" in out  # their majority
    metrics = {each.metric for each in read_estimates(trained.parent / "test-1" / "metrics.jsonl")}
    assert metrics >= {"accuracy", "spearman", "pearson", "error_consistency"}
    table = trained.parent / "test-1" / "report" / "tables" / "test_stimuli.parquet"
    shown = pd.read_parquet(table)
    said = pd.read_csv(lerer_towers / "human_judgments.csv", dtype={"stimulus_id": str})
    shares = said.groupby("stimulus_id")["response"].mean()
    np.testing.assert_allclose(shown["human_probability"], shares[shown["stimulus_id"]])
    assert (len(shown), set(shown["human_n"])) == (100, {107})


@pytest.mark.timeout(240)  # another process imports torch; a busy machine takes its time
@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)]
)
def test_a_stopped_run_can_be_continued(workplace, stop, code):
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
    process.send_signal(stop)
    _, rest = process.communicate()
    assert process.returncode == code, said + rest
    assert "--name cut --ckpt_path last" in rest
    assert "Traceback" not in rest
    step = int(rest.partition("stopped after step ")[2].partition(";")[0])
    assert step > 0
    again = ["fit", "--name", "cut", "--ckpt_path", "auto", f"--trainer.max_steps={step + 2}"]
    again += ["--resume.allow", "[trainer.max_steps]"]
    assert main([*again, *QUIET, "--eval.after_fit", "false"]) == 0
    logged = (workplace / "runs" / "cut" / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in logged if '"train/loss"' in line]
    assert steps == list(range(step + 2))


def test_a_polite_kill_during_set_up_leaves_nothing_to_continue(workplace, monkeypatch, capsys):
    from cogtrain.training import lightning_cli

    def load(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(lightning_cli.StimuliDataModule, "build", load)
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--config", "small.yaml", "--name", "cut", *QUIET])
    assert stopped.value.code == 143
    assert capsys.readouterr().err == ""
    assert not (workplace / "runs" / "cut").exists()


def test_people_are_learned_from_and_weights_chosen_by_likeness_to_them(workplace, capsys):
    small = yaml.safe_load((workplace / "small.yaml").read_text())
    tables = {}
    for part in ("train", "val"):
        recipe = small["data"][part][0]
        ids = StimulusSet.recipe(**recipe, split=part).ids
        rows = [f"p{n},{name},{int(i % 4 > n)}" for i, name in enumerate(ids) for n in range(3)]
        tables[part] = workplace / f"{part}.csv"
        header = "observer_id,stimulus_id,response"
        tables[part].write_text("\n".join([header, *rows[: -3 if part == "train" else None]]))
    sets = {part: [small["data"][part][0] | {"humans": str(tables[part])}] for part in tables}
    config = {"data": sets, "model": {"objective": {"humans": 0.5}}}
    (workplace / "people.yaml").write_text(yaml.safe_dump(config))
    words = ["fit", "--config", "small.yaml", "--config", "people.yaml", "--name", "people", *QUIET]
    words += ["--eval.best.metric", "val/tower-small/pearson", "--eval.after_fit", "false"]
    assert main(words) == 2
    assert "every stimulus of set `tower-small`, got none to 1, first `" in capsys.readouterr().err
    words[words.index("people")] = "again"
    assert main([*words, "--model.objective.unanswered", "truth"]) == 0
    run = workplace / "runs" / "again"
    logged = read_estimates(run / "metrics.jsonl")
    scores = [each.estimate.value for each in logged if each.metric == "pearson"]
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert len(scores) == 2
    assert best["global_step"] == (2 if scores[0] >= scores[1] else 4)
    assert "of them count" in capsys.readouterr().err


def test_the_config_of_the_default_is_the_default(repository, workplace, monkeypatch):
    from cogtrain.training import lightning_cli

    class Parsed(Exception):  # noqa: N818 - not an error: it ends the run once all is known
        pass

    configs = []

    def stop(cli):
        configs.append(cli.complete_config())
        raise Parsed

    monkeypatch.setattr(lightning_cli.CogtrainCLI, "instantiate_classes", stop)
    for words in (["fit"], ["fit", "--config", str(repository / "configs" / "fit-tiny.yaml")]):
        with pytest.raises(Parsed):
            lightning_cli.main(words)
    assert configs[0] == configs[1]
    assert configs[0]["model"]["tuning"]["tune"] == dict.fromkeys(
        ("vision", "merger", "language"), "lora"
    )
    assert workplace.exists()


def test_every_config_says_how_it_is_used(repository):
    paths = sorted((repository / "configs").rglob("*.yaml"))
    assert len(paths) == 15
    for path in paths:
        first = path.read_text().splitlines()[0]
        assert first.startswith("# python -m cogtrain ")
        assert f"--config configs/{path.name}" in first

"""The verb as its user types it, and one true training."""

import json
import os
from pathlib import Path

import pytest
import yaml

from cogtrain import cli
from cogtrain.study.config import StudyConfig
from cogtrain.study.engine import Engine
from cogtrain.study.grid import expand
from cogtrain.study.local import Local
from cogtrain.study.record import Record, StudyFolder
from cogtrain.training.completing import complete
from tests.study.little import PLAIN


def test_the_grid_of_the_large_study_needs_no_weights(repository, tmp_path, monkeypatch, capsys):
    config = yaml.safe_load((repository / "configs" / "study-qwen2_5_vl.yaml").read_text())
    (tmp_path / "large.yaml").write_text(yaml.safe_dump(config | {"seeds": [3]}, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["study", "--config", "large.yaml", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["base", "tower-small-seed3", "tower-large-seed3", "pyramid-small-seed3"]
    assert [line.split()[0] for line in lines[2:6]] == names
    assert lines[3].split()[2:] == ["tower-small", "20,000", "625", "3"]
    assert lines[-1] == "6 runs, 100,000 training stimuli, 3,125 steps"
    assert [path.name for path in tmp_path.iterdir()] == ["large.yaml"]


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (({"optimizer": {"lrr": 1}}, []), "got `optimizer.lrr`; the nearest is `optimizer.lr`"),
        (({"conditions": {}}, []), "at least one of `conditions`, got none"),
        (({}, ["--engnie", "local"]), "got `engnie`; the nearest is `engine`"),
        (({}, ["--processes", "0"]), "`processes` to be at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys, mistake, line):
    changes, options = mistake
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(PLAIN | changes))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["study", "--config", "study.yaml", *options]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert line in errors
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_a_true_training_takes_the_steps_that_the_grid_says(tmp_path: Path):
    short = {
        "trainer": {"accelerator": "cpu", "devices": 1, "log_every_n_steps": 1},
        "data": {"batch_size": 16, "eval_batch_size": 16},
        "eval": {"stimuli": 2, "wandb": False},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(PLAIN | short, sort_keys=False))
    study = StudyConfig.read(tmp_path / "study.yaml")
    run = next(run for run in expand(study, complete) if run.name == "joint-seed1")
    folder, told = StudyFolder(tmp_path / "out"), []
    Engine(folder, Local([{"OMP_NUM_THREADS": "1"}]), tell=told.append).run([run])
    record = Record.read(folder.record(run.name))
    assert record is not None
    assert record.status == "finished", told
    lines = (folder.run(run.name) / "metrics.jsonl").read_text().splitlines()
    assert max(json.loads(line)["step"] for line in lines) == run.steps == 3
    manifest = json.loads((folder.run(run.name) / "manifest.json").read_text())
    fingerprints = {
        f"{part}/{each['name']}": each["fingerprint"]
        for part, sets in manifest["sets"].items()
        for each in sets
    }
    assert fingerprints == run.sets
    assert folder.unfinished([run]) == []
    assert os.listdir(folder.path / "runs") == [run.name]

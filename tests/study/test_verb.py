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


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_the_grid_of_a_large_study_needs_no_weights(
    repository, tmp_path, monkeypatch, capsys, family
):
    tokens = {"qwen2_5_vl": 16 * 16, "qwen3_vl": 14 * 14}[family]
    config = yaml.safe_load((repository / "configs" / f"study-{family}.yaml").read_text())
    (tmp_path / "large.yaml").write_text(yaml.safe_dump(config | {"seeds": [3]}, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["study", "--config", "large.yaml", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["base", "tower-small-seed3", "tower-large-seed3", "pyramid-small-seed3"]
    assert [line.split()[0] for line in lines[2:6]] == names
    assert lines[3].split()[2:] == ["tower-small", "20,000", "625", "3"]
    assert lines[-2] == "6 runs, 100,000 training stimuli, 3,125 steps"
    # The base judges 8 × 1,000; each other five times 500 per set of its own (8 in all), and that.
    judged = 6 * 8_000 + 5 * 500 * 8
    told = f"{judged:,} to judge; {(100_000 + judged) * tokens:,} image tokens"
    assert lines[-1] == f"images: 100,000 to train, {told}"
    assert [path.name for path in tmp_path.iterdir()] == ["large.yaml"]


def test_the_grid_of_models_and_ways_of_tuning(repository, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    config = repository / "configs" / "study-tuning.yaml"
    assert cli.main(["study", "--config", str(config), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines[2:46]]
    assert [row[0] for row in rows[:4]] == [
        "base-3b",
        "base-7b",
        "3b-rank-16-seed0",
        "3b-rank-16-seed1",
    ]
    assert len({row[1] for row in rows}) == 44
    # 32 stimuli a step for either model; five epochs at most where training stops early.
    steps = {row[0].removesuffix("-seed0"): row[4] for row in rows if row[0].endswith("-seed0")}
    assert steps == {
        f"{base}-{name}": "3,125" if name == "early" else "625"
        for base in ("3b", "7b")
        for name in ("rank-16", "rank-4", "rank-64", "dora", "language", "decay", "early")
    }
    assert lines[-2] == "44 runs, 840,000 training stimuli, at most 41,250 steps"


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (({"optimizer": {"lrr": 1}}, []), "got `optimizer.lrr`; the nearest is `optimizer.lr`"),
        (({"conditions": {}}, []), "at least one of `conditions`, got none"),
        (({}, ["--engnie", "local"]), "got `engnie`; the nearest is `engine`"),
        (({}, ["--processes", "0"]), "`processes` to be at least 1, got 0"),
        (({}, ["--only", "jiont"]), "run or condition, got `jiont`; the nearest is `joint"),
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


def test_a_file_for_slurm_is_written_and_nothing_begun(tmp_path, monkeypatch, capsys):
    gpus = PLAIN["trainer"] | {"accelerator": "gpu", "devices": 2}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(PLAIN | {"trainer": gpus}))
    monkeypatch.chdir(tmp_path)
    words = ["--config", "study.yaml", "--emit", "slurm", "--cpus", "8", "--only", "joint"]
    assert cli.main(["study", *words]) == 0
    script = tmp_path / "studies" / "little" / "array.sh"
    assert capsys.readouterr().out.startswith(f"written: {script}\nto begin: sbatch {script}\n")
    assert "#SBATCH --array=0-1\n" in script.read_text()
    assert "#SBATCH --ntasks=1 --cpus-per-task=8 --gpus=2\n" in script.read_text()
    assert sorted(path.name for path in script.parent.iterdir()) == ["array.sh", "slurm"]


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
        if part != "watch"  # drawn as the tested ones are, from what validation may see
        for each in sets
    }
    assert fingerprints == run.sets
    assert folder.unfinished([run]) == []
    assert os.listdir(folder.path / "runs") == [run.name]

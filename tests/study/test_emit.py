"""What is emitted, done as SLURM and the agents of Weights & Biases would do it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cogtrain.study.config import StudyConfig
from cogtrain.study.emit import Emitted
from cogtrain.study.grid import expand
from cogtrain.study.record import StudyFolder
from tests.study.little import PLAIN

# The verb, with the stand-in in place of `fit`: how a run is done is another test's.
STUDY = """
import sys
from cogtrain.study import run
from cogtrain.study.config import StudyConfig
from cogtrain.study.grid import expand
from cogtrain.study.record import StudyFolder
from pathlib import Path
from tests.study.little import spelled_out
words = [word for part in sys.argv[1:] for word in part.split("=")]
given = dict(zip(words[3::2], words[4::2]))
runs = expand(StudyConfig.read(Path(given["--config"])), spelled_out)
execution = run.Execution(
    only=given["--only"],
    command=lambda run: ["STAND_IN", run.verb, run.name, "PACE"],
)
sys.exit(run.run_study(runs, StudyFolder(Path(given["--out"])), execution))
"""


@pytest.fixture
def emitted(tmp_path: Path, monkeypatch):
    """The plain study on a path with a space, and a Python that does its runs by the stand-in."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "my study.yaml"
    config.write_text(yaml.safe_dump(PLAIN, sort_keys=False))
    return Emitted(name="little", config=config, folder=StudyFolder(tmp_path / "out"), cpus=3)


@pytest.fixture
def python(tmp_path: Path, stand_in, read, complete, monkeypatch):
    def _python(pace_s: float = 0.0) -> None:
        script = tmp_path / "study.py"
        stand = stand_in()(expand(read(), complete)[0])[0]
        script.write_text(STUDY.replace("STAND_IN", stand).replace("PACE", str(pace_s)))
        fake = tmp_path / "python"
        fake.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
        fake.chmod(0o755)
        monkeypatch.setattr("cogtrain.study.emit.sys.executable", str(fake))

    return _python


def planned(emitted: Emitted, complete):
    return expand(StudyConfig.read(emitted.config), complete)


def test_the_array_does_the_runs_and_the_study_knows_them(emitted, python, complete):
    python()
    runs = planned(emitted, complete)
    told = emitted.write("slurm", runs[:2])
    script = emitted.folder.path / "array.sh"
    assert f"to begin: sbatch {script}" in told
    assert "#SBATCH --array=0-1\n" in script.read_text()
    assert "--cpus-per-task=3\n" in script.read_text()
    assert emitted.folder.unfinished(runs[:2]) == runs[:2]
    environ = os.environ | {"SLURM_ARRAY_TASK_ID": "1", "SLURM_NTASKS": "1"}
    subprocess.run(["bash", str(script)], env=environ, check=True, capture_output=True)
    assert emitted.folder.unfinished(runs[:2]) == runs[:1]


def test_a_task_that_is_stopped_is_handed_in_again(emitted, python, complete, tmp_path):
    python(pace_s=5.0)
    runs = planned(emitted, complete)
    emitted.write("slurm", runs[1:2])
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path / "asked"}\n')
    scontrol.chmod(0o755)
    task = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_JOB_ID": "17"}
    path = {"PATH": f"{scontrol.parent}:{os.environ['PATH']}"}
    words = ["bash", str(emitted.folder.path / "array.sh")]
    batch = subprocess.Popen(words, env=os.environ | task | path, stdout=subprocess.DEVNULL)
    while not (emitted.folder.run(runs[1].name) / "steps.txt").exists():
        assert batch.poll() is None
        time.sleep(0.02)
    batch.send_signal(signal.SIGTERM)
    assert batch.wait() == 143
    assert (tmp_path / "asked").read_text() == "requeue 17_0\n"
    assert emitted.folder.unfinished(runs[1:2]) == runs[1:2]


def test_a_trial_of_the_sweep_is_a_run(emitted, complete):
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils")
    runs = planned(emitted, complete)
    runs[0].config["eval"] = {"wandb_project": "towers"}
    emitted.write("wandb", runs)
    sweep = yaml.safe_load((emitted.folder.path / "sweep.yaml").read_text())
    assert (sweep["name"], sweep["project"], sweep["method"]) == ("little", "towers", "grid")
    assert sweep["parameters"]["only"]["values"] == [run.id for run in runs]
    # As the agent spells out a trial.
    trial = utils.create_sweep_command_args({"args": {"only": {"value": runs[0].id}}})
    words = [
        word
        for part in utils.create_sweep_command(sweep["command"])
        for word in ({"${args}": trial["args"], "${env}": ["/usr/bin/env"]}.get(part, [part]))
    ]
    where = ["--config", str(emitted.config), "--out", str(emitted.folder.path)]
    words_of_study = [emitted._words()[0], "-m", "cogtrain", "study", *where]
    assert words == ["/usr/bin/env", *words_of_study, f"--only={runs[0].id}"]

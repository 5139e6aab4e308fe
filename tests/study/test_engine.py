"""Runs as processes: what is repeated, what continues, what is refused, what a kill leaves."""

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cogtrain.study.config import StudyConfig
from cogtrain.study.engine import Engine
from cogtrain.study.grid import expand
from cogtrain.study.local import Local, slots
from cogtrain.study.process import BusyError, Job, RunProcess, fit_or_test, hold
from cogtrain.study.record import Record, StudyFolder
from cogtrain.study.run import Execution, run_study
from tests.study.little import PLAIN, STAND_IN, spelled_out

TABLES = ("study.csv", "study_axes.csv", "study_comparisons.csv", "transfer.csv")


def starts(folder: StudyFolder) -> list[str]:
    """Runs whose stand-in came to its end, in order."""
    path = folder.path.parent / "starts.txt"
    return path.read_text().split() if path.exists() else []


def tables(folder: StudyFolder) -> dict[str, bytes]:
    return {name: (folder.report / name).read_bytes() for name in TABLES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Tables of the study when nothing goes wrong, two processes at a time."""
    root = tmp_path_factory.mktemp("whole")
    script = root / "stand_in.py"
    script.write_text(STAND_IN, encoding="utf-8")
    (root / "study.yaml").write_text(yaml.safe_dump(PLAIN, sort_keys=False))
    runs = expand(StudyConfig.read(root / "study.yaml"), spelled_out)
    told: list[str] = []
    folder = StudyFolder(root / "out")
    code = run_study(
        runs,
        folder,
        Execution(
            processes=2,
            command=lambda run: [str(script), run.verb, run.name, "0"],
        ),
        tell=told.append,
    )
    assert code == 0
    assert "5 runs in" in told[0]
    assert "study.csv" in told[-2]
    assert told[-1].startswith("5 of 5 runs finished, ")
    return tables(folder)


def test_a_finished_study_is_not_repeated_and_gives_the_same_tables(runs, folder, stand_in, whole):
    Engine(folder, Local([{}]), command=stand_in(), tell=str).run(runs)
    assert starts(folder) == [run.name for run in runs]
    assert run_study(runs, folder, Execution(command=stand_in()), tell=str) == 0
    assert starts(folder) == [run.name for run in runs]
    assert tables(folder) == whole
    assert all(whole.values())


def test_one_that_fails_is_told_and_does_not_stop_the_rest(runs, folder, stand_in):
    told: list[str] = []
    command = stand_in("small-seed1")
    assert run_study(runs, folder, Execution(command=command), tell=told.append) == 1
    assert starts(folder) == [run.name for run in runs if run.name != "small-seed1"]
    reason = "exit code 2: error: expected luck, got none; try again"
    assert any(line.startswith(f"missing: small-seed1 ({reason}); log: ") for line in told)
    record = Record.read(folder.record("small-seed1"))
    assert record is not None
    assert (record.status, record.code) == ("failed", 2)
    assert b"small,20,tower-small,will_fall,accuracy" in tables(folder)["study.csv"]
    Engine(folder, Local([{}]), command=stand_in(), tell=str).run(folder.unfinished(runs))
    assert starts(folder)[-1] == "small-seed1"
    assert len(starts(folder)) == len(runs)
    assert folder.unfinished(runs) == []


def test_a_single_finished_run_is_no_report(runs, folder, stand_in):
    told: list[str] = []
    command = stand_in(runs[1].name)
    assert run_study(runs[:2], folder, Execution(command=command), tell=told.append) == 1
    assert any("no report: 1 of 2 runs finished, two are the fewest" in line for line in told)


def test_success_without_judgments_is_none(runs, folder):
    silent = ["-c", ""]
    Engine(folder, Local([{}]), command=lambda _: silent, tell=str).run(runs[:1])
    record = Record.read(folder.record("base"))
    assert record is not None
    assert (record.status, record.code) == ("failed", 0)
    assert "without judgments.parquet" in record.line


def test_a_run_whose_folder_was_removed_is_run_again(runs, folder, stand_in):
    Engine(folder, Local([{}]), command=stand_in(), tell=str).run(runs[:2])
    (folder.run("small-seed0") / "judgments.parquet").unlink()
    assert [run.name for run in folder.unfinished(runs[:2])] == ["small-seed0"]


def test_a_set_that_changed_is_refused_by_its_name(runs, folder, stand_in):
    Engine(folder, Local([{}]), command=stand_in(), tell=str).run(runs[:2])
    other = replace(runs[1], id="other", sets=runs[1].sets | {"train/tower-small": "changed"})
    was = runs[1].sets["train/tower-small"]
    with pytest.raises(
        ValueError, match=rf"set `train/tower-small` of run `small-seed0`.*{was}\), got changed"
    ):
        run_study([runs[0], other], folder, Execution(command=stand_in()), tell=str)
    changed = [runs[0], replace(runs[1], id="other")]
    with pytest.raises(ValueError, match=r"run `small-seed0` as it was begun.*\(id other\)"):
        run_study(changed, folder, Execution(command=stand_in()), tell=str)
    assert len(starts(folder)) == 2


def test_the_folder_of_somebody_else_is_not_touched(runs, folder, stand_in):
    folder.run("base").mkdir(parents=True)
    (folder.run("base") / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"runs/base` to be free or begun by this study"):
        run_study(runs, folder, Execution(command=stand_in()), tell=str)
    assert (folder.run("base") / "thesis.txt").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2, "id": "a"}', '{"format": 1}'])
def test_a_damaged_record_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"record of format 1 in `.*a\.json`, got something else"):
        Record.read(tmp_path / "a.json")


def test_only_one_study_works_in_a_folder(runs, folder, stand_in):
    whole, part = (Execution(command=stand_in(), only=only) for only in (None, "base"))
    lock = hold(folder.path / ".lock", shared=True)
    assert lock is not None
    with lock, pytest.raises(ValueError, match=r"nobody at work in `.*out`, got another process"):
        run_study(runs, folder, whole, tell=str)
    with hold(folder.path / ".lock", shared=True) or pytest.fail("the lock is free"):
        assert run_study(runs, folder, part, tell=str) == 0
    assert starts(folder) == ["base"]


def test_two_never_work_on_one_run(runs, folder, stand_in):
    job = Job(runs[0], folder, stand_in()(runs[0]), patience_s=0.2)
    told: list[str] = []
    with hold(folder.lock("base")) or pytest.fail("the lock is free"):
        with pytest.raises(BusyError, match=r"nobody at work on run `base` in `.*out`, got anoth"):
            RunProcess(job)
        engine = Engine(folder, Local([{}]), command=stand_in(), tell=told.append)
        engine.patience_s = 0.2
        engine.run(runs[:1])
    assert told[0].startswith("base: left alone: expected nobody at work on run `base`")
    assert starts(folder) == []
    assert RunProcess(job).wait().status == "finished"


def test_a_run_that_is_killed_is_continued_and_not_for_ever(runs, folder, stand_in):
    told: list[str] = []
    name = runs[2].name
    engine = Engine(folder, Local([{}]), command=stand_in(f"{name}!"), tell=told.append)
    engine.run([runs[2]])
    assert folder.unfinished([runs[2]]) == []
    assert told[1].startswith(f"{name}: killed after 0.0 min (exit code -9: it wrote nothing); con")
    assert told[1].endswith("continued, 1 of 2")
    assert _steps(folder.run(name) / "steps.txt") == 5
    told.clear()
    always = ["-c", "import os; os.kill(os.getpid(), 15)"]
    Engine(folder, Local([{}]), command=lambda _: always, tell=told.append).run(runs[:1])
    assert [line.partition(" after")[0] for line in told[1::2]] == [
        "base: killed",
        "base: killed",
        "base: failed",
    ]


def test_a_part_is_done_alone_and_no_report_is_written(runs, folder, stand_in):
    told: list[str] = []

    def part(only):
        execution = Execution(command=stand_in(), only=only)
        return run_study(runs, folder, execution, tell=told.append)

    assert part("joint") == part(runs[1].id) == part("base") == 0
    assert starts(folder) == ["joint-seed0", "joint-seed1", "small-seed0", "base"]
    assert not folder.report.exists()
    assert told[-1].startswith("1 of 1 runs finished, ")
    with pytest.raises(ValueError, match="known run or condition, got `jont`; the nearest is `jo"):
        part("jont")


def test_a_report_alone_starts_nothing(runs, folder):
    told: list[str] = []
    assert run_study(runs, folder, Execution(engine="none"), tell=told.append) == 1
    assert told[2] == f"missing: base (was not begun); log: {folder.log('base')}"
    assert not folder.path.exists()


def test_a_full_disk_is_one_line(runs, folder, stand_in, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        run_study(runs, folder, Execution(command=stand_in()), tell=str)
    assert raised.value.filename == str(folder.config("base"))
    monkeypatch.undo()
    assert run_study(runs, folder, Execution(command=stand_in(), only="base"), tell=str) == 0


def test_the_base_is_tested_and_others_continue(runs):
    base, trained = fit_or_test(runs[0]), fit_or_test(runs[1])
    assert base == ["-m", "cogtrain", "test", "--config", "configs/base.yaml", "--name", "base"]
    assert trained[-4:] == ["--name", "small-seed0", "--ckpt_path", "auto"]


KILLED = """
import pickle, sys
from cogtrain.study.record import StudyFolder
from cogtrain.study.run import Execution, run_study
import pathlib
runs, words, folder = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
command = lambda run: [words[0], run.verb, run.name, "0.02"]
run_study(runs, StudyFolder(pathlib.Path(folder)), Execution(command=command))
"""


def test_killed_at_any_moment_it_continues_to_the_same_tables(
    runs, folder, stand_in, whole, tmp_path
):
    plan = tmp_path / "plan.pickle"
    plan.write_bytes(pickle.dumps((runs, stand_in()(runs[0]), str(folder.path))))
    for name, step in (("base", 0), ("small-seed0", 2), ("joint-seed0", 4)):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(plan)],
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parent,
        )
        place = folder.run(name) / "steps.txt"
        while not (folder.record(name).exists() if not step else _steps(place) >= step):
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
    assert run_study(runs, folder, Execution(command=stand_in()), tell=str) == 0
    assert tables(folder) == whole
    assert set(os.listdir(folder.path / "state")) == {f"{run.name}.json" for run in runs}


def _steps(place: Path) -> int:
    return len(place.read_text().split()) if place.exists() else 0


def test_records_are_whole(tmp_path):
    record = Record(id="a", sets={"train/b": "c"}, status="finished", code=0)
    record.write(tmp_path / "state" / "a.json")
    assert Record.read(tmp_path / "state" / "a.json") == record
    assert json.loads((tmp_path / "state" / "a.json").read_text())["format"] == 1
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("processes", "devices", "environ", "gpus", "visible"),
    [
        (2, 1, {}, 2, ["0", "1"]),
        (2, 2, {}, 4, ["0,1", "2,3"]),
        (2, 1, {"CUDA_VISIBLE_DEVICES": "5,7,9"}, 8, ["5", "7"]),
        (2, 0, {}, 8, [None, None]),
        (2, 1, {}, 0, [None, None]),
        (1, 1, {}, 4, [None]),
    ],
)
def test_gpus_are_dealt_out(processes, devices, environ, gpus, visible):
    dealt = slots(processes, devices, environ=environ, gpus=gpus)
    assert [slot.get("CUDA_VISIBLE_DEVICES") for slot in dealt] == visible
    assert all(("OMP_NUM_THREADS" in slot) == (processes > 1) for slot in dealt)


def test_more_processes_than_gpus_are_refused():
    with pytest.raises(ValueError, match=r"3 processes \(3\), got 2; give --processes 2"):
        slots(3, 1, environ={}, gpus=2)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        slots(0, 1, environ={})

"""Runs on a Ray cluster: the same as here, continued when a worker is killed, told when it goes."""

import os
import signal
import socket
import sys
import time
from contextlib import nullcontext

import psutil
import pytest

from cogtrain.cluster import Cluster, LostClusterError, connect, forwarded
from cogtrain.complaint import UsageError
from cogtrain.study.engine import Engine
from cogtrain.study.local import Local
from cogtrain.study.process import Job
from cogtrain.study.record import StudyFolder
from cogtrain.study.run import Execution, run_study


def left_behind(folder: StudyFolder) -> dict[str, bytes]:
    """Everything that the tables are made of."""
    found = [*folder.path.glob("runs/*/*"), *folder.path.glob("state/*.json")]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in found}


def test_a_worker_is_killed_and_nothing_differs_from_this_machine(
    two_workers, runs, folder, stand_in
):
    from cogtrain.study.on_ray import OnRay

    told: list[str] = []
    killed: list[int] = []
    place = folder.run("small-seed1") / "steps.txt"

    def kill_a_worker(_jobs):
        if not killed and place.exists() and len(place.read_text().split()) >= 2:
            everybody = psutil.process_iter(["cmdline"])
            runners = [each for each in everybody if "small-seed1" in (each.info["cmdline"] or [])]
            killed.extend(each.ppid() for each in runners)
            os.kill(killed[0], signal.SIGKILL)

    placement = OnRay(two_workers, cpus=1, gpus=0)
    command = stand_in(pace_s=0.15)
    options = {"tell": told.append, "look": kill_a_worker}
    Engine(folder, placement, command=command, **options).run(runs)
    assert len(killed) == 1
    assert sum("small-seed1: killed after" in line for line in told) == 1
    assert folder.unfinished(runs) == []
    here = StudyFolder(folder.path.parent / "here")
    Engine(here, Local([{}, {}]), command=stand_in(), tell=str).run(runs)
    assert left_behind(folder) == left_behind(here)
    assert "base: begun or continued" in told[0]
    assert f"handed to the Ray cluster at {two_workers.address}" in told[0]


def test_a_stopped_study_stops_its_runs_where_they_can_be_continued(
    two_workers, runs, folder, stand_in
):
    from cogtrain.study.on_ray import OnRay

    def stop(_jobs):
        if (folder.run("small-seed0") / "steps.txt").exists():
            raise KeyboardInterrupt

    told: list[str] = []
    placement = OnRay(two_workers, cpus=1, gpus=0)
    engine = Engine(folder, placement, command=stand_in(pace_s=0.3), tell=told.append, look=stop)
    with pytest.raises(KeyboardInterrupt):
        engine.run(runs[1:2])
    assert told[-1] == "small-seed0: stopped; the same command continues it"
    assert len((folder.run("small-seed0") / "steps.txt").read_text().split()) < 5
    assert [run.name for run in folder.unfinished(runs[1:2])] == ["small-seed0"]


def test_a_worker_begun_in_the_background_can_be_cancelled(runs, folder, stand_in):
    from cogtrain.study.on_ray import carry_out

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        record = carry_out(Job(runs[0], folder, stand_in()(runs[0])))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert record.status == "finished"


def test_a_cluster_that_goes_away_is_one_line(runs, folder, stand_in, monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install 'cogtrain[ray]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    gone = Cluster(f"127.0.0.1:{port}", "a")
    gone.check()  # it was asked a moment ago
    gone._checked_s -= 60
    line = f"the Ray cluster at 127.0.0.1:{port} until the end, got none: its head does not answer"
    with pytest.raises(LostClusterError, match=line):
        gone.check()

    told: list[str] = []
    monkeypatch.setattr("cogtrain.study.run._placed", lambda *_: nullcontext(OnNothing(gone)))
    assert run_study(runs, folder, Execution(engine="ray"), tell=told.append) == 1
    assert told[-1].startswith(f"error: expected {line}")
    assert told[-1].endswith("the same command goes on where this one was")
    assert sum("expected" in each for each in told) == 1
    monkeypatch.undo()
    assert run_study(runs, folder, Execution(command=stand_in(), only="base"), tell=str) == 0


class OnNothing:
    """Takes everything and does nothing."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def has_room(self):
        return True

    def begin(self, job):
        return "nowhere"

    def ended(self):
        self.cluster.check()
        raise AssertionError("the cluster is gone")

    def stop(self):
        raise AssertionError("there is nobody to ask")


def test_no_cluster_and_no_ray_are_one_line_each(monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install 'cogtrain[ray]'")
    with (
        pytest.raises(UsageError, match=r"Ray cluster at `there`, got none \(.*start one with"),
        connect("there"),
    ):
        pass
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="expected Ray for `--engine ray`, got none"), connect():
        pass


def test_what_another_machine_is_told():
    environ = {"WANDB_API_KEY": "k", "HF_HOME": "/big", "PATH": "/bin", "COGTRAIN_TRACEBACK": "1"}
    assert set(forwarded(environ)) == {"WANDB_API_KEY", "HF_HOME", "COGTRAIN_TRACEBACK"}


def test_time_is_not_wasted_on_asking(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    Cluster("nowhere", "a").check()

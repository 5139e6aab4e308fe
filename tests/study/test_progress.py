"""How far runs are, from what they write, and how that is shown."""

import json
from io import StringIO

import pytest
from rich.console import Console

from cogtrain.study.display import Lines, shown, table_of
from cogtrain.study.grid import expand
from cogtrain.study.process import Job
from cogtrain.study.progress import MetricsFollower, StudyWatch
from cogtrain.study.record import Record, StudyFolder


@pytest.fixture
def runs(read, complete):
    return expand(read(stimuli=[1280]), complete)  # 20 steps each


class Clock:
    """Seconds, as told."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def line(step: int, name: str, value: float) -> str:
    """As it stands in the log: an estimate, or a number with a name."""
    stage, _, rest = name.partition("/")
    if stage == "train":
        return json.dumps({"step": step, "name": name, "value": value}) + "\n"
    place = dict(zip(("set", "metric"), rest.split("/"), strict=True))
    return json.dumps({"stage": stage, "step": step, "value": value} | place) + "\n"


def log(folder: StudyFolder, name: str, *lines: tuple[int, str, float], end: str = "") -> None:
    path = folder.run(name) / "metrics.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("".join(line(*each) for each in lines) + end)


def validated(run) -> str:
    (only,) = run.config["data"]["val"]
    return f"val/{only['name']}/accuracy"


def begun(folder: StudyFolder, run, status="begun") -> Job:
    Record(id=run.id, sets=run.sets, status=status).write(folder.record(run.name))
    return Job(run, folder, [])


def test_only_what_was_added_is_read_and_half_a_line_waits(folder):
    follower = MetricsFollower(folder.run("a") / "metrics.jsonl", frozenset({"a", "b"}))
    follower.look()
    assert (follower.step, follower.part, follower.best) == (0, "", None)
    log(folder, "a", (3, "train/loss", 0.5), (5, "val/a/accuracy", 0.75))
    watched = (5, "val/watched/accuracy", 0.1)
    log(folder, "a", (5, "val/b/accuracy", 0.25), watched, end='{"step": 6')
    follower.look()
    assert (follower.step, follower.part, follower.best) == (5, "val", 0.5)
    with follower.path.open("a") as file:
        file.write(', "name": "train/loss", "value": 1}\n')
    follower.look()
    assert (follower.step, follower.part) == (6, "train")
    log(folder, "a", (7, "val/a/accuracy", 0.5), (7, "val/b/accuracy", 0.75))
    log(folder, "a", (8, "val/a/accuracy", 1.0))
    follower.look()
    assert follower.best == 0.625  # the mean over sets, where all were judged
    follower.path.write_text('{"step": 2, "name": "train/loss", "value": 1}\n')
    follower.look()
    assert (follower.step, follower.best) == (2, None)
    # Cut and longer again before anybody looked: where we stopped is the middle of a line.
    follower.path.write_text(line(9, "train/a_longer_name", 1.0) + line(10, "train/loss", 1.0))
    follower.look()
    assert (follower.step, follower.part) == (10, "train")
    follower.path.write_text("no log at all\n")
    follower.look()
    assert (follower.step, follower.part) == (0, "")


def test_stages_and_the_time_left(runs, folder):
    clock = Clock()
    watch = StudyWatch(runs, folder, clock)
    base, first, second = runs[:3]
    assert {each.stage for each in watch.look([])} == {"waiting"}
    jobs = [begun(folder, run) for run in (base, first, second)]
    assert [each.stage for each in watch.look(jobs)[:4]] == [
        "testing",
        "starting",
        "starting",
        "waiting",
    ]
    clock.now_s += 10
    log(folder, first.name, (4, "train/loss", 0.5), (5, validated(first), 0.75))
    standing = watch.look(jobs)[1]
    assert (standing.stage, standing.step, standing.left_s) == ("training", 5, 30.0)
    assert str(standing) == (
        f"{first.name}: training, step 5 of 20, best validation accuracy 75.0%, about 30 s left"
    )
    # Five of eighty steps in ten seconds.
    assert watch.summary(watch.look(jobs)) == (
        "5 runs: 1 testing, 1 training, 1 starting, 2 waiting; about 2 min of training left"
    )
    log(folder, first.name, (20, "train/loss", 0.5))
    begun(folder, base, "finished")
    begun(folder, second, "failed")
    stages = [each.stage for each in watch.look(jobs)]
    assert stages == ["finished", "testing", "failed", "waiting", "waiting"]


def test_lines_come_now_and_then(runs, folder):
    clock, told = Clock(), []
    lines = Lines(StudyWatch(runs, folder, clock), told.append, every_s=60)
    jobs = [begun(folder, runs[1])]
    lines.look(jobs)
    assert told == []
    clock.now_s += 61
    lines.look(jobs)
    lines.look(jobs)
    lines.tell("begun")
    assert told == [
        "5 runs: 4 waiting, 1 starting",
        f"  {runs[1].name}: starting",
        "begun",
    ]


def test_a_terminal_has_a_table(runs, folder):
    watch = StudyWatch(runs, folder, Clock())
    log(folder, runs[1].name, (5, validated(runs[1]), 0.75))
    standings = watch.look([begun(folder, runs[1])])
    console = Console(width=100, record=True, file=StringIO())
    console.print(table_of(standings, watch.summary(standings)))
    shown_text = console.export_text()
    assert "5 runs: 4 waiting, 1 training" in shown_text
    assert "5 of 20" in shown_text
    assert "75.0%" in shown_text


def test_what_is_no_terminal_has_lines(runs, folder):
    told = []
    with shown(StudyWatch(runs, folder), told.append) as display:
        assert isinstance(display, Lines)
        display.tell("one")
    assert told == ["one"]

"""Whole or absent, the same bytes however it was interrupted, and nobody else's work is lost."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cogtrain import StimulusSet
from cogtrain.rendering import render_set


def begin(desk: Any, number: int) -> None:
    """Writes until ``number`` stimuli are done, and is interrupted."""

    def progress(done: int, total: int) -> None:
        assert 0 <= done <= total == 1100
        if done >= number:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.write(progress=progress, threads=2)
    assert not desk.out.exists()
    assert desk.partial.is_dir()


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("threads", [1, 7])
def test_bytes_do_not_depend_on_threads(desk, threads: int):
    again = render_set(desk.towers, desk.out, recipe=desk.recipe, threads=threads)
    assert desk.is_done()
    assert (again.stimuli, again.shards) == (1100, 3)
    assert again.bytes == sum(map(len, desk.whole.values()))


@pytest.mark.parametrize("number", [0, 499, 500, 700, 1099, 1100])
def test_an_interrupted_run_goes_on_to_the_same_bytes(desk, number: int):
    begin(desk, number)
    told: list[int] = []
    desk.write(progress=lambda done, total: told.append(done))
    assert desk.is_done()
    kept = 1100 if number == 1100 else number // 500 * 500
    assert set(told) == {0, 500, 1000} & set(range(kept)) | set(range(kept, 1101))


@pytest.mark.parametrize("call", [1, 2, 3, 4, 40])
def test_an_interruption_is_not_forgotten(desk, call: int):
    """Not even one that comes once, while finished shards are verified."""
    begin(desk, 600)
    calls = 0

    def progress(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.write(progress=progress)
    assert calls == call
    desk.write()
    assert desk.is_done()


def test_a_finished_shard_that_was_damaged_since_is_made_again(desk):
    begin(desk, 1050)
    shard = desk.partial / "set" / "tower-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    (desk.partial / "index" / "000001.json").write_text("{")
    (desk.partial / "set" / "notes.txt").write_text("left behind")
    desk.write()
    assert desk.is_done()


CHILD = """
import os, resource, signal, sys
from cogtrain import StimulusSet
from cogtrain.rendering import render_set
recipe = {"task": "tower", "count": 1100, "seed": 5, "size_px": 28}
%s
render_set(StimulusSet.recipe(**recipe), sys.argv[1], recipe=recipe, progress=progress)
"""
KILLED = """
def progress(done, total):
    if done == 777:
        os.kill(os.getpid(), signal.SIGKILL)
"""
FULL = """
progress = None
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
"""


DEATHS = {
    "killed": (KILLED, -signal.SIGKILL, ""),
    "full disk": (FULL, 1, "could not write `.*tower-00000.*File too large.*run the same again"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_process_leaves_only_what_can_be_gone_on_with(desk, death: str):
    how, code, words = DEATHS[death]
    command = [sys.executable, "-c", CHILD % how, str(desk.out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert re.search(words, done.stderr), done.stderr
    assert list(desk.out.parent.iterdir()) == [desk.partial]
    desk.write()
    assert desk.is_done()


def test_ctrl_c_is_seen_while_nothing_of_python_runs(desk):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            desk.write(progress=max)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not desk.out.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 6}, r"`recipe.seed` to be as in the half-made set .* \(5\), got 6;"),
        ({"size_px": 56}, r"`recipe.size_px` .* \(28\), got 56; ask for the same"),
        ({"factors": {"size": "small"}}, r"`recipe.factors` .* \(null\), got "),
    ],
)
def test_a_half_made_set_of_another_recipe_is_not_touched(desk, change, words: str):
    begin(desk, 600)
    before = contents(desk.partial)
    other = desk.recipe | change
    with pytest.raises(ValueError, match=words):
        render_set(StimulusSet.recipe(**other), desk.out, recipe=other)
    assert contents(desk.partial) == before
    desk.write()
    assert desk.is_done()


def test_two_processes_do_not_write_one_set(desk):
    def second(done: int, total: int) -> None:
        if done == 3:
            with pytest.raises(ValueError, match="one process, got another process in"):
                desk.write()

    desk.write(progress=second)
    assert desk.is_done()


def test_a_folder_that_holds_something_is_refused(towers: StimulusSet, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match=r"got .*/full, which holds something; choose"):
        render_set(towers, tmp_path / "full")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"got .*/file, which holds something"):
        render_set(towers, tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


@pytest.mark.parametrize("threads", [0, 1025])
def test_absurd_threads_are_refused_and_leave_nothing(desk, threads: int):
    with pytest.raises(ValueError, match=f"`threads` to be between 1 and 1024, got {threads}"):
        desk.write(threads=threads)
    assert list(desk.out.parent.iterdir()) == []

"""Whole or absent, the same bytes however it was interrupted, and nobody else's work is lost."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cogtrain import StimulusSet
from cogtrain.rendering import render_set

Files = Callable[[Path], dict[str, bytes]]


def stop_at(number: int) -> Callable[[int, int], None]:
    """Progress that is interrupted once ``number`` stimuli are done."""

    def progress(done: int, total: int) -> None:
        assert 0 <= done <= total == 1100
        if done >= number:
            raise KeyboardInterrupt

    return progress


def begun(towers: StimulusSet, out: Path, recipe: dict[str, object], number: int) -> Path:
    """The folder of a half-made set."""
    with pytest.raises(KeyboardInterrupt):
        render_set(towers, out, recipe=recipe, progress=stop_at(number), threads=2)
    assert not out.exists()
    return out.with_name(f".{out.name}.partial")


@pytest.mark.parametrize("threads", [1, 7])
def test_bytes_do_not_depend_on_threads(
    towers: StimulusSet, recipe, written: Path, tmp_path: Path, files: Files, threads: int
):
    again = render_set(towers, tmp_path / "again", recipe=recipe, threads=threads)
    assert files(again.folder) == files(written)
    assert (again.stimuli, again.shards) == (1100, 3)
    assert again.bytes == sum(map(len, files(written).values()))


@pytest.mark.parametrize("number", [0, 1, 499, 500, 700, 1099, 1100])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    towers: StimulusSet, recipe, written: Path, tmp_path: Path, files: Files, number: int
):
    out = tmp_path / "towers"
    partial = begun(towers, out, recipe, number)
    first: list[int] = []
    render_set(towers, out, recipe=recipe, progress=lambda done, total: first.append(done))
    assert files(out) == files(written)
    assert not partial.exists()
    kept = 1100 if number >= 1100 else number // 500 * 500
    assert kept in first
    assert not set(range(kept)) & set(first) - {0, 500, 1000}


def test_a_finished_shard_that_was_damaged_since_is_made_again(
    towers: StimulusSet, recipe, written: Path, tmp_path: Path, files: Files
):
    partial = begun(towers, tmp_path / "towers", recipe, 1050)
    shard = partial / "set" / "tower-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    (partial / "index" / "000001.json").write_text("{")
    (partial / "set" / "notes.txt").write_text("left behind")
    render_set(towers, tmp_path / "towers", recipe=recipe)
    assert files(tmp_path / "towers") == files(written)


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


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [(KILLED, -signal.SIGKILL, ""), (FULL, 1, "could not write `.*tower-00000.*File too large")],
    ids=["killed", "full disk"],
)
def test_a_dead_process_leaves_only_what_can_be_gone_on_with(
    towers: StimulusSet, recipe, written: Path, tmp_path: Path, files: Files, how, code, words
):
    out = tmp_path / "towers"
    command = [sys.executable, "-c", CHILD % how, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert re.search(words, done.stderr), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".towers.partial"]
    render_set(towers, out, recipe=recipe)
    assert files(out) == files(written)


def test_ctrl_c_is_seen_while_nothing_of_python_runs(towers: StimulusSet, tmp_path: Path):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            render_set(towers, tmp_path / "towers", progress=max)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not (tmp_path / "towers").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 6}, r"`recipe.seed` to be as in the half-made set .* \(5\), got 6;"),
        ({"size_px": 56}, r"`recipe.size_px` .* \(28\), got 56; ask for the same"),
        ({"factors": {"size": "small"}}, r"`recipe.factors` .* \(null\), got "),
    ],
)
def test_a_half_made_set_of_another_recipe_is_not_touched(
    towers: StimulusSet, recipe, tmp_path: Path, files: Files, change, words: str
):
    partial = begun(towers, tmp_path / "towers", recipe, 600)
    before = files(partial)
    other = recipe | change
    with pytest.raises(ValueError, match=words):
        render_set(StimulusSet.recipe(**other), tmp_path / "towers", recipe=other)
    assert files(partial) == before


def test_two_processes_do_not_write_one_set(towers: StimulusSet, recipe, tmp_path: Path):
    def second(done: int, total: int) -> None:
        if done == 3:
            with pytest.raises(ValueError, match="one process, got another process in"):
                render_set(towers, tmp_path / "towers", recipe=recipe)

    render_set(towers, tmp_path / "towers", recipe=recipe, progress=second)


def test_a_folder_that_holds_something_is_refused(towers: StimulusSet, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match=r"got .*/full, which holds something; choose"):
        render_set(towers, tmp_path / "full")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"got .*/file, which holds something"):
        render_set(towers, tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


@pytest.mark.parametrize("threads", [-1, 100_000])
def test_absurd_threads_are_refused_and_leave_nothing(tmp_path: Path, threads: int):
    towers = StimulusSet.recipe(count=2, size_px=28)
    with pytest.raises((ValueError, OverflowError), match=r"100000|negative"):
        render_set(towers, tmp_path / "towers", threads=threads)

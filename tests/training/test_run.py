import os
import zipfile

import pytest

from cogtrain.training.run import RunFolder, find_checkpoint, folder_of, open_run


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COGTRAIN_RUN", "")  # restored afterwards, whatever a test leaves here
    monkeypatch.delenv("COGTRAIN_RUN")


def write_checkpoint(run: RunFolder, name: str = "last", mtime: int = 1) -> None:
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    path = run.checkpoints / f"{name}.ckpt"
    with zipfile.ZipFile(path, "w") as file:  # what torch writes
        file.writestr("data.pkl", "weights")
    os.utime(path, (mtime, mtime))


def test_numbers_runs_without_a_name():
    assert [open_run("fit", None, None).name for _ in range(3)] == ["fit-1", "fit-2", "fit-3"]
    assert open_run("test", None, None).name == "test-1"


def test_refuses_the_folder_of_another_run():
    write_checkpoint(open_run("fit", "mine", None))
    with pytest.raises(ValueError, match=r"runs/mine.*not empty.*--ckpt_path last"):
        open_run("fit", "mine", None)


def test_takes_an_empty_folder_and_a_folder_to_continue():
    assert open_run("fit", "mine", None) == open_run("fit", "mine", None)
    run = open_run("fit", "mine", None)
    write_checkpoint(run)
    assert open_run("fit", None, run.last) == run
    assert open_run("fit", "mine", run.last) == run
    assert open_run("fit", "fork", run.last).name == "fork"


def test_a_run_that_never_saved_is_begun_again_when_told():
    run = open_run("fit", "mine", None)
    run.write_config("seed_everything: 1\n")
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]
    with pytest.raises(ValueError, match="not empty"):
        open_run("fit", "mine", None)
    assert open_run("fit", "mine", None, is_again=True) == run


def test_judging_a_checkpoint_begins_a_run_of_its_own():
    run = open_run("fit", "mine", None)
    write_checkpoint(run)
    assert open_run("test", None, run.last).name == "test-1"


def test_says_when_the_folder_cannot_be_written(tmp_path):
    (tmp_path / "runs").write_text("a file is in the way")
    for name in ("mine", None):
        with pytest.raises(ValueError, match=r"expected a run folder that can be written to.*runs"):
            open_run("fit", name, None)


def test_last_is_the_newest_or_the_named_run():
    for age, name in enumerate(["old", "new", "middle"]):
        write_checkpoint(open_run("fit", name, None), mtime=10 + age)
    assert find_checkpoint("last").parent.parent.name == "middle"
    assert find_checkpoint("last", "old").parent.parent.name == "old"


@pytest.mark.parametrize("given", ["last", "best", "elsewhere/x.ckpt"])
def test_says_which_checkpoint_is_missing(given):
    with pytest.raises(FileNotFoundError, match=given):
        find_checkpoint(given)


def test_a_checkpoint_knows_its_run(tmp_path):
    assert folder_of(tmp_path / "a" / "checkpoints" / "last.ckpt") == RunFolder(tmp_path / "a")
    assert folder_of(tmp_path / "a" / "x.ckpt") is None


def test_other_ranks_join_the_first(monkeypatch):
    first = open_run("fit", None, None)
    assert open_run("fit", None, None, environ={**os.environ, "LOCAL_RANK": "1"}) == first


def test_ranks_that_were_started_together_need_a_name():
    with pytest.raises(ValueError, match=r"expected a name .* rank 2"):
        open_run("fit", None, None, environ={"RANK": "2"})
    assert open_run("fit", "mine", None, environ={"RANK": "2"}).name == "mine"


def test_discards_only_empty_folders():
    run = open_run("fit", None, None)
    write_checkpoint(run)
    run.discard_if_empty()
    assert run.path.exists()
    other = open_run("fit", None, None)
    other.discard_if_empty()
    assert not other.path.exists()


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_says_when_a_checkpoint_is_cut_short(part):
    run = open_run("fit", None, None)
    write_checkpoint(run)
    whole = run.last.read_bytes()
    run.last.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(
        ValueError, match=r"whole checkpoint, got `runs/fit-1/checkpoints/last.ckpt`"
    ):
        find_checkpoint("last")

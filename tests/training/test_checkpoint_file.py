import resource
import signal

import pytest
import torch

from cogtrain.training.checkpoint_file import CheckpointError, CheckpointFile

OLD = {"step": 1, "weights": torch.zeros(4)}
NEW = {"step": 2, "weights": torch.ones(300_000)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    CheckpointFile().save_checkpoint(OLD, path)
    return path


@pytest.fixture
def full_disk():
    """No file may grow beyond 64 KiB, which is how a disk without room answers a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    own = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, own)


def content(path):
    return torch.load(path, weights_only=True)


def test_replaces_the_older_one_and_leaves_nothing_aside(path):
    CheckpointFile().save_checkpoint(NEW, path)
    assert content(path)["step"] == 2
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_keeps_the_older_one(path):
    with pytest.raises(CheckpointError, match=r"last.ckpt`, got: .*the older one is untouched"):
        CheckpointFile().save_checkpoint(NEW, path)
    assert content(path)["step"] == 1
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_from_the_start_leaves_no_half(tmp_path):
    with pytest.raises(CheckpointError, match="there is no older one; make room"):
        CheckpointFile().save_checkpoint(NEW, tmp_path / "last.ckpt")
    assert not list(tmp_path.iterdir())


def test_a_kill_before_the_renaming_keeps_the_older_one(path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    monkeypatch.setattr(type(path), "replace", die)
    with pytest.raises(Killed):
        CheckpointFile().save_checkpoint(NEW, path)
    assert content(path)["step"] == 1


def test_is_flushed_before_it_is_renamed(path, monkeypatch):
    done = []
    own_replace = type(path).replace
    monkeypatch.setattr("os.fsync", lambda _: done.append("flushed"))
    monkeypatch.setattr(
        type(path), "replace", lambda *paths: done.append("renamed") or own_replace(*paths)
    )
    CheckpointFile().save_checkpoint(NEW, path)
    assert done == ["flushed", "renamed", "flushed"]

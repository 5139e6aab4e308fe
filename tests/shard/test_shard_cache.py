"""Sets behind fsspec: the same stimuli, a cache within its limit, failures that name the URL."""

import io
import threading
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from cogtrain import Loader, StimulusSet, _core
from cogtrain.rendering import render_recipe
from cogtrain.shard_cache import ShardCache
from tests.shard.test_webdataset import CLS, samples, tar


@pytest.fixture
def store(written: Path) -> Any:
    """The set of three shards in memory://towers."""
    system = fsspec.filesystem("memory")
    for path in written.glob("*.*"):
        system.pipe_file(f"/towers/{path.name}", path.read_bytes())
    yield system
    system.rm("/towers", recursive=True)


@pytest.fixture
def largest(written: Path) -> int:
    return max(path.stat().st_size for path in written.glob("*.tar"))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_remote_set_is_the_set(store: Any, written: Path, tmp_path: Path):
    cache = ShardCache(tmp_path / "cache", ahead=0)
    remote, local = StimulusSet.open("memory://towers/", cache=cache), StimulusSet.open(written)
    assert (remote.name, remote.domain) == ("towers", local.domain)
    assert (remote.ids, remote.fingerprint) == (local.ids, local.fingerprint)
    assert list(cache.folder.iterdir()) == []
    for n in (0, 499, 500, 1099):
        np.testing.assert_array_equal(remote[n].image, local[n].image)
        assert remote[n].record == local[n].record
    shards = {path.read_bytes() for path in written.glob("*.tar")}
    assert {path.read_bytes() for path in cache.folder.iterdir()} == shards


def test_shards_are_fetched_once_by_many_threads(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened: list[str] = []
    real = type(store).open

    def counted(self: Any, path: str, *args: Any, **options: Any) -> Any:
        opened.append(path)
        return real(self, path, *args, **options)

    monkeypatch.setattr(type(store), "open", counted)
    remote = StimulusSet.open("memory://towers", cache=ShardCache(tmp_path / "cache"))
    batches = list(Loader([remote], batch_size=100, seed=3, threads=4))
    assert sorted(i for batch in batches for i in batch.ids) == sorted(remote.ids)
    assert sorted(opened) == [f"memory://towers/tower-00000{n}.tar" for n in range(3)]


def test_the_limit_is_kept_and_what_was_dropped_comes_back(
    store: Any, written: Path, tmp_path: Path, largest: int
):
    cache = ShardCache(tmp_path / "cache", limit_bytes=largest + 100, ahead=1)
    remote, local = StimulusSet.open("memory://towers", cache=cache), StimulusSet.open(written)
    for n in (0, 600, 1, 1050, 601, 2):
        np.testing.assert_array_equal(remote[n].image, local[n].image)
        assert size(cache.folder) <= cache.limit_bytes
    # Three threads want three shards of a cache that holds one: slow, and still right.
    for batch, _ in zip(Loader([remote], batch_size=50, seed=3, threads=3), range(3), strict=False):
        for stimulus_id, picture in zip(batch.ids, batch.images, strict=True):
            np.testing.assert_array_equal(picture, local[local.ids.index(stimulus_id)].image)


def test_the_least_recently_used_goes_first(store: Any, tmp_path: Path, written: Path):
    sizes = {path.name: path.stat().st_size for path in written.glob("*.tar")}
    names = sorted(sizes)
    cache = ShardCache(tmp_path / "cache", limit_bytes=sum(sizes.values()) - 1, ahead=0)
    shelf = cache.shelf("memory://towers")
    for name in (names[0], names[1], names[0], names[2]):
        shelf.locate(name)
        shelf.release(name)
    kept = {path.name.split("-", 1)[1] for path in cache.folder.iterdir()}
    assert kept == {names[0], names[2]}


def test_the_next_shard_is_fetched_ahead(store: Any, tmp_path: Path, written: Path):
    names = sorted(path.name for path in written.glob("*.tar"))
    cache = ShardCache(tmp_path / "cache", ahead=1)
    shelf = cache.shelf("memory://towers", names)
    shelf.locate(names[0])
    for thread in threading.enumerate():
        if thread.name == "fetch ahead":
            thread.join(30)
    kept = sorted(path.name.split("-", 1)[1] for path in cache.folder.iterdir())
    assert kept == names[:2]


def test_a_shard_longer_than_the_limit_is_refused(store: Any, tmp_path: Path):
    cache = ShardCache(tmp_path / "cache", limit_bytes=1000)
    remote = StimulusSet.open("memory://towers", cache=cache)
    with pytest.raises(OSError, match=r"`limit_bytes` \(1000\), got \d+ bytes in `memory://towers"):
        _ = remote[0]
    with pytest.raises(ValueError, match="got 0 and 1; correct them"):
        ShardCache(tmp_path, limit_bytes=0).shelf("memory://towers")


def test_a_transfer_that_breaks_off_leaves_nothing(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cache = ShardCache(tmp_path / "cache", ahead=0)
    remote = StimulusSet.open("memory://towers", cache=cache)
    real = type(store).open

    def short(self: Any, path: str, *args: Any, **options: Any) -> Any:
        return io.BytesIO(real(self, path, *args, **options).read(700))

    def broken(self: Any, path: str, *args: Any, **options: Any) -> Any:
        raise ConnectionResetError("the line went dead")

    monkeypatch.setattr(type(store), "open", short)
    with pytest.raises(OSError, match=r"bytes of `memory://towers/tower-000000\.tar`, got 700;"):
        _ = remote[0]
    monkeypatch.setattr(type(store), "open", broken)
    with pytest.raises(OSError, match=r"tower-000000\.tar`, got ConnectionResetError: the line"):
        _ = remote[0]
    assert list(cache.folder.iterdir()) == []
    monkeypatch.setattr(type(store), "open", real)
    assert remote[0].id == remote.ids[0]


def test_damage_on_the_way_is_found(store: Any, tmp_path: Path):
    remote = StimulusSet.open("memory://towers", cache=ShardCache(tmp_path / "cache"))
    content = bytearray(store.cat_file("/towers/tower-000000.tar"))
    content[600] ^= 1
    store.pipe_file("/towers/tower-000000.tar", bytes(content))
    with pytest.raises(_core.CorruptSetError, match=r"tower-000000\.tar.*CRC32C"):
        _ = remote[0]


def test_a_replaced_shard_is_fetched_anew(store: Any, tmp_path: Path):
    cache = ShardCache(tmp_path / "cache")
    before = cache.shelf("memory://towers").locate("tower-000000.tar")
    store.pipe_file("/towers/tower-000000.tar", b"other")
    after = cache.shelf("memory://towers").locate("tower-000000.tar")
    assert (after != before, Path(after).read_bytes()) == (True, b"other")


def test_what_dead_processes_left_is_removed(store: Any, tmp_path: Path):
    cache = ShardCache(tmp_path / "cache")
    cache.folder.mkdir()
    (cache.folder / "x.tar.4194999.partial").write_bytes(b"left")
    cache.shelf("memory://towers")
    assert list(cache.folder.iterdir()) == []


def test_what_is_not_there_is_named(store: Any, tmp_path: Path):
    cache = ShardCache(tmp_path / "cache")
    with pytest.raises(FileNotFoundError, match=r"at `memory://no/manifest\.json`, got nothing"):
        StimulusSet.open("memory://no", cache=cache)
    remote = StimulusSet.open("memory://towers", cache=cache)
    store.rm("/towers/tower-000001.tar")
    with pytest.raises(FileNotFoundError, match=r"tower-000001\.tar"):
        _ = remote[700]
    with pytest.raises(ValueError, match="expected a protocol that fsspec knows in `nope://x`"):
        StimulusSet.open("nope://x", cache=cache)


def test_foreign_tars_are_read_from_afar_and_listed_once(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COGTRAIN_CACHE", str(tmp_path / "lists"))
    path = tar(tmp_path / "x.tar", samples(["a", "b"]))
    store.pipe_file("/towers/x.tar", path.read_bytes())
    cache = ShardCache(tmp_path / "cache")
    remote = StimulusSet.webdataset("memory://towers/x.tar", columns=CLS, cache=cache)
    local = StimulusSet.webdataset(path, columns=CLS)
    assert (remote.ids, remote.fingerprint) == (local.ids, local.fingerprint)
    np.testing.assert_array_equal(remote[1].image, local[1].image)
    again = ShardCache(tmp_path / "again")
    assert StimulusSet.webdataset("memory://towers/x.tar", columns=CLS, cache=again).ids == [
        "a",
        "b",
    ]
    assert list(again.folder.iterdir()) == []


def test_a_remote_recipe_is_drawn(store: Any, tmp_path: Path):
    recipe = {"task": "tower", "count": 3, "seed": 5, "size_px": 28}
    out = render_recipe(tmp_path / "r", recipe=recipe).folder
    store.pipe_file("/towers/r/manifest.json", (out / "manifest.json").read_bytes())
    remote = StimulusSet.open("memory://towers/r", cache=ShardCache(tmp_path / "cache"))
    assert (remote.name, remote.ids) == ("r", StimulusSet.recipe(**recipe).ids)

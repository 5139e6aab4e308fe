"""A set on disk is the set: same stimuli, same order, same batches; and nothing is believed."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from cogtrain import Loader, StimulusSet, _core
from cogtrain._core import CorruptSetError


def test_it_is_the_set_that_was_written(written: Path, towers: StimulusSet):
    stored = StimulusSet.open(written)
    assert (stored.name, stored.domain, len(stored)) == ("towers", "physics", len(towers))
    assert stored.fingerprint == towers.fingerprint
    assert stored.ids == towers.ids
    for index in (0, 1, 499, 500, 1099, -1):
        ours, theirs = stored[index], towers[index]
        assert (ours.id, ours.answers, ours.margin) == (theirs.id, theirs.answers, theirs.margin)
        assert ours.factors == theirs.factors
        assert {type(value) for value in ours.factors.values()} == {
            type(value) for value in theirs.factors.values()
        }
        np.testing.assert_array_equal(ours.image, theirs.image)


def test_the_record_is_what_lies_beside_the_image(written: Path):
    stored = StimulusSet.open(written)
    text, shard = stored.source.record(700)
    assert stored[700].record == json.loads(text)
    assert stored[700].record["id"] == stored.ids[700]
    assert shard == "tower-000001.tar"


def test_batches_are_those_of_the_recipe_and_so_is_the_state(written: Path, towers: StimulusSet):
    stored = Loader([StimulusSet.open(written)], batch_size=64, seed=3, threads=2)
    drawn = Loader([towers], batch_size=64, seed=3, threads=2)
    batches = iter(drawn)
    for batch, _ in zip(stored, range(4), strict=False):
        expected = next(batches)
        assert batch.ids == expected.ids
        np.testing.assert_array_equal(batch.images, expected.images)
    drawn.load_state_dict(stored.state_dict())
    assert next(iter(drawn)).ids != batch.ids


def test_an_untouched_set_verifies(written: Path):
    source = StimulusSet.open(written).source
    for number in range(3):
        source.verify(number)
    with pytest.raises(ValueError, match="below 3, got 3"):
        source.verify(3)


def read_all(folder: Path) -> None:
    """What reads every byte of a set."""
    stimuli = StimulusSet.open(folder)
    for number in range(3):
        stimuli.source.verify(number)


# Where each class of bytes of a tar header lies: name, mode, uid, gid, size, mtime, checksum, type,
# link name, magic, version, owner, group, device numbers, prefix, padding.
HEADER = [0, 31, 35, 100, 108, 116, 124, 134, 136, 148, 156, 157, 257, 263, 265, 297, 329, 345, 511]


@pytest.mark.parametrize("byte", HEADER)
def test_a_flipped_header_byte_is_found_when_the_stimulus_is_read(copy: Path, byte: int):
    shard = copy / "tower-000001.tar"
    data = bytearray(shard.read_bytes())
    data[byte] ^= 0x01
    shard.write_bytes(data)
    stimuli = StimulusSet.open(copy)
    with pytest.raises(CorruptSetError, match=r"tower-000001\.tar.*header of .* at byte 0;"):
        stimuli[500]
    assert stimuli[501].id == stimuli.ids[501]


def test_a_flipped_byte_anywhere_is_found(copy: Path):
    chance = random.Random(0)
    for name in ("tower-000002.tar", "manifest.json"):
        path = copy / name
        whole = path.read_bytes()
        for at in chance.sample(range(len(whole)), 60):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(CorruptSetError, match=r"tower-000002\.tar|manifest\.json"):
                read_all(copy)
        path.write_bytes(whole)
    read_all(copy)


def test_a_file_cut_anywhere_is_found(copy: Path):
    chance = random.Random(1)
    for name in ("tower-000002.tar", "manifest.json"):
        path = copy / name
        whole = path.read_bytes()
        for kept in [0, 1, len(whole) - 1, *chance.sample(range(len(whole)), 20)]:
            path.write_bytes(whole[:kept])
            with pytest.raises(CorruptSetError, match="got"):
                StimulusSet.open(copy)
        path.write_bytes(whole)


def test_a_shard_that_shrinks_after_opening_is_found(copy: Path):
    stimuli = StimulusSet.open(copy)
    shard = copy / "tower-000002.tar"
    shard.write_bytes(shard.read_bytes()[:100_000])
    with pytest.raises(CorruptSetError, match="ends within a stimulus at byte"):
        stimuli[1099]


def test_swapped_shards_are_found(copy: Path):
    one, two = copy / "tower-000000.tar", copy / "tower-000001.tar"
    one.rename(copy / "x")
    two.rename(one)
    (copy / "x").rename(two)
    with pytest.raises(CorruptSetError, match=r"tower-00000\d\.tar"):
        read_all(copy)


def test_a_missing_shard_is_named(copy: Path):
    (copy / "tower-000001.tar").unlink()
    with pytest.raises(FileNotFoundError, match=r"tower-000001\.tar"):
        StimulusSet.open(copy)


def test_bytes_flipped_in_a_loader_are_its_error(copy: Path):
    shard = copy / "tower-000000.tar"
    data = bytearray(shard.read_bytes())
    data[600] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(CorruptSetError, match="CRC32C"):
        list(Loader([StimulusSet.open(copy)], batch_size=100, seed=0, threads=2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "manifest.json.*EOF"),
        ("[" * 100_000, "manifest.json"),
        ("{}", "the format null"),
        ('{"layout": 1, "count": 3}', "the format null"),
        ('{"format": "cogtrain stimulus set", "format_version": 2}', "version 2 .*reads 1"),
        ('{"format": "cogtrain stimulus set", "format_version": 1}', "its own hash"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, words: str):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(CorruptSetError, match=words):
        StimulusSet.open(tmp_path)
    with pytest.raises(CorruptSetError, match=words):
        _core.read_manifest(tmp_path)


def test_what_is_no_set_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="got nothing there"):
        StimulusSet.open(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="got an empty folder"):
        StimulusSet.open(tmp_path)
    for name in "fedcba":
        (tmp_path / f"{name}.png").touch()
    with pytest.raises(FileNotFoundError, match=r"got a\.png, b\.png, c\.png, d\.png, \.\.\.; "):
        StimulusSet.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="got a file"):
        StimulusSet.open(tmp_path / "a.png")


def test_a_moved_set_is_the_same(written: Path, tmp_path: Path):
    moved = shutil.copytree(written, tmp_path / "elsewhere")
    assert StimulusSet.open(moved).fingerprint == StimulusSet.open(written).fingerprint
    assert StimulusSet.open(moved).name == "elsewhere"

"""Programs that know nothing of us read the shards: tar, Python's tarfile, webdataset."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import StimulusSet


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tar"))


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, as RFC 3720 defines it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_shards_hold_five_hundred_stimuli_each_and_the_rest(written: Path, towers: StimulusSet):
    names = [path.name for path in shards(written)]
    assert names == [f"tower-{number:06d}.tar" for number in range(3)]
    members = []
    for path in shards(written):
        with tarfile.open(path) as archive:
            members.append(len(archive.getnames()))
    assert members == [1000, 1000, 200]


def test_tarfile_would_write_the_same_headers(written: Path):
    path = shards(written)[2]
    with tarfile.open(path) as archive:
        for member in archive:
            expected = tarfile.TarInfo(member.name)
            expected.size = member.size
            header = path.read_bytes()[member.offset : member.offset + 512]
            theirs = bytearray(expected.tobuf(tarfile.USTAR_FORMAT))
            assert header == bytes(theirs)


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs the program tar")
def test_tar_lists_and_unpacks_them(written: Path, towers: StimulusSet, tmp_path: Path):
    path = shards(written)[2]
    command = ["tar", "tf", str(path)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    ids = towers.ids[1000:]
    assert listed.stdout.split() == [f"{i}.{kind}" for i in ids for kind in ("png", "json")]
    assert listed.stderr == ""
    subprocess.run(["tar", "xf", str(path), "-C", str(tmp_path)], check=True)
    image = np.asarray(Image.open(tmp_path / f"{ids[7]}.png"))
    np.testing.assert_array_equal(image, towers[1007].image)


# In a process of its own: the package leaves its files open, which is an error here.
WEBDATASET = """
import hashlib, json, sys, webdataset
samples = webdataset.WebDataset(sys.argv[1], shardshuffle=False).decode("rgb8")
for sample in samples:
    digest = hashlib.sha256(sample["png"].tobytes()).hexdigest()
    print(json.dumps([sample["__key__"], sample["json"]["answers"], digest]))
"""


def test_webdataset_reads_them(written: Path, towers: StimulusSet):
    pytest.importorskip("webdataset")
    urls = str(written / "tower-{000000..000002}.tar")
    command = [sys.executable, "-W", "ignore", "-c", WEBDATASET, urls]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert [key for key, _, _ in samples] == towers.ids
    for index in (0, 499, 500, 1099):
        stimulus = towers[index]
        digest = hashlib.sha256(stimulus.image.tobytes()).hexdigest()
        assert samples[index][1:] == [stimulus.answers, digest]


def test_the_manifest_says_where_every_member_lies(written: Path):
    manifest = json.loads((written / "manifest.json").read_text())
    for shard in manifest["shards"]:
        data = (written / shard["name"]).read_bytes()
        assert len(data) == shard["bytes"]
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            found = [(m.name, m.offset_data, m.size) for m in archive]
        told = [
            (f"{stimulus_id}.{kind}", member[0], member[1])
            for stimulus_id, *members in shard["stimuli"]
            for kind, member in zip(("png", "json"), members, strict=True)
        ]
        assert told == found
        for offset, length, crc in shard["stimuli"][3][1:]:
            assert crc32c(data[offset : offset + length]) == crc
    assert crc32c(b"123456789") == 0xE3069283


def test_records_are_canonical_json(written: Path):
    with tarfile.open(shards(written)[0]) as archive:
        for member in archive.getmembers()[1:41:2]:
            file = archive.extractfile(member)
            assert file is not None
            text = file.read().decode()
            # Numbers as they were written: Python would write 0.00003 as 3e-05.
            kept = json.loads(text, parse_float=lambda number: f"<{number}>")
            again = json.dumps(kept, sort_keys=True, separators=(",", ":"))
            assert re.sub(r'"<(.*?)>"', r"\1", again) == text

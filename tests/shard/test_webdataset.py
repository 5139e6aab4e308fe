"""Tars that programs other than ours wrote: what Python's tarfile and webdataset see, we see."""

import io
import json
import os
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image
from webdataset.tariterators import group_by_keys, tar_file_iterator

from cogtrain import Loader, StimulusSet, _core

CLS = {"will_fall": "cls"}


@pytest.fixture(autouse=True)
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what the headers say is kept."""
    monkeypatch.setenv("COGTRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tars"


def image(value: int) -> np.ndarray:
    return np.full((4, 6, 3), value, np.uint8)


def encoded(value: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image(value)).save(buffer, kind)
    return buffer.getvalue()


def tar(path: Path, members: Iterable[tuple[str, bytes]], **options: int) -> Path:
    with tarfile.open(path, "w", **options) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def samples(names: Iterable[str]) -> list[tuple[str, bytes]]:
    return [
        member
        for n, name in enumerate(names)
        for member in ((f"{name}.png", encoded(n)), (f"{name}.cls", str(n % 2).encode()))
    ]


def test_what_webdataset_writes_is_read(tmp_path: Path):
    for shard in range(2):
        with webdataset.TarWriter(str(tmp_path / f"towers-{shard}.tar")) as writer:
            for n in range(3):
                about = {"stands": n == 1, "scene": {"n_blocks": n + 2}, "margin": n / 8}
                key = f"{shard}/{n:03d}"
                writer.write({"__key__": key, "png": encoded(n), "json": about, "txt": f"t{n}"})
    stimuli = StimulusSet.webdataset(
        tmp_path,
        columns={
            "will_fall": "json.stands",
            "n_blocks": "json.scene.n_blocks",
            "margin": "json.margin",
            "title": "txt",
            "absent": "json.no.such",
        },
        answers={"will_fall": {"true": "no", "false": "yes"}},
    )
    assert stimuli.name == tmp_path.name
    theirs = []
    for path in sorted(tmp_path.glob("*.tar")):
        with path.open("rb") as stream:
            members = ({**member, "__url__": ""} for member in tar_file_iterator(stream))
            theirs += [sample["__key__"] for sample in group_by_keys(members)]
    assert stimuli.ids == theirs
    second = stimuli[1]
    np.testing.assert_array_equal(second.image, image(1))
    assert second.answers == {"will_fall": "no"}
    assert second.factors == {"n_blocks": 3, "margin": 0.125, "title": "t1"}
    assert second.margin == 0.125
    assert stimuli[-1].answers == {"will_fall": "yes"}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_read(tmp_path: Path, format: int):
    names = ["a", "folder/b", "d" * 60 + "/" + "e" * 60, "../../up", "/etc/root"]
    if format != tarfile.USTAR_FORMAT:
        names += ["ü" * 40 + "ö", "long/" + "x" * 300, "deep/" * 60 + "y"]
    path = tar(tmp_path / "x.tar", samples(names), format=format)
    stimuli = StimulusSet.webdataset(path, columns=CLS)
    assert stimuli.ids == names
    for n, stimulus in enumerate(stimuli):
        np.testing.assert_array_equal(stimulus.image, image(n))
        assert stimulus.answers == {"will_fall": ("no", "yes")[n % 2]}


def test_what_is_no_file_is_passed_over(tmp_path: Path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "g"}) as out:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"a.{kind.decode()}.png")
            info.type, info.linkname, info.size = kind, "/etc/passwd", 0
            out.addfile(info)
        for name, content in [("._a.png", b"mac"), ("README", b"text"), ("__meta__.json", b"{}")]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
        for name, content in samples(["b"]):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    assert StimulusSet.webdataset(path, columns=CLS).ids == ["b"]


def test_ids_of_several_tars_are_told_apart_or_declared(tmp_path: Path):
    paths = [tar(tmp_path / f"{name}.tar", samples(["0", "1"])) for name in "pq"]
    assert StimulusSet.webdataset(paths, columns=CLS).ids == ["p/0", "p/1", "q/0", "q/1"]
    about = [("0.png", encoded(0)), ("0.json", json.dumps({"uid": 17, "label": 1}).encode())]
    path = tar(tmp_path / "uid.tar", about)
    columns = {"will_fall": "json.label", "stimulus_id": "json.uid"}
    assert StimulusSet.webdataset(path, columns=columns).ids == ["17"]
    with pytest.raises(ValueError, match="`17` twice"):
        StimulusSet.webdataset([path, path], columns=columns)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_images_of_every_kind_are_loaded_in_batches(tmp_path: Path, kind: str):
    ending = {"PNG": "png", "JPEG": "JPG", "WEBP": "webp"}[kind]
    members = [(f"{n}.{ending}", encoded(n, kind)) for n in range(6)]
    members += [(f"{n}.cls", b" 1\n") for n in range(6)]
    stimuli = StimulusSet.webdataset(tar(tmp_path / "x.tar", members), columns=CLS)
    batches = list(Loader([stimuli], batch_size=2, seed=0))
    assert sorted(i for batch in batches for i in batch.ids) == [str(n) for n in range(6)]
    assert batches[0].images.shape == (2, 4, 6, 3)


def test_headers_are_read_once_until_the_file_changes(tmp_path: Path, lists: Path):
    path = tar(tmp_path / "x.tar", samples(["a", "b"]))
    before = StimulusSet.webdataset(path, columns=CLS)
    about, content = path.stat(), bytearray(path.read_bytes())
    assert len(list(lists.iterdir())) == 1
    content[0:1] = b"z"  # the name no longer fits its checksum
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    listed = StimulusSet.webdataset(path, columns=CLS)
    assert listed.fingerprint == before.fingerprint
    np.testing.assert_array_equal(listed[1].image, image(1))
    with pytest.raises(_core.CorruptSetError, match=r"x\.tar.*changed since it was listed at byte"):
        _ = listed[0]
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    with pytest.raises(_core.CorruptSetError, match=r"x\.tar.*got a damaged header .*at byte 0;"):
        StimulusSet.webdataset(path, columns=CLS)


@pytest.mark.parametrize("damage", [b"", b"{}", b"x\ny\nz", b"\xff\xfe"])
def test_a_damaged_list_is_made_anew(tmp_path: Path, lists: Path, damage: bytes):
    path = tar(tmp_path / "x.tar", samples(["a", "b"]))
    ids = StimulusSet.webdataset(path, columns=CLS).ids
    (file,) = lists.iterdir()
    whole = file.read_bytes()
    for content in (damage, whole[: len(whole) // 2], whole.replace(b"512", b"513")):
        file.write_bytes(content)
        assert StimulusSet.webdataset(path, columns=CLS).ids == ids
        assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("COGTRAIN_CACHE", str(tmp_path / "file"))
    path = tar(tmp_path / "x.tar", samples(["a"]))
    assert StimulusSet.webdataset(path, columns=CLS).ids == ["a"]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_cut_is_an_error_that_names_file_and_byte(tmp_path: Path, format: int):
    whole = tar(tmp_path / "x.tar", samples(["a", "n" * 200]), format=format).read_bytes()
    end = len(whole.rstrip(b"\0"))
    end += -end % 512  # all that follows are empty blocks
    for cut in range(0, end, 173):
        path = tmp_path / f"cut-{cut}.tar"
        path.write_bytes(whole[:cut])
        with pytest.raises(_core.CorruptSetError, match=rf"cut-{cut}\.tar.* at byte \d+;"):
            StimulusSet.webdataset(path, columns=CLS)
    for cut in (end + 512, end + 700, len(whole)):
        (tmp_path / "x.tar").write_bytes(whole[:cut])
        assert len(StimulusSet.webdataset(tmp_path / "x.tar", columns=CLS)) == 2


def test_every_flipped_byte_of_a_header_is_seen_or_harmless(tmp_path: Path):
    whole = tar(tmp_path / "x.tar", samples(["a", "b"])).read_bytes()
    path = tmp_path / "flipped.tar"
    for at in range(512):
        damaged = bytearray(whole)
        damaged[at] ^= 0x15
        path.write_bytes(damaged)
        try:
            assert StimulusSet.webdataset(path, columns=CLS).ids == ["a", "b"]
        except _core.CorruptSetError as error:
            assert "flipped.tar" in str(error)  # noqa: PT017 - harmless flips raise nothing


def forged(size: bytes) -> bytes:
    header = bytearray(tarfile.TarInfo("a.png").tobuf())
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"data that end without an end mark \(a truncated file\) at byte 0;"),
        (b"\x1f\x8b" + bytes(600), "a gzip file, which must be unpacked first, at byte 0;"),
        (forged(b"77777777777\0"), r"a member of 8589934591 bytes that goes beyond .* at byte 0;"),
        (forged(b"\x80" + b"\xff" * 11), "a length that is no number at byte 0;"),
        (forged(b"\x80" + bytes(3) + struct.pack(">Q", 2**64 - 1)), "a member of 18446744073709"),
        (b"a" + bytes(147) + b"\x80" + bytes(1000), "a damaged header"),
        (forged(b"hello\0\0\0\0\0\0\0"), "a length that is no number"),
    ],
)
def test_what_is_no_tar_is_said(tmp_path: Path, content: bytes, words: str):
    (tmp_path / "odd.tar").write_bytes(content)
    with pytest.raises(_core.CorruptSetError, match=rf"odd\.tar.*got {words}"):
        StimulusSet.webdataset(tmp_path / "odd.tar", columns=CLS)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a.cls", b"1")], "the sample `a` of cls with 0 images"),
        ([("a.png", b""), ("a.jpg", b"")], "the sample `a` of png, jpg with 2 images"),
        ([("a.png", b""), ("a.png", b"")], "the member `a.png` twice"),
    ],
)
def test_samples_hold_one_image(tmp_path: Path, members: list[tuple[str, bytes]], words: str):
    path = tar(tmp_path / "x.tar", members)
    with pytest.raises(_core.CorruptSetError, match=rf"x\.tar.*got {words}.* at byte \d+;"):
        StimulusSet.webdataset(path, columns=CLS)


@pytest.mark.parametrize(
    ("columns", "member", "words"),
    [
        ({"will_fall": "cls"}, ("a.cls", b"maybe"), r'"maybe" in `cls` \(not one of 0, 0.0'),
        ({"will_fall": "txt"}, ("a.cls", b"1"), "nothing in `txt`"),
        ({"will_fall": "json.q"}, ("a.json", b'{"p": 1}'), r"nothing in `json\.q`"),
        ({"will_fall": "json.q"}, ("a.json", b'{"q": [1]}'), r"\[1\] in `json\.q`"),
        ({"will_fall": "json.q"}, ("a.json", b'{"q": '), r"`a\.json` with `EOF while parsing"),
        ({"will_fall": "cls"}, ("a.cls", b"\xff"), r"`a\.cls` with `invalid utf-8"),
    ],
)
def test_a_label_that_cannot_be_read_is_named(tmp_path: Path, columns, member, words: str):
    stimuli = StimulusSet.webdataset(
        tar(tmp_path / "x.tar", [("a.png", encoded(1)), member]), columns=columns
    )
    with pytest.raises(_core.CorruptSetError, match=rf"x\.tar.*{words}.* at byte \d+;"):
        _ = stimuli[0]


def test_a_damaged_image_is_named(tmp_path: Path):
    path = tar(tmp_path / "x.tar", [("a.png", encoded(1)[:-9]), ("a.cls", b"1")])
    with pytest.raises(_core.CorruptSetError, match=r"x\.tar.*`a\.png` with data that end early"):
        _ = StimulusSet.webdataset(path, columns=CLS)[0]


def test_mistakes_in_the_declaration_are_named(tmp_path: Path):
    path = tar(tmp_path / "x.tar", samples(["a"]))
    with pytest.raises(ValueError, match=r"will_fall.*got label; declare e\.g\."):
        StimulusSet.webdataset(path, columns={"label": "cls"})
    with pytest.raises(ValueError, match=r"of `columns` \(will_fall\), got `which`"):
        StimulusSet.webdataset(path, columns=CLS, answers={"which": {"1": "yes"}})
    with pytest.raises(ValueError, match="got `perhaps` for `1`"):
        StimulusSet.webdataset(path, columns=CLS, answers={"will_fall": {"1": "perhaps"}})
    with pytest.raises(FileNotFoundError, match="no-such"):
        StimulusSet.webdataset(tmp_path / "no-such", columns=CLS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="got none; name the folder"):
        StimulusSet.webdataset(tmp_path / "empty", columns=CLS)
    with pytest.raises(FileNotFoundError, match=r"declare .* with `StimulusSet\.webdataset`"):
        StimulusSet.open(tmp_path)


def test_the_fingerprint_follows_content_and_declaration(tmp_path: Path):
    path = tar(tmp_path / "x.tar", samples(["a", "b"]))
    first = StimulusSet.webdataset(path, columns=CLS).fingerprint
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "x.tar").write_bytes(path.read_bytes())
    assert StimulusSet.webdataset(moved, columns=CLS).fingerprint == first
    columns = CLS | {"n": "json.n"}
    assert StimulusSet.webdataset(path, columns=columns).fingerprint != first
    other = tar(moved / "x.tar", samples(["a", "c"]))
    assert StimulusSet.webdataset(other, columns=CLS).fingerprint != first

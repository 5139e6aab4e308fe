"""Files on disk: the pixels of Pillow, or an error that names the file."""

import io
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cogtrain import _core


def decoded(path: Path) -> np.ndarray:
    return _core.Source.photographs(["x"], [path], [{"will_fall": "yes"}])[0].image


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def picture(rng: np.random.Generator, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Smooth shapes with some noise: exercises chroma upsampling more than noise alone."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / rng.uniform(2, 30) + y / rng.uniform(2, 30)) for _ in range(channels)]
    values = (
        127 + 100 * np.stack(waves, axis=-1) + rng.normal(0, rng.uniform(0, 40), (height, width, 1))
    )
    return np.clip(values, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_colour_jpegs_equal_pillow(tmp_path: Path, subsampling: str, progressive: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        height, width = rng.integers(1, 150, 2)
        quality = int(rng.integers(5, 101))
        path = tmp_path / "x.jpg"
        Image.fromarray(picture(rng, height, width)).save(
            path, quality=quality, subsampling=subsampling, progressive=progressive
        )
        expected = np.asarray(Image.open(path).convert("RGB"))
        np.testing.assert_array_equal(decoded(path), expected)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_grey_jpegs_equal_pillow(tmp_path: Path, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        pixels = picture(rng, *rng.integers(1, 100, 2), channels=1)[..., 0]
        path = tmp_path / "x.jpg"
        Image.fromarray(pixels).save(path, **options)
        np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


def test_jpegs_keep_rgb_and_ignore_orientation_as_pillow_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    exif = Image.Exif()
    exif[0x0112] = 6
    for options in ({"keep_rgb": True}, {"exif": exif}):
        path = tmp_path / "x.jpg"
        Image.fromarray(picture(rng, 40, 60)).save(path, **options)
        np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pngs_equal_pillow(tmp_path: Path, mode: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        height, width = rng.integers(1, 80, 2)
        image = Image.fromarray(rng.integers(0, 256, (height, width, 4), dtype=np.uint8), "RGBA")
        path = tmp_path / "x.png"
        image.convert("RGB" if mode == "P" else "RGBA").convert(mode).save(path)
        np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
@pytest.mark.parametrize("transparency", [1, b"\x00\x80"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_any_depth_equal_pillow(
    tmp_path: Path, bits: int, transparency: int | bytes
) -> None:
    rng = np.random.default_rng(bits)
    image = Image.fromarray(rng.integers(0, 2**bits, (13, 17), dtype=np.uint8), "P")
    image.putpalette(rng.integers(0, 256, 3 * 2**bits, dtype=np.uint8).tobytes())
    path = tmp_path / "x.png"
    image.save(path, bits=bits, transparency=transparency)
    np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


def png(height: int, width: int, *, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_equal_pillow(tmp_path: Path, colour: int, channels: int) -> None:
    rng = np.random.default_rng(4)
    samples = rng.integers(0, 2**16, (5, 7, channels), dtype=np.uint16)
    samples[0, :, 0] = [0, 1, 254, 255, 256, 257, 65535]
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in samples)
    path = written(tmp_path, "x.png", png(5, 7, depth=16, colour=colour, rows=rows))
    np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))
    if colour == 0:  # Pillow clips 16-bit grey; all other samples keep their high byte.
        np.testing.assert_array_equal(decoded(path)[..., 0], np.minimum(samples[..., 0], 255))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_shallow_grey_is_stretched_to_eight_bits(tmp_path: Path, depth: int) -> None:
    packed = np.random.default_rng(depth).integers(0, 256, (6, depth * 2), dtype=np.uint8)
    rows = b"".join(b"\x00" + row.tobytes() for row in packed)
    path = written(tmp_path, "x.png", png(6, 16, depth=depth, colour=0, rows=rows))
    np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


def encoded(format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(np.random.default_rng(5), 48, 64)).save(buffer, format, **options)
    return buffer.getvalue()


FILES = {
    "png": encoded("PNG"),
    "baseline": encoded("JPEG", quality=80),
    "progressive": encoded("JPEG", quality=80, progressive=True),
}


@pytest.mark.parametrize("kind", FILES)
def test_truncated_files_are_errors_that_name_them(tmp_path: Path, kind: str) -> None:
    whole = FILES[kind]
    cuts = sorted(
        {0, 1, 2, 3, 8, *range(10, len(whole) - 1, max(1, len(whole) // 40)), len(whole) - 1}
    )
    for cut in cuts:
        path = written(tmp_path, f"{kind}-{cut}.img", whole[:cut])
        with pytest.raises(_core.CorruptImageError, match=f"{kind}-{cut}.img"):
            decoded(path)


def test_truncation_is_said_in_words(tmp_path: Path) -> None:
    for name, content in FILES.items():
        path = written(tmp_path, name, content[: len(content) * 2 // 3])
        with pytest.raises(_core.CorruptImageError, match="got data that end early"):
            decoded(path)


@given(st.sampled_from(sorted(FILES)), st.data())
def test_damage_is_an_error_or_harmless(kind: str, data: st.DataObject) -> None:
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            words = str(decoded(Path(file.name)).shape)
        except _core.CorruptImageError as error:
            words = str(error)
        assert words.endswith(", 3)") or file.name in words


def test_a_huge_claim_is_refused_without_allocating(tmp_path: Path) -> None:
    path = written(tmp_path, "bomb.png", png(2**31 - 1, 2**31 - 1, depth=8, colour=2, rows=b""))
    with pytest.raises(
        _core.CorruptImageError, match="got a size of 2147483647 × 2147483647 pixels"
    ):
        decoded(path)
    content = bytearray(FILES["baseline"])
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", 65500, 65500)
    path = written(tmp_path, "bomb.jpg", bytes(content))
    with pytest.raises(_core.CorruptImageError, match="got a size of 65500 × 65500 pixels"):
        decoded(path)


def test_other_files_are_refused_by_their_content(tmp_path: Path) -> None:
    for name, content, words in [
        ("empty.png", b"", "got an empty file"),
        ("text.png", b"hello, world", "starts with the bytes 68 65 6c 6c"),
        ("anim.jpg", b"GIF89a", "starts with the bytes 47 49 46 38 39 61"),
    ]:
        with pytest.raises(_core.CorruptImageError, match=words):
            decoded(written(tmp_path, name, content))


def test_a_missing_file_is_named_when_the_set_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no-such\.png"):
        _core.Source.photographs(["x"], [tmp_path / "no-such.png"], [{}])


def test_ids_must_be_unique_and_lists_equally_long(tmp_path: Path) -> None:
    path = written(tmp_path, "x.png", FILES["png"])
    with pytest.raises(ValueError, match="`twin` twice"):
        _core.Source.photographs(["twin", "twin"], [path, path], [{}, {}])
    with pytest.raises(ValueError, match=r"as ids \(2\), got 1 paths"):
        _core.Source.photographs(["a", "b"], [path], [{}, {}])
    with pytest.raises(ValueError, match="at least one, got none"):
        _core.Source.photographs([], [], [])


def test_fingerprint_is_of_content_not_of_place(tmp_path: Path) -> None:
    def fingerprint(name: str, kind: str, answer: str) -> str:
        path = written(tmp_path, name, FILES[kind])
        return _core.Source.photographs(["x"], [path], [{"will_fall": answer}]).fingerprint

    assert fingerprint("a", "png", "yes") == fingerprint("b", "png", "yes")
    assert fingerprint("a", "png", "yes") != fingerprint("a", "png", "no")
    assert fingerprint("a", "png", "yes") != fingerprint("a", "baseline", "yes")


def test_encoded_png_is_what_pillow_reads(tmp_path: Path) -> None:
    pixels = picture(np.random.default_rng(6), 30, 50)
    content = _core.encode_png(pixels)
    assert content == _core.encode_png(pixels.copy(order="F"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)
    np.testing.assert_array_equal(decoded(written(tmp_path, "x.png", content)), pixels)
    with pytest.raises(ValueError, match=r"got float64 of shape \[2, 2, 3\]"):
        _core.encode_png(np.zeros((2, 2, 3)))


def test_the_real_photographs_equal_pillow(lerer_towers: Path) -> None:
    for path in sorted((lerer_towers / "images").glob("*.png")):
        np.testing.assert_array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))

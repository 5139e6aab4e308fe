"""Image files in memory against Pillow: inks, WebP, orientation, scaled decoding, own buffers."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from cogtrain import _core

TURNED = [1, 2, 3, 4, 5, 6, 7, 8]


def picture(height: int, width: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin((x + channel * y) / 5 + seed) * 110 + 127 for channel in range(channels)]
    noise = np.random.default_rng(seed).normal(0, 9, (height, width, channels))
    return np.clip(np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)


def saved(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def same(content: bytes) -> None:
    np.testing.assert_array_equal(_core.decode_image(content), pillow(content))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [5, 75, 100])
def test_inks_become_the_colours_of_pillow(quality: int, progressive: bool):
    for seed in range(6):
        inks = picture(40 + seed, 31, seed, channels=4)
        image = Image.frombytes("CMYK", (31, 40 + seed), inks.tobytes())
        same(saved(image, "JPEG", quality=quality, progressive=progressive))


@pytest.mark.parametrize("blocks", [1, 5])
def test_restart_markers_change_nothing(blocks: int):
    same(saved(picture(61, 83), "JPEG", restart_marker_blocks=blocks))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "options", [{"lossless": True, "exact": True}, *({"quality": q} for q in (0, 40, 80, 100))]
)
def test_webp_equals_pillow(options: dict[str, Any], channels: int):
    for seed, (height, width) in enumerate([(1, 1), (2, 3), (17, 33), (90, 65), (120, 200)]):
        same(saved(picture(height, width, seed, channels), "WEBP", **options))


def test_of_an_animation_the_first_frame_is_shown():
    frames = [Image.fromarray(picture(30, 40, seed)) for seed in (1, 2)]
    options = {"save_all": True, "append_images": frames[1:], "duration": 50}
    same(saved(frames[0], "WEBP", lossless=True, **options))
    same(saved(frames[0], "PNG", **options))


def adam7(pixels: np.ndarray) -> bytes:
    """An interlaced RGB PNG, which Pillow reads but does not write."""
    rows = b""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    for top, left, down, across in [*passes, (1, 0, 2, 1)]:
        part = pixels[top::down, left::across]
        rows += b"".join(b"\x00" + row.tobytes() for row in part) if part.size else b""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (21, 34)])
def test_interlaced_pngs_equal_pillow(size: tuple[int, int]):
    content = adam7(picture(*size))
    np.testing.assert_array_equal(_core.decode_image(content), picture(*size))
    same(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("value", [*TURNED, 0, 9])
def test_orientation_is_followed_when_asked_and_only_then(kind: str, value: int):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x0112] = value
    content = saved(picture(24, 40), kind, exif=exif)
    same(content)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    expected = np.asarray(turned.convert("RGB"))
    np.testing.assert_array_equal(_core.decode_image(content, upright=True), expected)
    assert _core.image_size(content, upright=True) == expected.shape[:2]


def test_orientation_is_found_in_xmp_and_in_either_byte_order():
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"
    exif += b"\x00\x06\x00\x00\x00\x00\x00\x00"
    for options in ({"xmp": xmp}, {"exif": exif}):
        content = saved(picture(24, 40), "JPEG", **options)
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        assert expected.size == (24, 40)
        ours = _core.decode_image(content, upright=True)
        np.testing.assert_array_equal(ours, np.asarray(expected))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("at_least", [(1, 1), (16, 16), (30, 20), (60, 80), (61, 30), (500, 500)])
def test_scaled_decoding_is_that_of_draft(at_least: tuple[int, int], subsampling: str):
    content = saved(picture(121, 163), "JPEG", subsampling=subsampling)
    image = Image.open(io.BytesIO(content))
    image.draft("RGB", at_least[::-1])
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(_core.decode_image(content, at_least=at_least), expected)
    assert _core.image_size(content, at_least=at_least) == expected.shape[:2]


def test_what_suffices_is_meant_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(picture(80, 160), "JPEG", exif=exif)
    options = {"upright": True, "at_least": (80, 40)}
    assert _core.decode_image(content, **options).shape == (80, 40, 3)
    assert _core.image_size(content, **options) == (80, 40)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_buffer_of_ones_own_is_filled(kind: str):
    content = saved(picture(24, 40), kind)
    out = np.zeros((*_core.image_size(content), 3), np.uint8)
    assert _core.decode_image(content, out=out) is out
    np.testing.assert_array_equal(out, pillow(content))


def test_a_buffer_of_another_shape_is_refused_and_untouched():
    content = saved(picture(24, 40), "PNG")
    out = np.full((40, 24, 3), 7, np.uint8)
    with pytest.raises(ValueError, match=r"shape \(24, 40, 3\), got \[40, 24, 3\]"):
        _core.decode_image(content, out=out)
    assert (out == 7).all()
    with pytest.raises(ValueError, match="C-contiguous"):
        _core.decode_image(content, out=np.zeros((24, 80, 3), np.uint8)[:, ::2])


def test_scans_without_end_are_refused():
    content = saved(picture(64, 64), "JPEG", progressive=True)
    frame, scan = content.index(b"\xff\xc2"), content.rindex(b"\xff\xda")
    bomb = bytearray(content[:-2] + content[scan:-2] * 100 + content[-2:])
    bomb[frame + 5 : frame + 9] = struct.pack(">HH", 9000, 9000)
    with pytest.raises(_core.CorruptImageError, match=r"got \d+ scans of 9000 × 9000 pixels"):
        _core.decode_image(bytes(bomb))


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}])
def test_every_truncated_webp_is_an_error(options: dict[str, Any]):
    content = saved(picture(48, 64), "WEBP", **options)
    for cut in range(0, len(content), 7):
        with pytest.raises(_core.CorruptImageError, match="image bytes"):
            _core.decode_image(content[:cut])


def test_a_webp_that_claims_too_much_is_refused():
    content = bytearray(saved(picture(8, 8, channels=4), "WEBP", quality=50))
    at = content.index(b"VP8X") + 12
    content[at : at + 6] = b"\xff\x3f\x00\xff\x3f\x00"
    with pytest.raises(_core.CorruptImageError, match="got a size of 16384 × 16384 pixels"):
        _core.decode_image(bytes(content))


@pytest.mark.parametrize("length", [0, 1, 4])
def test_a_palette_of_no_whole_colours_is_refused(length: int):
    image = Image.new("P", (4, 4))
    image.putpalette([1, 2, 3] * 2)
    content = saved(image, "PNG")
    at = content.index(b"PLTE")
    kept = content[at : at + 4 + length]
    broken = struct.pack(">I", length) + kept + struct.pack(">I", zlib.crc32(kept))
    end = at + 8 + int.from_bytes(content[at - 4 : at], "big")
    with pytest.raises(_core.CorruptImageError, match="damaged data"):
        _core.decode_image(content[: at - 4] + broken + content[end:])

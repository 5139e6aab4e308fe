"""Decoded pixels against Pillow's over generated files, and the speed of both side by side.

Writes benchmarks/results/codec_parity.json. Where the program `cjpeg` is installed, samplings that
Pillow does not write (4:4:0, 4:1:1, odd factors) are compared, too.
"""

import io
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import record
from PIL import Image, ImageFile, features

from cogtrain import _core

RESULTS = Path(__file__).parent / "results" / "codec_parity.json"
FILES = 500
SAMPLINGS = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "2x1,1x2", "3x1", "1x1,2x2"]
Encoded = tuple[str, bytes]
ImageFile.MAXBLOCK = 1 << 24  # tiny noisy JPEGs outgrow what Pillow sets aside


def picture(rng: np.random.Generator, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Smooth colour, an edge and noise in varied shares, so that every path is taken."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(3, 40) + y / rng.uniform(3, 40)) for _ in range(channels)]
    smooth = np.stack(waves, axis=-1)
    noise = rng.normal(0, rng.choice([0, 5, 60]), smooth.shape)
    smooth[:, width // 2 :] *= -1
    return np.clip(smooth * 120 + 128 + noise, 0, 255).astype(np.uint8)


def size(rng: np.random.Generator) -> tuple[int, int]:
    low, high = ((1, 40), (30, 300), (300, 1200))[rng.choice(3, p=[0.4, 0.45, 0.15])]
    return int(rng.integers(low, high)), int(rng.integers(low, high))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpegs(rng: np.random.Generator) -> Iterator[Encoded]:
    for number in range(FILES):
        mode = ("RGB", "RGB", "RGB", "L", "CMYK")[number % 5]
        image = Image.fromarray(picture(rng, *size(rng))).convert(mode)
        options = {
            "quality": int(rng.integers(1, 101)),
            "progressive": bool(rng.integers(2)),
            "optimize": bool(rng.integers(2)),
            "restart_marker_blocks": int(rng.choice([0, 0, 1, 7])),
        }
        if mode == "RGB":
            sampling = {"subsampling": str(rng.choice(["4:4:4", "4:2:2", "4:2:0"]))}
            options |= {"keep_rgb": True} if number % 25 == 0 else sampling
        yield f"{mode} {options}", saved(image, "JPEG", **options)


def cjpegs(rng: np.random.Generator) -> Iterator[Encoded]:
    program = shutil.which("cjpeg")
    for number in range(FILES if program else 0):
        sampling = SAMPLINGS[number % len(SAMPLINGS)]
        command = [str(program), "-sample", sampling, "-quality", str(rng.integers(1, 101))]
        command += ["-progressive"] if rng.integers(2) else []
        command += ["-restart", "1"] if rng.integers(2) else []
        pixels = saved(Image.fromarray(picture(rng, *size(rng))), "PPM")
        run = subprocess.run(command, input=pixels, capture_output=True, check=True)
        yield f"cjpeg {command[1:]}", run.stdout


def pngs(rng: np.random.Generator) -> Iterator[Encoded]:
    for number in range(FILES):
        mode = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")[number % 7]
        height, width = size(rng)
        if mode == "I;16":
            image = Image.fromarray(rng.integers(0, 2**16, (height, width), dtype=np.uint16))
        else:
            rgba = np.dstack([picture(rng, height, width), picture(rng, height, width)[..., :1]])
            image = Image.fromarray(rgba, "RGBA").convert("RGB" if mode == "P" else "RGBA")
            image = image.convert(mode)
        yield f"PNG {mode}", saved(image, "PNG", compress_level=1)


def webps(rng: np.random.Generator) -> Iterator[Encoded]:
    for number in range(FILES):
        height, width = size(rng)
        pixels = picture(rng, height, width)
        if number % 3 == 0:
            pixels = np.dstack([pixels, picture(rng, height, width)[..., :1]])
        options = {
            "quality": int(rng.integers(0, 101)),
            "method": int(rng.integers(0, 5)),
            "lossless": number % 4 == 0,
            "exact": bool(rng.integers(2)),
        }
        yield f"WebP {pixels.shape} {options}", saved(Image.fromarray(pixels), "WEBP", **options)


def pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def compare(files: Iterator[Encoded]) -> dict[str, object]:
    total = differing = unread = 0
    worst, examples = 0, []
    for words, content in files:
        total += 1
        expected = pillow(content)
        try:
            ours = _core.decode_image(content)
        except ValueError as error:
            unread += 1
            examples.append(f"{words}: {error}")
            continue
        gap = int(np.abs(ours.astype(int) - expected).max())
        differing += gap > 0
        worst = max(worst, gap)
        if gap:
            examples.append(f"{words}: {gap}")
    return {
        "files": total,
        "differing": differing,
        "refused": unread,
        "largest_difference": worst,
        "examples": examples[:8],
    }


def seconds(decode: Callable[[bytes], object], content: bytes, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        decode(content)
    return (time.perf_counter() - start) / repeats


def speeds(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Median over interleaved rounds, in microseconds per image."""
    table = {}
    for side in (224, 512):
        image = Image.fromarray(picture(rng, side, side))
        files = {
            "jpeg": saved(image, "JPEG", quality=90),
            "png": saved(image, "PNG"),
            "webp": saved(image, "WEBP", quality=90),
        }
        for kind, content in files.items():
            rounds = [
                (seconds(_core.decode_image, content, 20), seconds(pillow, content, 20))
                for _ in range(15)
            ]
            ours, theirs = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
            table[f"{kind} {side} px"] = {
                "cogtrain_us": round(ours, 1),
                "pillow_us": round(theirs, 1),
                "ratio": round(statistics.median(b / a for a, b in rounds), 2),
            }
    return table


def main() -> None:
    rng = np.random.default_rng(0)
    kinds = {"jpeg": jpegs, "jpeg by cjpeg": cjpegs, "png": pngs, "webp": webps}
    result: dict[str, object] = {
        "pillow": {name: features.version(name) for name in ("pil", "libjpeg_turbo", "webp")},
    }
    for name, make in kinds.items():
        result[name] = compare(make(rng))
        print(name, json.dumps(result[name], indent=1), flush=True)
    result["speed"] = speeds(rng)
    print(json.dumps(result["speed"], indent=1))
    record.write(RESULTS, "python benchmarks/codec_parity.py", result)


if __name__ == "__main__":
    main()

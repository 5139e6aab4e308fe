"""One look at every stimulus: what the parts of an audit need, and no more than that.

Images are made or read once, on several threads, and let go; a stimulus leaves about a kilobyte.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cogtrain._core import Stimulus
from cogtrain.audit.screen import Extent, extent_of_pixels, extent_of_scene
from cogtrain.environment import usable_threads
from cogtrain.stimuli import StimulusSet

THUMBNAIL_PX = 16
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709
_AT_ONCE = 1024  # stimuli in flight: bounds memory

Fault = tuple[int, str]
"""Index of a stimulus that could not be read, and why."""


class Look(NamedTuple):
    """What one look at a stimulus leaves.

    Attributes:
        id: Of the stimulus.
        answers: Question → true answer.
        factors: Factor name → value.
        margin: In metres, positive if it stands; `nan` if physics did not decide.
        pair: What it is a twin in; empty if it has none.
        pixels: Hash of its size and pixels.
        scene: Hash of its scene; empty if there is none.
        thumbnail: Mean colours of a 16 × 16 grid, ``(16, 16, 3)`` uint8.
        colour: Mean R, G, B, 0 … 255.
        luminance: Mean luma (Rec. 709), 0 … 255.
        contrast: Standard deviation of luma.
        size_px: Height and width.
        extent: Where the blocks are.
    """

    id: str
    answers: dict[str, str]
    factors: dict[str, Any]
    margin: float
    pair: str
    pixels: bytes
    scene: bytes
    thumbnail: np.ndarray
    colour: np.ndarray
    luminance: float
    contrast: float
    size_px: tuple[int, int]
    extent: Extent


@dataclass(frozen=True, eq=False)
class Measurements:
    """All looks of a set that could be had.

    Attributes:
        name: Of the set.
        looks: In the order of the set.
        faults: What could not be read.
    """

    name: str
    looks: list[Look]
    faults: list[Fault]

    def __len__(self) -> int:
        return len(self.looks)

    @property
    def thumbnails(self) -> np.ndarray:
        """``(n, 768)`` uint8."""
        return np.array([look.thumbnail.ravel() for look in self.looks])

    @property
    def questions(self) -> list[str]:
        """What the set answers, in alphabetical order."""
        return sorted({question for look in self.looks for question in look.answers})

    @property
    def factors(self) -> list[str]:
        """Names of the factors in order of first appearance."""
        return list(dict.fromkeys(name for look in self.looks for name in look.factors))

    def column(self, part: str) -> np.ndarray:
        """One field of all looks as an array."""
        return np.array([getattr(look, part) for look in self.looks])

    def factor(self, name: str) -> list[Any]:
        """Values of a factor, `None` where a stimulus has none."""
        return [look.factors.get(name) for look in self.looks]

    def answers(self, question: str) -> list[str | None]:
        """Answers to `question`, `None` where a stimulus has none."""
        return [look.answers.get(question) for look in self.looks]


def measure(stimuli: StimulusSet, *, threads: int | None = None) -> Measurements:
    """Looks at every stimulus of a set; what cannot be read is a fault, not an error.

    Args:
        stimuli: The set.
        threads: Stimuli looked at at once; by default what this process may use.
    """
    looks: list[Look] = []
    faults: list[Fault] = []
    for index, found in enumerate(_looks(stimuli, threads or usable_threads())):
        if isinstance(found, Look):
            looks.append(found)
        else:
            faults.append((index, found))
    return Measurements(stimuli.name, looks, faults)


def _looks(stimuli: StimulusSet, threads: int) -> Iterator[Look | str]:
    def look_at(index: int) -> Look | str:
        try:
            return look(stimuli[index])
        except (ValueError, OSError) as error:
            return " ".join(str(error).split())

    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(stimuli), _AT_ONCE):
            yield from pool.map(look_at, range(start, min(start + _AT_ONCE, len(stimuli))))


def look(stimulus: Stimulus) -> Look:
    """Measures one stimulus."""
    image = stimulus.image
    height, width = image.shape[:2]
    scene = None if stimulus.scene is None else stimulus.scene.to_json()
    luma = image @ _LUMA
    factors = stimulus.factors
    return Look(
        id=stimulus.id,
        answers=stimulus.answers,
        factors=factors,
        margin=float("nan") if stimulus.margin is None else stimulus.margin,
        pair=stimulus.pair or str(factors.get("pair", "")),
        pixels=_hash(repr(image.shape).encode(), np.ascontiguousarray(image)),
        scene=b"" if scene is None else _hash(scene.encode()),
        thumbnail=_thumbnail(image),
        colour=image.reshape(-1, 3).mean(axis=0),
        luminance=float(luma.mean()),
        contrast=float(luma.std()),
        size_px=(height, width),
        extent=extent_of_pixels(image) if scene is None else extent_of_scene(scene, height, width),
    )


def _thumbnail(image: np.ndarray) -> np.ndarray:
    side = (THUMBNAIL_PX, THUMBNAIL_PX)
    return np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BOX))


def _hash(*parts: Any) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()

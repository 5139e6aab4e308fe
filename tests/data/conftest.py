"""Folders of photographs made up on the spot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import StimulusSet, _core

MakeSet = Callable[..., StimulusSet]


@pytest.fixture(scope="session")
def make_set(tmp_path_factory: pytest.TempPathFactory) -> MakeSet:
    """Builds a set of ``count`` random PNG and JPEG files of one size."""

    def make(count: int, *, side: int = 28, seed: int = 0) -> StimulusSet:
        folder = tmp_path_factory.mktemp("photographs")
        rng = np.random.default_rng(seed)
        paths: list[Path] = []
        for index in range(count):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            paths.append(folder / f"{index}.{'png' if index % 2 else 'jpg'}")
            Image.fromarray(pixels).save(paths[-1])
        ids = [f"s{index}" for index in range(count)]
        answers = [{"will_fall": "yes" if index % 3 else "no"} for index in range(count)]
        return StimulusSet("made-up", _core.Source.photographs(ids, paths, answers))

    return make


@pytest.fixture(scope="session")
def photographs(make_set: MakeSet) -> StimulusSet:
    """53 photographs: a prime number, so that no batch size divides it."""
    return make_set(53)

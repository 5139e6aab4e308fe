"""Structures made up on the spot: rows of boxes on rows of boxes."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cogtrain import Scene, _core

Box = dict[str, Any]
Draw = Callable[[np.random.Generator, bool], tuple[list[Box], _core.Equilibrium]]
_TRIES = 10_000


def box(size_m: tuple[float, ...], position_m: tuple[float, ...], **options: float) -> Box:
    """A body of a scene; `yaw` in radians, `density` in kg/m³, `friction`."""
    half = 0.5 * options.get("yaw", 0.0)
    return {
        "size_m": list(size_m),
        "position_m": list(position_m),
        "orientation": [np.cos(half), 0.0, 0.0, np.sin(half)],
        "density": options.get("density", 500.0),
        "friction": options.get("friction", 0.6),
        "color": "red",
    }


def scene(boxes: list[Box]) -> Scene:
    camera = {"position_m": [0, -10, 3], "target_m": [0, 0, 1], "fov_deg": 40}
    light = {"toward": [-0.5, -0.7, 1], "radius_deg": 0}
    return Scene.from_json(json.dumps({"bodies": boxes, "camera": camera, "light": light}))


def row(rng: np.random.Generator, count: int, bottom: float, planar: bool) -> list[Box]:
    """Boxes of one height, some way apart, of any size, weight and roughness."""
    height = rng.uniform(0.3, 1.2)
    middle, spacing = rng.uniform(-0.4, 0.4), rng.uniform(1.0, 1.6)
    places = middle + spacing * (np.arange(count) - (count - 1) / 2)
    boxes = []
    for x in places + rng.uniform(-0.15, 0.15, count):
        y, yaw = (0.0, 0.0) if planar else rng.uniform((-0.2, -0.6), (0.2, 0.6))
        size = (rng.uniform(0.5, 1.6), rng.uniform(0.5, 1.3), height)
        nature = {"density": rng.uniform(200, 2000), "friction": rng.uniform(0.05, 0.9)}
        boxes.append(box(size, (x, y, bottom + height / 2), yaw=yaw, **nature))
    return boxes


def structure(rng: np.random.Generator, planar: bool) -> list[Box]:
    boxes, bottom, most = [], 0.0, 4
    for _ in range(rng.integers(2, 4)):
        level = row(rng, int(rng.integers(1, most)), bottom, planar)
        boxes += level
        bottom += level[0]["size_m"][2]
        most = max(2, len(level) + 1)
    return boxes


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws a structure in which some box rests on two others or more, and its verdict."""

    def draw(rng: np.random.Generator, planar: bool) -> tuple[list[Box], _core.Equilibrium]:
        for _ in range(_TRIES):
            boxes = structure(rng, planar)
            try:
                verdict = _core.equilibrium(scene(boxes))
            except ValueError as error:
                # Boxes that float or share space are drawn again; anything else is a fault.
                assert "scene.bodies" in str(error), error  # noqa: PT017
                continue
            if len(verdict.contacts) > len(boxes):
                return boxes, verdict
        raise AssertionError("no structure in so many tries")

    return draw


@pytest.fixture(scope="session")
def make_scene() -> Callable[[list[Box]], Scene]:
    return scene


@pytest.fixture(scope="session")
def make_box() -> Callable[..., Box]:
    return box

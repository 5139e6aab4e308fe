"""Where the blocks are on the screen: from the scene by a pinhole camera, else from the pixels."""

import json
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
# Corners of the six faces, each in order around it.
_FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))
_TAIL = 0.01  # share of the mask that may be stray pixels at either end of its extent


class Extent(NamedTuple):
    """What the blocks take up on the screen, as shares of it.

    Attributes:
        height: Of their silhouette, share of the image's height.
        area: Of their silhouette, share of the image.
        x: Its centroid, from the left.
        y: Its centroid, from the top.
        n_blocks: How many there are; `nan` if only the pixels are known.
        source: `scene` or `pixels`.
    """

    height: float
    area: float
    x: float
    y: float
    n_blocks: float
    source: str


def extent_of_scene(scene: str, height_px: int, width_px: int) -> Extent:
    """The silhouette of the bodies of a scene (its JSON), on an image of the given size."""
    content = json.loads(scene)
    bodies = content["bodies"]
    canvas = Image.new("1", (width_px, height_px))
    draw = ImageDraw.Draw(canvas)
    for corners in _projected(bodies, content["camera"], height_px, width_px):
        for face in _FACES:
            draw.polygon([tuple(corners[k]) for k in face], fill=1)
    return _extent(np.asarray(canvas), len(bodies), "scene")


def extent_of_pixels(image: np.ndarray) -> Extent:
    """What differs from the colour of the image's border, ``(H, W, 3)`` uint8.

    The threshold on the difference is Otsu's: shadows and clutter may count as blocks, so these
    figures are coarser than those of a scene.
    """
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    background = np.median(border, axis=0).astype(np.int16)
    distance = np.abs(image.astype(np.int16) - background).max(axis=2)
    return _extent(distance > _otsu(distance), float("nan"), "pixels")


def _projected(
    bodies: list[dict[str, Any]], camera: dict[str, Any], height_px: int, width_px: int
) -> np.ndarray:
    """Corners of every body in pixels, ``(bodies, 8, 2)``; as the renderer's camera sees them."""
    corners = np.stack([_corners(body) for body in bodies])
    origin, axes = _view(tuple(camera["position_m"]), tuple(camera["target_m"]))
    right, down, forward = np.moveaxis((corners - origin) @ axes.T, -1, 0)
    focal_px = 0.5 * height_px / np.tan(np.radians(camera["fov_deg"]) / 2)
    scale = focal_px / np.maximum(forward, 1e-6)
    return np.stack([0.5 * width_px + scale * right, 0.5 * height_px + scale * down], axis=-1)


def _corners(body: dict[str, Any]) -> np.ndarray:
    w, x, y, z = body["orientation"]
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return (_SIGNS * body["size_m"]) @ turn.T + body["position_m"]


@lru_cache(maxsize=256)
def _view(position: tuple[float, ...], target: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The camera's place, and its right, down and forward as rows."""
    forward = np.subtract(target, position)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    return np.array(position), np.stack([right, np.cross(forward, right), forward])


def _extent(mask: np.ndarray, n_blocks: float, source: str) -> Extent:
    rows, columns = mask.sum(axis=1), mask.sum(axis=0)
    total = int(rows.sum())
    if total == 0:
        return Extent(0.0, 0.0, 0.5, 0.5, n_blocks, source)
    height, width = mask.shape
    tail = 0.0 if source == "scene" else _TAIL
    seen = np.flatnonzero((cumulated := np.cumsum(rows)) > tail * total)
    low, high = seen[0], np.searchsorted(cumulated, (1 - tail) * total)
    y = (rows * (np.arange(height) + 0.5)).sum() / total / height
    x = (columns * (np.arange(width) + 0.5)).sum() / total / width
    size = (high - low + 1) / height
    return Extent(float(size), total / mask.size, float(x), float(y), n_blocks, source)


def _otsu(values: np.ndarray) -> int:
    """The level that splits 0 … 255 with the largest variance between both parts."""
    counts = np.bincount(values.ravel(), minlength=256).astype(float)
    below, mass = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = mass / below - (mass[-1] - mass) / above
        between = below * above * gap**2
    return int(np.nanargmax(between)) if np.isfinite(between).any() else 0

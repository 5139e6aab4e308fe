"""A pinhole camera and boxes in NumPy: the tests' own ray caster, one array operation per body."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cogtrain import Scene

Array = NDArray[np.float64]


def parts(scene: Scene) -> dict[str, Any]:
    """The scene as plain numbers."""
    return json.loads(scene.to_json())


def rotation(q: list[float]) -> Array:
    """Matrix of a unit quaternion (w, x, y, z)."""
    w, v = q[0], np.array(q[1:])
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


class Pinhole:
    """Rays through pixel centres, and points back to pixels."""

    def __init__(self, camera: dict[str, Any], size_px: int) -> None:
        self.eye = np.array(camera["position_m"])
        forward = np.array(camera["target_m"]) - self.eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        self.axes = np.stack([right, np.cross(forward, right), forward])
        self.size_px = size_px
        self.focal = 0.5 * size_px / np.tan(np.radians(camera["fov_deg"]) / 2)

    def rays(self) -> Array:
        """Directions of depth one, (size, size, 3)."""
        v, u = np.mgrid[: self.size_px, : self.size_px] + 0.5 - self.size_px / 2
        local = np.stack([u / self.focal, v / self.focal, np.ones_like(u)], axis=-1)
        return local @ self.axes

    def project(self, points: Array) -> Array:
        """Image points in pixels, (..., 2); they are in front of the camera."""
        local = (points - self.eye) @ self.axes.T
        return self.focal * local[..., :2] / local[..., 2:] + self.size_px / 2


def enter(body: dict[str, Any], eye: Array, rays: Array) -> tuple[Array, Array]:
    """Where rays enter a box: distance (infinite for a miss) and outward normal."""
    turn = rotation(body["orientation"])
    half = np.array(body["size_m"]) / 2
    start, step = (eye - body["position_m"]) @ turn, rays @ turn
    with np.errstate(divide="ignore"):
        sides = np.stack([(-half - start) / step, (half - start) / step])
    near, far = sides.min(0), sides.max(0)
    axis = near.argmax(-1)
    t = near.max(-1)
    hit = (t < far.min(-1)) & (t > 0)
    sign = -np.sign(np.take_along_axis(step, axis[..., None], -1))
    return np.where(hit, t, np.inf), sign * turn.T[axis]


def cast(scene: Scene, size_px: int) -> dict[str, Array]:
    """Depth, owner (-1 sky, 0 ground, 1 … bodies), normals and every body's own depth."""
    said = parts(scene)
    camera = Pinhole(said["camera"], size_px)
    rays = camera.rays()
    with np.errstate(divide="ignore"):
        ground = np.where(rays[..., 2] < 0, -camera.eye[2] / rays[..., 2], np.inf)
    up = np.broadcast_to([0.0, 0.0, 1.0], rays.shape)
    met = [(ground, up), *(enter(body, camera.eye, rays) for body in said["bodies"])]
    depths = np.stack([depth for depth, _ in met])
    owner = depths.argmin(0)
    normals = np.stack([normal for _, normal in met])
    normal = np.take_along_axis(normals, owner[None, ..., None], 0)[0]
    depth = depths.min(0)
    return {
        "depth": depth,
        "owner": np.where(np.isinf(depth), -1, owner),
        "normal": np.where(np.isinf(depth)[..., None], 0, normal),
        "depths": depths[1:],
    }

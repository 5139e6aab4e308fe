"""PyBullet's TinyRenderer, its software renderer, with shadows; it draws on one thread."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from renderers.tower import GROUND, SIZE_PX, said, toward

# Half the side of the ground, nearest and farthest that is drawn, and how far away the light is, in
# metres. The shadow map shares the camera's projection: with these values the tower's shadow is
# whole; with a closer range, all the ground lies in shadow or none.
GROUND_M, NEAR_M, FAR_M, LIGHT_M = 30.0, 0.01, 1000.0, 20.0


def _client(scene: dict[str, Any], colors: dict[str, tuple[int, int, int]]) -> int:
    """A world of its own with the boxes of `scene`."""
    import pybullet

    client = pybullet.connect(pybullet.DIRECT)

    def box(half: list[float], rgb: tuple[int, int, int], place: list[float], turn: Any) -> None:
        shape = pybullet.createVisualShape(
            pybullet.GEOM_BOX,
            halfExtents=half,
            rgbaColor=[*(np.array(rgb) / 255), 1],
            physicsClientId=client,
        )
        pybullet.createMultiBody(0, -1, shape, place, turn, physicsClientId=client)

    box([GROUND_M, GROUND_M, 0.5], GROUND, [0, 0, -0.5], [0, 0, 0, 1])
    for body in scene["bodies"]:
        w, x, y, z = body["orientation"]
        half = [side / 2 for side in body["size_m"]]
        box(half, colors[body["color"]], body["position_m"], [x, y, z, w])
    return client


def _view(scene: dict[str, Any], client: int) -> dict[str, Any]:
    """Camera and light as `getCameraImage` takes them."""
    import pybullet

    camera = scene["camera"]
    return {
        "width": SIZE_PX,
        "height": SIZE_PX,
        "viewMatrix": pybullet.computeViewMatrix(
            camera["position_m"], camera["target_m"], [0, 0, 1]
        ),
        "projectionMatrix": pybullet.computeProjectionMatrixFOV(
            camera["fov_deg"], 1, NEAR_M, FAR_M
        ),
        "lightDirection": toward(scene).tolist(),
        "lightDistance": LIGHT_M,
        "lightAmbientCoeff": 0.4,
        "lightDiffuseCoeff": 0.6,
        "lightSpecularCoeff": 0.0,
        "shadow": 1,
        "renderer": pybullet.ER_TINY_RENDERER,
        "physicsClientId": client,
    }


def pictures(scenes: list[tuple[Any, Any]]) -> Iterator[np.ndarray]:
    import pybullet

    plain = [(said(scene), look.colors) for scene, look in scenes]
    views = [_view(scene, _client(scene, colors)) for scene, colors in plain]
    for view in cycle(views):
        _, _, pixels, _, _ = pybullet.getCameraImage(**view)
        yield np.asarray(pixels, dtype=np.uint8).reshape(SIZE_PX, SIZE_PX, 4)[..., :3]

"""MuJoCo on software OpenGL (Mesa's llvmpipe through EGL), one thread, with shadows.

Quality is as MuJoCo has it by default: a shadow map of 4096² and four samples per pixel.
"""

import os
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from renderers.tower import GROUND, SIZE_PX, said, toward

# Half the side of the ground, in metres: beyond the horizon of every camera.
GROUND_M = 200.0


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def _xml(scene: dict[str, Any], colors: dict[str, tuple[int, int, int]]) -> str:
    """The scene as an MJCF model."""
    camera = scene["camera"]
    eye, target = np.array(camera["position_m"]), np.array(camera["target_m"])
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0, 0, 1], back)
    right /= np.linalg.norm(right)
    sun = toward(scene)
    boxes = "".join(
        f'<geom type="box" size="{_numbers(side / 2 for side in body["size_m"])}" '
        f'pos="{_numbers(body["position_m"])}" quat="{_numbers(body["orientation"])}" '
        f'rgba="{_numbers([*(np.array(colors[body["color"]]) / 255), 1])}"/>'
        for body in scene["bodies"]
    )
    return f"""<mujoco>
  <visual>
    <global offwidth="{SIZE_PX}" offheight="{SIZE_PX}"/>
    <headlight ambient="0.45 0.45 0.45" diffuse="0 0 0" specular="0 0 0"/>
    <map znear="0.02" zfar="60" shadowclip="8"/>
  </visual>
  <statistic center="0 0 2" extent="8"/>
  <worldbody>
    <light type="directional" castshadow="true" pos="{_numbers(30 * sun + [0, 0, 2])}"
      dir="{_numbers(-sun)}" diffuse="0.6 0.6 0.6" specular="0 0 0"/>
    <camera name="eye" pos="{_numbers(eye)}" fovy="{camera["fov_deg"]}"
      xyaxes="{_numbers([*right, *np.cross(back, right)])}"/>
    <geom type="plane" size="{GROUND_M} {GROUND_M} 1"
      rgba="{_numbers([*(np.array(GROUND) / 255), 1])}"/>
    {boxes}
  </worldbody>
</mujoco>"""


def pictures(scenes: list[tuple[Any, Any]]) -> Iterator[np.ndarray]:
    os.environ.setdefault("MUJOCO_GL", "egl")
    # On a machine with a graphics card, EGL would take that.
    os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
    os.environ["LP_NUM_THREADS"] = "0"
    import mujoco

    shown = []
    for scene, look in scenes:
        model = mujoco.MjModel.from_xml_string(_xml(said(scene), look.colors))
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        shown.append((mujoco.Renderer(model, SIZE_PX, SIZE_PX), data))
    for renderer, data in cycle(shown):
        renderer.update_scene(data, camera="eye")
        yield renderer.render()

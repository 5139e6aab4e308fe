"""What the golden files show: fixed scenes, so that no task can change them."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogtrain import Scene, render
from cogtrain._core import Appearance, flow, passes

FOLDER = Path(__file__).parent
PICTURE_PX, TRUTH_PX = 112, 56
COLORS = ["red", "cyan", "yellow", "purple", "green", "orange", "blue", "pink"]

# Every style with every palette; every background at least once in a textured style.
APPEARANCES = {
    f"{style}-{palette}-{background}": Appearance(
        style, palette=palette, background=background, texture_seed=seed
    )
    for seed, (style, palette, background) in enumerate(
        [
            ("cubeworld", "default", "white"),
            ("cubeworld", "color_blind_safe", "gray"),
            ("cubeworld", "equiluminant", "black"),
            ("cubeworld", "default", "room"),
            ("wood", "default", "white"),
            ("wood", "color_blind_safe", "beige"),
            ("wood", "equiluminant", "gray"),
            ("wood", "default", "room"),
            ("randomised", "default", "blue"),
            ("randomised", "color_blind_safe", "white"),
            ("randomised", "equiluminant", "beige"),
        ]
    )
}


def scene(*, radius_deg: float = 0.0, turned: float = 0.0) -> Scene:
    """Four blocks in a leaning stack and one beside it; `turned` moves each about the vertical."""
    places = [[0, 0, 0.5], [0.3, 0.1, 1.5], [-0.1, -0.2, 2.5], [0.2, 0.2, 3.5], [-1.6, -1.2, 0.5]]
    bodies = []
    for index, place in enumerate(places):
        angle = 0.12 * (index - 2) + turned * index
        bodies.append(
            {
                "size_m": [1, 1, 1],
                "position_m": [place[0] + 2 * turned, place[1], place[2]],
                "orientation": [float(np.cos(angle / 2)), 0, 0, float(np.sin(angle / 2))],
                "density": 500,
                "friction": 0.6,
                "color": COLORS[index],
            }
        )
    said = {
        "bodies": bodies,
        "camera": {"position_m": [5, -11.5, 5.5], "target_m": [0, 0, 1.8], "fov_deg": 30},
        "light": {"toward": [-0.5, -0.8, 1.15], "radius_deg": radius_deg},
    }
    return Scene.from_json(json.dumps(said))


def picture(name: str) -> NDArray[np.uint8]:
    """The picture with that name: hard shadows in cubeworld, soft ones elsewhere."""
    radius_deg = 0.0 if name.startswith("cubeworld") else 14.0
    return render(scene(radius_deg=radius_deg), APPEARANCES[name], PICTURE_PX)


def truth() -> dict[str, NDArray]:
    """Every pass, and the flow to the same blocks turned."""
    seen = passes(scene(), TRUTH_PX)
    moved = flow(scene(), scene(turned=0.1), TRUTH_PX)
    return {
        "depth_m": seen.depth_m,
        "instance": seen.instance,
        "normal": seen.normal,
        "modal": seen.modal,
        "amodal": seen.amodal,
        "occlusion": seen.occlusion,
        "shift_px": moved.shift_px,
        "outside": moved.outside,
        "occluded": moved.occluded,
    }

"""The scenes that every renderer draws."""

import json
from typing import Any

import numpy as np

SIZE_PX = 224
COUNT = 8
# sRGB of the ground in our default look (background `white`).
GROUND = (236, 236, 236)


def scenes(style: str) -> list[tuple[Any, Any]]:
    """Towers of 2 to 7 blocks with their looks, under a point of light."""
    from cogtrain import Scene, StimulusSet

    drawn = []
    for stimulus in StimulusSet.recipe("tower", style, count=6 * COUNT, seed=4):
        if stimulus.scene is None:
            raise ValueError("expected a rendered stimulus to have its scene, got none")
        said = json.loads(stimulus.scene.to_json())
        said["light"]["radius_deg"] = 0.0
        drawn.append((Scene.from_json(json.dumps(said)), stimulus.appearance))
    return drawn[1 :: len(drawn) // COUNT]


def said(scene: Any) -> dict[str, Any]:
    """The scene as plain values."""
    return json.loads(scene.to_json())


def toward(scene: dict[str, Any]) -> np.ndarray:
    """Unit vector from the scene to the light."""
    direction = np.array(scene["light"]["toward"])
    return direction / np.linalg.norm(direction)

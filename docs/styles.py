"""Draws docs/styles.png: every style with every palette and background."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

from cogtrain import Scene, StimulusSet, render
from cogtrain._core import Appearance

STYLES = ["cubeworld", "wood", "randomised"]
PALETTES = ["default", "color_blind_safe", "equiluminant"]
BACKGROUNDS = ["white", "gray", "beige", "blue", "black", "room"]
SIZE_PX = 224
# Half the apparent width of a lamp with a shade, as in the photographs; the sun for cubeworld.
LIGHT_RADIUS_DEG = {"cubeworld": 0.0, "wood": 16.0, "randomised": 8.0}


def scene(index: int, style: str) -> Scene:
    """A tower under the light of the style."""
    scene = StimulusSet.recipe(count=200, seed=4)[index].scene
    assert scene is not None
    said = json.loads(scene.to_json())
    said["light"]["radius_deg"] = LIGHT_RADIUS_DEG[style]
    return Scene.from_json(json.dumps(said))


def main() -> None:
    """One row per style and palette, one column per background."""
    rows = [(style, palette) for style in STYLES for palette in PALETTES]
    figure, axes = plt.subplots(
        len(rows), len(BACKGROUNDS), figsize=(13.4, 20), layout="constrained"
    )
    for row, (style, palette) in enumerate(rows):
        for column, background in enumerate(BACKGROUNDS):
            seed = len(BACKGROUNDS) * row + column
            shown = Appearance(style, palette=palette, background=background, texture_seed=seed)
            axis = axes[row, column]
            axis.imshow(render(scene(4 + 5 * column, style), shown, SIZE_PX))
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if row == 0:
                axis.set_title(background)
        axes[row, 0].set_ylabel(f"{style}\n{palette}")
    figure.savefig(Path(__file__).parent / "styles.png", dpi=72)


if __name__ == "__main__":
    main()

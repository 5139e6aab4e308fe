"""Draws the golden files anew: `make golden`. Look at them before committing."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cogtrain import StimulusSet
from tests.golden.shown import APPEARANCES, FOLDER, picture, truth

if __name__ == "__main__":
    towers = StimulusSet.recipe(size_px=112)
    pictures = {f"tower-{index}": towers[index].image for index in (0, 5, 11)}
    pictures |= {name: picture(name) for name in APPEARANCES}
    for name, image in pictures.items():
        Image.fromarray(image).save(FOLDER / f"{name}.png")
        print(FOLDER / f"{name}.png")
    np.savez_compressed(FOLDER / "passes.npz", **truth())
    print(FOLDER / "passes.npz")

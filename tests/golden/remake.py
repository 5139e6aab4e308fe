"""Draws the golden images anew: `make golden`. Look at them before committing."""

from pathlib import Path

from PIL import Image

from cogtrain import StimulusSet

if __name__ == "__main__":
    towers = StimulusSet.recipe(size_px=112)
    for index in (0, 5, 11):
        path = Path(__file__).parent / f"tower-{index}.png"
        Image.fromarray(towers[index].image).save(path)
        print(path)

"""Draws docs/stimuli.png, the README's picture: towers with their answers and margins."""

from pathlib import Path

import matplotlib.pyplot as plt

from cogtrain import StimulusSet

ROWS, COLUMNS = 2, 6


def main() -> None:
    """Draws six pairs: above a tower that stands, below one of the same height that falls."""
    towers = StimulusSet.recipe(count=12, split="val", size_px=448)
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(15, 5.9), layout="constrained")
    for index in range(ROWS * COLUMNS):
        stimulus = towers[index]
        axis = axes[index % 2, index // 2]
        axis.imshow(stimulus.image)
        axis.set_axis_off()
        word = "falls" if stimulus.answers["will_fall"] == "yes" else "stands"
        axis.set_title(f"{word}, margin {stimulus.margin:+.2f} m", fontsize=12)
    figure.savefig(Path(__file__).parent / "stimuli.png", dpi=72, bbox_inches="tight")


if __name__ == "__main__":
    main()

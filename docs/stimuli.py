"""Draws docs/stimuli.png, the README's picture: pairs of towers and pyramids with answers."""

from pathlib import Path

import matplotlib.pyplot as plt

from cogtrain import StimulusSet

ROWS, COLUMNS = 2, 6


def main() -> None:
    """Draws six pairs: above one that stands, below one that falls."""
    sets = [
        StimulusSet.recipe(task, style, count=12, split="val", size_px=448)
        for task, style in (("tower", "cubeworld"), ("pyramid", "cubeworld"), ("tower", "wood"))
    ]
    # Of each set two pairs: a small and a large structure.
    shown = [stimuli[index] for stimuli in sets for index in (2, 3, 6, 7)]
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(15, 5.9), layout="constrained")
    for index in range(ROWS * COLUMNS):
        stimulus = shown[index]
        axis = axes[index % 2, index // 2]
        axis.imshow(stimulus.image)
        axis.set_axis_off()
        ((question, answer),) = stimulus.answers.items()
        axis.set_title(f"{question}: {answer}", fontsize=12)
    figure.savefig(Path(__file__).parent / "stimuli.png", dpi=72, bbox_inches="tight")


if __name__ == "__main__":
    main()

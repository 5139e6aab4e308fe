"""Draws docs/tasks.png: every task in every style, pairs side by side, answers above them."""

from pathlib import Path

import matplotlib.pyplot as plt

from cogtrain import StimulusSet, Style, Task

COLUMNS = 8


def main() -> None:
    """One row per task and style; each pair is first the answer no, then yes."""
    rows = [(task, style) for task in Task.names() for style in Style.names()]
    figure, axes = plt.subplots(
        len(rows), COLUMNS, figsize=(2 * COLUMNS, 2.2 * len(rows)), layout="constrained"
    )
    for line, (task, style) in zip(axes, rows, strict=True):
        stimuli = StimulusSet.recipe(task, style, count=COLUMNS, split="val")
        for axis, stimulus in zip(line, stimuli, strict=True):
            ((question, answer),) = stimulus.answers.items()
            axis.imshow(stimulus.image)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(f"{answer}, margin {stimulus.factors['margin']:+.2f}", fontsize=9)
        line[0].set_ylabel(f"{task}, {style}\n{question}", fontsize=9)
    figure.savefig(Path(__file__).parent / "tasks.png", dpi=80)


if __name__ == "__main__":
    main()

"""Declared stimulus sets: the `data` section of a config names sets, it does not hold them.

A declaration is plain data, so a YAML file can spell it out; `build` turns it into a `StimulusSet`.
The part that a set plays (train, val, test) is not a field: it follows from the list that holds it,
and stimuli of different parts are disjoint.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cogtrain._core import Style, Task
from cogtrain.complaint import unknown
from cogtrain.stimuli import StimulusSet

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A set that is rendered on the fly.

    Args:
        name: What tables, logged metrics and judgments call the set.
        task: Question family whose truth physics decides, such as `tower`.
        style: How the scenes look, such as `cubeworld`.
        seed: Another seed gives other stimuli of the same kind.
        count: Number of stimuli; they are rendered when needed, so a large count costs no memory.
        factors: Parameters of the task, such as `size: small`; what is left out keeps its default.
        size_px: Side of the square image in pixels; a multiple of the model's patch grid.

    Raises:
        ValueError: For a task or style that does not exist, or a count below 1.
    """

    name: str
    task: str = "tower"
    style: str = "cubeworld"
    seed: int = 0
    count: int = 1000
    factors: dict[str, Any] = field(default_factory=dict)
    size_px: int = 224

    def __post_init__(self) -> None:
        if self.task not in Task.names():
            raise ValueError(unknown("task", self.task, Task.names()))
        if self.style not in Style.names():
            raise ValueError(unknown("style", self.style, Style.names()))
        if self.count < 1:
            raise ValueError(
                f"expected `count` of set `{self.name}` to be at least 1, got {self.count}; "
                "leave the set out instead"
            )

    def build(self, split: Split) -> StimulusSet:
        """The stimulus set that this recipe declares, drawn from `split`."""
        return StimulusSet.recipe(
            task=self.task,
            style=self.style,
            seed=self.seed,
            count=self.count,
            split=split,
            factors=self.factors,
            size_px=self.size_px,
            name=self.name,
        )


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """A set of image files that people may have judged.

    Args:
        table: CSV with `stimulus_id`, `image` and one column per question.
        images: Folder that the paths in `image` start from; left out, the folder of the table.
        humans: Table of human judgments (`observer_id, stimulus_id, response`), for alignment.
        name: What tables, logged metrics and judgments call the set.
    """

    table: Path
    images: Path | None = None
    humans: Path | None = None
    name: str = "photographs"

    def build(self) -> StimulusSet:
        """The stimulus set of these files."""
        return StimulusSet.photographs(
            table=self.table, images=self.images, humans=self.humans, name=self.name
        )

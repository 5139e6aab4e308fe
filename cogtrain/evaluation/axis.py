"""Axis: in what a tested set differs from everything that a model was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cogtrain._core import Question, Task
from cogtrain.control import Control, name_under

AXES = ("same", "size", "looks", "domain", "perception", "control")
"""Nothing; how large structures are; how they look; what is asked; whether it is seen at all;
whether the image shows it."""

PHOTOGRAPHS = "photographs"
_SIZES = ("size", "n_blocks", "n_rows")


@dataclass(frozen=True)
class Declared:
    """What a config says of a set, as far as generalization goes.

    Attributes:
        name: Of the set.
        task: Its task.
        style: How it looks; `photographs` for photographs.
        size: What its structures' size was declared as; empty if it was left open.
        control: What was done to its images; empty if nothing was.
    """

    name: str
    task: str
    style: str
    size: str
    control: str = ""

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> "Declared":
        """Reads one entry of `data.train` or `data.test`."""
        factors = recipe.get("factors") or {}
        size = {name: factors[name] for name in _SIZES if name in factors}
        style, task = recipe.get("style", "cubeworld"), recipe.get("task", "tower")
        return cls(str(recipe.get("name")), str(task), str(style), str(size or ""))

    @classmethod
    def of_photographs(cls, section: Mapping[str, Any]) -> "Declared":
        """Reads the section `data.photographs`."""
        name = str(section.get("name", PHOTOGRAPHS))
        return cls(name, str(section.get("task", "tower")), PHOTOGRAPHS, "")

    def under(self, control: Control) -> "Declared":
        """The same set under a control."""
        return replace(self, name=name_under(control, self.name), control=control)


def axis_of(trained: Sequence[Declared], tested: Declared, question: str) -> str:
    """In what `tested` differs from the nearest set of `trained`.

    Of several differences the one that is furthest away counts, in the order of `AXES`: who sees
    another task in another look is asked about another domain.

    Args:
        trained: The sets that were trained on; none for a base model.
        tested: The tested set.
        question: What was asked of it.

    Returns:
        One of `AXES`; empty if nothing was trained and the set is no control.

    Example:
        >>> small = Declared("small", "tower", "cubeworld", "{'size': 'small'}")
        >>> large = Declared("large", "tower", "cubeworld", "{'size': 'large'}")
        >>> axis_of([small], large, "will_fall")
        'size'
    """
    if tested.control:
        return "control"
    if not trained:
        return ""
    if question in Question.names() and question not in _main_questions(tested.task):
        return "perception"
    return min((_between(each, tested) for each in trained), key=AXES.index)


def _between(trained: Declared, tested: Declared) -> str:
    if trained.task != tested.task:
        return "domain"
    if trained.style != tested.style:
        return "looks"
    return "same" if trained.size == tested.size else "size"


def _main_questions(task: str) -> Sequence[str]:
    return Task(task).main_questions if task in Task.names() else ()

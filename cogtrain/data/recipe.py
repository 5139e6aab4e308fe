"""Declared stimulus sets: the `data` section of a config names sets, it does not hold them.

A declaration is plain data, so a YAML file can spell it out; `build` turns it into a `StimulusSet`.
The part that a set plays (train, val, test) is not a field: it follows from the list that holds it,
and stimuli of different parts are disjoint.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cogtrain import prompts
from cogtrain._core import Style, Task
from cogtrain.complaint import nearest, unknown
from cogtrain.data.asked_set import AskedSet
from cogtrain.shown import subsample
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
        questions: What is asked of each stimulus; left out, the task's main question.
        wording: Id of a wording; `people` for the one that people are asked in; `counterbalanced`
            for all that fit the task, equally often and whatever the order and the ranks.
        humans: Table of human judgments of these stimuli (`observer_id, stimulus_id, response`): to
            compare with where the set is tested, to learn from where it is trained on.

    Raises:
        ValueError: For a task, style, question or wording that does not exist, a count below 1, or
            a question that is answered by a sequence.
    """

    name: str
    task: str = "tower"
    style: str = "cubeworld"
    seed: int = 0
    count: int = 1000
    factors: dict[str, Any] = field(default_factory=dict)
    size_px: int = 224
    questions: list[str] | None = None
    wording: str = prompts.PEOPLE
    humans: Path | None = None

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
        _check_wording(self.wording, self.task)
        if self.questions is not None:
            _check_questions(self)

    def build(self, split: Split) -> StimulusSet:
        """The stimulus set that this recipe declares, drawn from `split`."""
        asked: dict[str, Any] = {} if self.questions is None else {"questions": self.questions}
        members = StimulusSet.recipe(
            task=self.task,
            style=self.style,
            seed=self.seed,
            count=self.count,
            split=split,
            factors=self.factors,
            size_px=self.size_px,
            name=self.name,
            **asked,
        )
        return members if self.humans is None else members.judged_by(self.humans)

    def watched(self, count: int) -> StimulusSet:
        """At most `count` stimuli to judge while training, instead of the tested ones.

        They are of the split `val`, so that weights can be chosen by them and then tested on others
        of the same kind; only where people have judged the tested ones, they are some of these.
        """
        if self.humans is None:
            return replace(self, count=min(count, self.count)).build("val")
        return subsample(self.build("test"), count)

    def asked(self, members: StimulusSet) -> AskedSet:
        """How the stimuli of this recipe are asked about."""
        return AskedSet.of(members, self.wording, task=self.task)


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """A set of image files that people may have judged.

    Args:
        table: CSV with `stimulus_id`, `image` and one column per question.
        images: Folder that the paths in `image` start from; left out, the folder of the table.
        humans: Table of human judgments (`observer_id, stimulus_id, response`), for alignment.
        name: What tables, logged metrics and judgments call the set.
        task: What they show, as the task whose wordings fit.
        wording: As for `Recipe`.

    Raises:
        ValueError: For a task or wording that does not exist.
    """

    table: Path
    images: Path | None = None
    humans: Path | None = None
    name: str = "photographs"
    task: str = "tower"
    wording: str = prompts.PEOPLE

    def __post_init__(self) -> None:
        if self.task not in Task.names():
            raise ValueError(unknown("task", self.task, Task.names()))
        _check_wording(self.wording, self.task)

    def build(self) -> StimulusSet:
        """The stimulus set of these files."""
        return StimulusSet.photographs(
            table=self.table, images=self.images, humans=self.humans, name=self.name
        )

    def watched(self, count: int) -> StimulusSet:
        """At most `count` of them, to judge while training."""
        return subsample(self.build(), count)

    def asked(self, members: StimulusSet) -> AskedSet:
        """How these files are asked about."""
        return AskedSet.of(members, self.wording, task=self.task)


def _check_wording(name: str, task: str) -> None:
    known = {prompts.PEOPLE, prompts.COUNTERBALANCED} | {
        wording.id
        for question in prompts.questions()
        for wording in prompts.wordings(question, task)
    }
    if name not in known:
        raise ValueError(
            f"expected `wording` to be {prompts.PEOPLE}, {prompts.COUNTERBALANCED} or the id of a "
            f"wording for task `{task}`, got `{name}`; did you mean `{nearest(name, known)}`?"
        )


def _check_questions(recipe: Recipe) -> None:
    """Raises unless each question can be put in the recipe's wording and answered by choosing."""
    if not recipe.questions:
        raise ValueError(
            f"expected at least one of `questions` of set `{recipe.name}`, got none; "
            "leave `questions` out for the task's main question"
        )
    for question in recipe.questions:
        try:
            prompts.answer_forms(question)
            if recipe.wording != prompts.COUNTERBALANCED:
                prompts.wording(question, recipe.wording, task=recipe.task)
        except ValueError as error:
            raise ValueError(f"set `{recipe.name}`: {error}") from error

"""AskedSet: how the stimuli of a set are asked about, what people said, and how much they count."""

from collections.abc import Callable
from dataclasses import dataclass

from cogtrain import prompts
from cogtrain.data.people import People
from cogtrain.stimuli import StimulusSet


@dataclass(frozen=True, slots=True)
class AskedSet:
    """How the stimuli of one set are asked about.

    Attributes:
        name: Of the set.
        wording: ``(question, stimulus id) -> id of a wording``.
        people: What people answered, if that is to be learned from.
        weight: How much a stimulus counts in the loss.
        source: What its arrays depend on besides the stimulus: the set and the preprocessing.
        has_image: Whether the image is shown; otherwise the question is all that there is.
    """

    name: str
    wording: Callable[[str, str], str]
    people: People | None = None
    weight: float = 1.0
    source: str = ""
    has_image: bool = True

    @classmethod
    def of(
        cls, members: StimulusSet, wording: str = prompts.PEOPLE, *, task: str | None = None
    ) -> "AskedSet":
        """The stimuli of ``members``, asked as `cogtrain.prompts.choice` says."""
        return cls(members.name, prompts.choice(wording, task=task, ids=lambda: members.ids))

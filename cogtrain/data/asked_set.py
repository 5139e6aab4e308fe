"""AskedSet: a set's name and the wording in which each of its stimuli is asked about."""

from collections.abc import Callable
from dataclasses import dataclass

from cogtrain import prompts
from cogtrain.stimuli import StimulusSet


@dataclass(frozen=True, slots=True)
class AskedSet:
    """How the stimuli of one set are asked about.

    Attributes:
        name: Of the set.
        wording: ``(question, stimulus id) -> id of a wording``.
    """

    name: str
    wording: Callable[[str, str], str]

    @classmethod
    def of(
        cls, members: StimulusSet, wording: str = prompts.PEOPLE, *, task: str | None = None
    ) -> "AskedSet":
        """The stimuli of ``members``, asked as `cogtrain.prompts.choice` says."""
        return cls(members.name, prompts.choice(wording, task=task, ids=lambda: members.ids))

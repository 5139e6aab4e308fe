"""Shown: stimuli of a set once more, fewer of them or with other images."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cogtrain import _core
from cogtrain.stimuli import StimulusSet

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """What a new set shows of an old one.

    Attributes:
        members: The old set.
        name: Of the new set.
        stimuli: Of each new stimulus, which old one it is.
        images: Of each new stimulus, whose image it shows.
        change: What becomes of an image.
        version: Text that changes whenever any image could have changed.
    """

    members: StimulusSet
    name: str
    stimuli: Sequence[int]
    images: Sequence[int]
    change: Callable[[Image], Image]
    version: str

    def build(self) -> StimulusSet:
        """The new set: ids, answers and factors are those of the stimuli; people's table is not.

        Every one of them is made once here, for its answers.
        """
        made = [self.members[index] for index in self.stimuli]
        ids = [each.id for each in made]
        answers, factors = [each.answers for each in made], [_factors(each) for each in made]
        version = f"{self.version} {self.members.fingerprint}"
        source = _core.Source.encoded(ids, answers, factors, self, version)
        return replace(self.members, name=self.name, source=source, humans=None)

    def content(self, index: int) -> bytes:
        """Image ``index`` as a PNG file, which loses nothing; the native core asks any thread."""
        image = self.members[int(self.images[index])].image
        return bytes(_core.encode_png(self.change(image)))

    def place(self, index: int) -> str:
        """Where that is, for errors."""
        return f"image {index} of `{self.name}`"


def subsample(members: StimulusSet, count: int) -> StimulusSet:
    """At most ``count`` stimuli of a set, chosen by their ids, in its order and with its people.

    Those whose ids have the smallest hashes: which ones depends on nothing else, neither on the
    order of the table nor on ranks, and a larger sample holds the smaller one.

    Raises:
        ValueError: For a count below 1.

    Example:
        >>> towers = StimulusSet.recipe(count=6, size_px=56)
        >>> few = subsample(towers, 2)
        >>> len(few), set(few.ids) < set(subsample(towers, 3).ids), subsample(towers, 9) is towers
        (2, True, True)
    """
    if count < 1:
        raise ValueError(f"expected a sample of at least 1 stimulus, got {count}; leave it out")
    if count >= len(members):
        return members
    ids = members.ids
    chosen = sorted(sorted(range(len(ids)), key=lambda index: _hash(ids[index]))[:count])
    version = f"subsample 1 {count}"
    few = Shown(members, members.name, chosen, chosen, lambda image: image, version).build()
    return replace(few, humans=members.humans)


def _hash(stimulus_id: str) -> bytes:
    return hashlib.blake2b(stimulus_id.encode(), digest_size=16).digest()


def _factors(stimulus: _core.Stimulus) -> dict[str, bool | int | float | str]:
    """What is known of a stimulus beside its answers; images from elsewhere keep no more."""
    known: dict[str, bool | int | float | str] = dict(stimulus.factors)
    if stimulus.margin is not None:
        known["margin"] = stimulus.margin
    if stimulus.appearance is not None:
        known["style"] = stimulus.appearance.style
    return known

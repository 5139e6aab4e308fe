"""Control: what a tested set is like when its images no longer show what is asked about.

Whoever answers `blank` or `shuffled` images as well as the images themselves does not look at them.
Neither does who answers as well by the text alone. `mirrored` images ask the same again from the
other side: left and right decide nothing.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from cogtrain.shown import Image, Shown
from cogtrain.stimuli import StimulusSet

Control: TypeAlias = Literal["blank", "shuffled", "mirrored", "text_only"]
CONTROLS: tuple[Control, ...] = get_args(Control)
"""Mid-grey; the image of another stimulus of the set; left and right exchanged; none at all."""
TEXT_ONLY: Control = "text_only"

_GRAY = 128
_FEWEST = 2  # one stimulus has no other image to show


def name_under(control: Control, name: str) -> str:
    """What the set ``name`` is called under ``control``, such as ``tower-small~blank``."""
    return f"{name}~{control}"


def controlled(members: StimulusSet, control: Control, *, seed: int = 0) -> StimulusSet:
    """The same stimuli with other images: ids, answers, factors and order stay.

    People's judgments are left behind: nobody has seen these images.

    Args:
        members: The set; every stimulus is made once here, for its answers.
        control: What becomes of its images, each of which keeps its size unless `shuffled`. Under
            `text_only` they are mid-grey, for a loader has to load something; whoever asks the
            questions must leave them out.
        seed: Of `shuffled`: which other image a stimulus shows. It follows from the seed and the
            number of stimuli alone, so that two models are shown the same.

    Returns:
        A set called as `name_under` says.

    Raises:
        ValueError: For an unknown control, or a single stimulus to shuffle.

    Example:
        >>> towers = StimulusSet.recipe(count=4, size_px=56, name="towers")
        >>> blank = controlled(towers, "blank")
        >>> blank.name, blank.ids == towers.ids, int(blank[0].image.min()), blank[0].image.shape
        ('towers~blank', True, 128, (56, 56, 3))
    """
    if control not in CONTROLS:
        raise ValueError(
            f"expected a control to be one of {', '.join(CONTROLS)}, got {control!r}; "
            "choose one of them"
        )
    count = len(members)
    return Shown(
        members,
        name_under(control, members.name),
        stimuli=range(count),
        images=range(count) if control != "shuffled" else derangement(count, seed=seed).tolist(),
        change=_CHANGES[control],
        version=f"control 1 {control} {seed}",
    ).build()


def derangement(count: int, *, seed: int) -> NDArray[np.intp]:
    """A permutation of ``count`` places that leaves none in place: one cycle through all of them.

    Raises:
        ValueError: For less than two places.
    """
    if count < _FEWEST:
        raise ValueError(
            f"expected at least {_FEWEST} stimuli to exchange their images, got {count}; "
            "leave `shuffled` out or test more"
        )
    order = np.random.Generator(np.random.Philox(key=[seed, count])).permutation(count)
    others = np.empty(count, dtype=np.intp)
    others[order] = np.roll(order, -1)
    return others


_CHANGES: dict[Control, Callable[[Image], Image]] = {
    "blank": lambda image: np.full_like(image, _GRAY),
    "shuffled": lambda image: image,
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "text_only": lambda image: np.full_like(image, _GRAY),
}

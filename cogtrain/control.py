"""Control: what a tested set is like when its images no longer show what is asked about.

Whoever answers `blank` or `shuffled` images as well as the images themselves does not look at them.
`mirrored` images ask the same again from the other side: left and right decide nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from cogtrain import _core
from cogtrain.stimuli import StimulusSet

Control: TypeAlias = Literal["blank", "shuffled", "mirrored"]
CONTROLS: tuple[Control, ...] = get_args(Control)
"""Mid-grey; the image of another stimulus of the set; left and right exchanged."""

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
        control: What becomes of its images, each of which keeps its size unless `shuffled`.
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
    images = _Images(members, control, seed)
    stimuli = [(each.answers, _factors(each)) for each in members]
    answers, factors = (list(column) for column in zip(*stimuli, strict=True))
    version = f"control 1 {control} {seed} {members.fingerprint}"
    source = _core.Source.encoded(members.ids, answers, factors, images, version)
    return replace(members, name=name_under(control, members.name), source=source, humans=None)


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


class _Images:
    """The images of a set under a control, as the native core asks for them, from any thread."""

    def __init__(self, members: StimulusSet, control: Control, seed: int) -> None:
        if control not in CONTROLS:
            raise ValueError(
                f"expected a control to be one of {', '.join(CONTROLS)}, got {control!r}; "
                "choose one of them"
            )
        self._members = members
        self._control: Control = control
        self._shown = np.arange(len(members))
        if control == "shuffled":
            self._shown = derangement(len(members), seed=seed)

    def content(self, index: int) -> bytes:
        """Image ``index`` as a PNG file, which loses nothing."""
        image = self._members[int(self._shown[index])].image
        return bytes(_core.encode_png(_CHANGES[self._control](image)))

    def place(self, index: int) -> str:
        """Where that is, for errors."""
        return f"image {index} of `{name_under(self._control, self._members.name)}`"


_CHANGES: dict[Control, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "blank": lambda image: np.full_like(image, _GRAY),
    "shuffled": lambda image: image,
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


def _factors(stimulus: _core.Stimulus) -> dict[str, bool | int | float | str]:
    """What is known of a stimulus beside its answers; images from elsewhere keep no more."""
    known: dict[str, bool | int | float | str] = dict(stimulus.factors)
    if stimulus.margin is not None:
        known["margin"] = stimulus.margin
    if stimulus.appearance is not None:
        known["style"] = stimulus.appearance.style
    return known

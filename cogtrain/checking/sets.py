"""The sets of a training: what they are, and whether one knows the answers of another."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from cogtrain.stimuli import StimulusSet

_SHORT = 12  # digits of a fingerprint that tell sets apart
_JUDGED = ("val", "watch", "test")

Sets = Mapping[str, Sequence[StimulusSet]]


def rows(sets: Sets) -> Iterator[dict[str, Any]]:
    """One row per set: `part, set, stimuli, image, fingerprint`."""
    for part, members in sets.items():
        for each in members:
            height, width = each[0].image.shape[:2]
            yield {
                "part": part,
                "set": each.name,
                "stimuli": f"{len(each):,}",
                "image": f"{height} × {width}",
                "fingerprint": each.fingerprint[:_SHORT],
            }


def leaks(sets: Sets) -> Iterator[str]:
    """What is trained on and judged, too, by the ids of stimuli; one line per two sets."""
    judged = ((part, each) for part in _JUDGED for each in sets.get(part, ()))
    for trained, (part, each) in product(sets["train"], judged):
        if shared := set(trained.ids) & set(each.ids):
            yield (
                f"expected nothing of `{trained.name}` of `data.train` in `{each.name}` of "
                f"`data.{'test' if part == 'watch' else part}`, got {len(shared):,} stimuli that "
                f"are in both, `{min(shared)}` for one; give them sets of their own"
            )

"""cogtrain, one thread: the flat style, anti-aliased."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from renderers.tower import SIZE_PX


def pictures(scenes: list[tuple[Any, Any]]) -> Iterator[np.ndarray]:
    from cogtrain import render

    for scene, look in cycle(scenes):
        yield render(scene, look, SIZE_PX)

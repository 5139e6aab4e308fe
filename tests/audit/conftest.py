"""Made-up looks: what an audit sees of stimuli that were never drawn."""

from typing import Any

import numpy as np
import pytest

from cogtrain.audit.measure import Look, Measurements
from cogtrain.audit.screen import Extent


class Made:
    """Makes looks, and sets of them."""

    @staticmethod
    def look(index: int, answer: str = "yes", **changes: Any) -> Look:
        """A unique, unremarkable stimulus."""
        rng = np.random.default_rng(index)
        plain = Look(
            id=f"id{index}",
            answers={"will_fall": answer},
            factors={},
            margin=-0.1 if answer == "yes" else 0.1,
            pair="",
            pixels=f"pixels {index}".encode(),
            scene=f"scene {index}".encode(),
            thumbnail=rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
            colour=rng.uniform(0, 255, 3),
            luminance=float(rng.uniform(0, 255)),
            contrast=float(rng.uniform(0, 100)),
            size_px=(28, 28),
            extent=Extent(*rng.uniform(0, 1, 4).tolist(), float(rng.integers(2, 8)), "scene"),
        )
        return plain._replace(**changes)

    @staticmethod
    def answers(count: int) -> list[str]:
        """Answers that take turns."""
        return ["no", "yes"] * (count // 2)

    def looks(self, count: int = 40, **changes: Any) -> list[Look]:
        """Looks whose answers take turns."""
        return [self.look(i, a, **changes) for i, a in enumerate(self.answers(count))]

    @staticmethod
    def measured(looks: list[Look], faults: Any = ()) -> Measurements:
        """A set of them."""
        return Measurements("made-up", looks, list(faults))


@pytest.fixture(scope="session")
def made() -> Made:
    """Makes looks, and sets of them."""
    return Made()

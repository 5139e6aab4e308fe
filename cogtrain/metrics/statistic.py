"""Statistic: a number that can be computed anew from resampled stimuli and people.

Every metric with a bootstrap interval is one. It is given counts, how often each stimulus and each
person was drawn, so that all resamples are a few matrix products; and it can be given other answers
to the same stimuli, for permutation tests.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal, TypedDict

import numpy as np

from cogtrain.metrics.estimate import Estimate, bootstrapped, undefined
from cogtrain.metrics.interval import acceleration, bca, percentile
from cogtrain.metrics.resample import REPLICATES, each_left_out, over_stimuli_and_people


class Resampling(TypedDict, total=False):
    """Options of every bootstrap.

    Attributes:
        replicates: Resamples; 1,000 by default.
        seed: Fixes them; 0 by default.
        method: `percentile` (default) or `bca`, bias-corrected and accelerated (Efron 1987).
    """

    replicates: int
    seed: int
    method: Literal["percentile", "bca"]


class Statistic(ABC):
    """A number over stimuli, and over people if it compares with them.

    Attributes:
        answers: The one observer's, ``(n,)``.
        has_observer: Whether there is one, whose answers can be shuffled and exchanged.
        n: Stimuli that enter.
        people: People that enter; 0 if the interval resamples stimuli only.
        chance: What an observer who knows nothing gets.
        note: What was left out, for the reader.
        cells: Numbers held per resample; bounds the memory of a block.
    """

    answers: np.ndarray = np.zeros(0)
    has_observer: bool = False
    n: int = 0
    people: int = 0
    chance: float = 0.0
    note: str = ""

    @abstractmethod
    def resampled(self, stimuli: np.ndarray, people: np.ndarray) -> np.ndarray:
        """The number per resample, ``(rows,)``, given counts ``(rows, n)``, ``(rows, people)``."""

    def of(self, answers: np.ndarray) -> np.ndarray:
        """The number per row of other answers to the same stimuli, ``(rows, n)``."""
        raise TypeError(
            f"expected a statistic with an exchangeable observer, got {type(self).__name__}; "
            "it has no permutation test"
        )

    def why_undefined(self) -> str:
        """Why there is no value, or nothing."""
        return ""

    @property
    def cells(self) -> int:
        """Numbers held per resample."""
        return max(self.n, self.people)

    @property
    def value(self) -> float:
        """The number; `nan` if undefined."""
        if self.why_undefined():
            return math.nan
        return float(self.resampled(np.ones((1, self.n)), np.ones((1, self.people)))[0])

    def replicates(self, *, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
        """The number in each of `replicates` two-way resamples, ``(replicates,)``."""
        draws = over_stimuli_and_people(
            self.n, self.people, replicates=replicates, seed=seed, cells=self.cells
        )
        return np.concatenate([self.resampled(w, v) for w, v in draws])

    def left_out(self) -> Iterator[np.ndarray]:
        """The number without each stimulus, then without each person: what BCa's skew needs."""
        yield np.concatenate(
            [self.resampled(w, np.ones((len(w), self.people))) for w in each_left_out(self.n)]
        )
        if self.people:
            yield np.concatenate(
                [self.resampled(np.ones((len(v), self.n)), v) for v in each_left_out(self.people)]
            )

    def estimate(
        self,
        *,
        replicates: int = REPLICATES,
        seed: int = 0,
        method: Literal["percentile", "bca"] = "percentile",
    ) -> Estimate:
        """Value with its 95 % interval."""
        if method not in ("percentile", "bca"):
            raise ValueError(
                f"expected `method` to be percentile or bca, got {method!r}; choose one of them"
            )
        reason = self.why_undefined()
        if reason:
            return undefined(reason, n=self.n, chance=self.chance)
        value, drawn = self.value, self.replicates(replicates=replicates, seed=seed)
        if method == "bca":
            ends = bca(value, drawn, acceleration(list(self.left_out())))
        else:
            ends = percentile(drawn)
        return bootstrapped(value, ends, n=self.n, chance=self.chance, reason=self.note)

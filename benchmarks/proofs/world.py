"""Ranks of one world, all in this process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cogtrain import Batch, Loader, StimulusSet

SEED = 7
# Stimulus that counts: its set and its id.
Drawn = tuple[int, str]


@dataclass(frozen=True)
class World:
    """How many ranks, each with how many threads and stimuli per batch."""

    ranks: int = 1
    threads: int = 1
    batch_size: int = 4

    def loaders(self, sets: Sequence[StimulusSet], **options: Any) -> list[Loader]:
        """One loader per rank."""
        return [
            Loader(
                sets,
                batch_size=self.batch_size,
                seed=SEED,
                rank=rank,
                world_size=self.ranks,
                threads=self.threads,
                **options,
            )
            for rank in range(self.ranks)
        ]


def laid(loaders: Sequence[Loader]) -> Iterator[Batch]:
    """One pass: the ranks' batches side by side in rank order; every rank has as many."""
    for step in zip(*loaders, strict=True):
        yield from step


def drawn(batches: Iterator[Batch]) -> list[Drawn]:
    """The global sequence: set and id of each stimulus that counts."""
    return [
        (int(number), name)
        for batch in batches
        for number, name, weight in zip(batch.sets, batch.ids, batch.weights, strict=True)
        if weight > 0
    ]

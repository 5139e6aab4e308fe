"""A deterministic, resumable stream of batches over stimulus sets.

The order of an epoch is a function of (seed, epoch, position), not a list, and the ranks of a
distributed run take consecutive slices of the one global sequence. So a saved state is five
values, resuming reads nothing again, and neither the number of ranks nor of threads changes what
a model sees. Needs numpy, not torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cogtrain import _core

if TYPE_CHECKING:
    from cogtrain.stimuli import StimulusSet

_SEED_LIMIT = 2**64


class Loader:
    """Batches of one or several stimulus sets, in an order that can be resumed.

    Each ``iter(loader)`` is the next epoch; if nothing of the current one has been handed out, it
    is still that one; after :meth:`load_state_dict` it is the rest of the restored one. The last
    batch is filled up from the start of the epoch with ``weights`` of 0, so that every rank has
    as many batches and no real stimulus counts twice.

    Work is done by native threads that never hold the interpreter lock. They start with the first
    batch (again in a forked child), stay two batches ahead, and stop with the epoch.

    Args:
        sets: One set or several; several are permuted together.
        batch_size: Stimuli per batch of one rank.
        seed: Decides the order; 0 to 2**64 - 1.
        preprocess: Makes the arrays that a model reads; without it, ``batch.images`` holds the
            images, which must then have one size.
        rank: This process among ``world_size``.
        world_size: Processes that share the sequence.
        threads: Worker threads; by default the processors that affinity and the cgroup quota
            leave to this process.
        shuffle: Whether each epoch has its own order; otherwise all have that of the sets.

    Raises:
        ValueError: For no stimuli, a count below 1, or a rank outside the world.

    Example:
        >>> from cogtrain import Loader, StimulusSet
        >>> towers = StimulusSet.recipe(count=6, size_px=56)
        >>> loader = Loader(towers, batch_size=4, seed=1)
        >>> [batch.images.shape for batch in loader]
        [(4, 56, 56, 3), (4, 56, 56, 3)]
        >>> loader.state_dict()["consumed"]
        6
    """

    def __init__(
        self,
        sets: StimulusSet | Sequence[StimulusSet],
        *,
        batch_size: int,
        seed: int,
        preprocess: _core.Preprocess | None = None,
        rank: int = 0,
        world_size: int = 1,
        threads: int | None = None,
        shuffle: bool = True,
    ) -> None:
        if not 0 <= seed < _SEED_LIMIT:
            raise ValueError(
                f"expected `seed` to be between 0 and 2**64 - 1, got {seed}; use a positive number"
            )
        self.sets: tuple[StimulusSet, ...] = tuple(sets) if isinstance(sets, Sequence) else (sets,)
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        sources = [each.source for each in self.sets]
        self._core = _core.LoaderCore(
            sources, batch_size, seed, preprocess, rank, world_size, threads, shuffle
        )

    def __len__(self) -> int:
        """Batches per epoch, the same on every rank."""
        return len(self._core)

    def __iter__(self) -> Iterator[_core.Batch]:
        """One pass; only the newest iterator of a loader may be used.

        An error about a stimulus is raised when its batch is due: ``CorruptImageError`` and
        ``OSError`` name the file. Asking again tries the same batch again.
        """
        return iter(self._core)

    def state_dict(self) -> dict[str, Any]:
        """What has been handed out over all ranks, not what was made ahead.

        ``version``, ``fingerprint`` (of the sets and of ``shuffle``), ``seed``, ``epoch`` and
        ``consumed``; the same on every rank, and valid for any number of them.
        """
        return self._core.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes to a saved state; the next ``iter`` hands out the rest of its epoch.

        Raises:
            ValueError: For a state of other data or another seed; the message names the field.
        """
        self._core.load_state_dict(state)

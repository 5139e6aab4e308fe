"""A deterministic, resumable stream of batches over stimulus sets.

The order of an epoch is a function of (seed, epoch, position), not a list, and the ranks of a
distributed run take consecutive slices of the one global sequence. So a saved state is a few
values, resuming reads nothing again, and neither the number of ranks nor of threads changes what
a model sees. Needs numpy, not torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from cogtrain import _core

if TYPE_CHECKING:
    from cogtrain.stimuli import StimulusSet

OnBad: TypeAlias = Literal["raise", "substitute", "quarantine"]
_SEED_LIMIT = 2**64


class BadStimulus(TypedDict):
    """A stimulus that could not be made.

    `set` counts the loader's sets, `index` the stimuli of that set; `id` is absent where the set
    cannot tell it; `epoch` and `position` say where it was met first; `substitute` is the id of
    the stimulus in its place.
    """

    set: int
    index: int
    id: str | None
    reason: str
    epoch: int
    position: int
    substitute: str | None


class Loader:
    """Batches of one or several stimulus sets, in an order that can be resumed.

    Each ``iter(loader)`` is the next epoch; if nothing of the current one has been handed out, it
    is still that one; after :meth:`load_state_dict` it is the rest of the restored one. Every rank
    has as many batches: the last one is filled up from the start of the epoch with ``weights`` of
    0, so that no stimulus counts twice.

    Work is done by native threads that never hold the interpreter lock. They start with the first
    batch (again in a forked child), stay two batches ahead, and stop with the epoch. Who keeps
    batches never stalls them: memory that is let go of is used again, and what is kept is replaced.

    Args:
        sets: One set or several. Without `shares` they are permuted together as if they were one.
        batch_size: Stimuli per batch of one rank.
        seed: Decides the order; 0 to 2**64 - 1.
        preprocess: Makes the arrays that a model reads; without it, ``batch.images`` holds the
            images, which must then have one size.
        rank: This process among ``world_size``.
        world_size: Processes that share the sequence.
        threads: Worker threads; by default the processors that affinity and the cgroup quota
            leave to this process.
        shuffle: Whether each epoch has its own order; otherwise all have that of the sets.
        shares: How often each set is drawn in relation to the others, such as ``[3, 1]``: at every
            position of the stream each set has been drawn as often as its share says, rounded down
            or up. Fractions are kept to 1/65,536. A set goes on in the next epoch where it was, so
            that its stimuli are drawn equally often.
        epoch: Where an epoch ends if there are `shares`: ``longest``, when every set has been seen
            whole and others round and round; ``shortest``, before one would begin anew.
        on_bad: What becomes of a stimulus that cannot be made (a damaged or missing file, a size
            that the model does not take, a panic): ``raise``; ``substitute``, another one of its
            set counts in its place; ``quarantine``, another one fills its place and does not
            count. Which one follows from the seed and the bad stimulus alone.
        bad_budget: How many different stimuli may be bad before that is an error. A rank counts
            those that it meets, and those that :meth:`add_report` tells it of.
        max_bytes: Bytes made and not yet handed out beyond which only the oldest batch is worked
            on; each thread may exceed it by the stimulus that it is at.

    Raises:
        ValueError: For no stimuli, a count below 1, a rank outside the world, or shares that
            cannot be drawn.

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
        shares: Sequence[float] | None = None,
        epoch: Literal["longest", "shortest"] = "longest",
        on_bad: OnBad = "raise",
        bad_budget: int = 10,
        max_bytes: int = 2**30,
    ) -> None:
        if not 0 <= seed < _SEED_LIMIT:
            raise ValueError(
                f"expected `seed` to be between 0 and 2**64 - 1, got {seed}; use a positive number"
            )
        self.sets: tuple[StimulusSet, ...] = tuple(sets) if isinstance(sets, Sequence) else (sets,)
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        options = {
            "batch_size": batch_size,
            "seed": seed,
            "rank": rank,
            "world_size": world_size,
            "threads": threads,
            "shuffle": shuffle,
            "shares": None if shares is None else list(shares),
            "epoch": epoch,
            "on_bad": on_bad,
            "bad_budget": bad_budget,
            "max_bytes": max_bytes,
        }
        self._known_faults = 0
        self._core = _core.LoaderCore([each.source for each in self.sets], preprocess, options)

    def __len__(self) -> int:
        """Batches per epoch, the same on every rank."""
        return len(self._core)

    def is_last(self, batch: _core.Batch) -> bool:
        """Whether an epoch ends with the step of `batch`, on this rank as on the others."""
        begun = int(batch.positions[0]) - self.rank * self.batch_size
        return begun + self.world_size * self.batch_size >= self._core.epoch_size

    def __iter__(self) -> Iterator[_core.Batch]:
        """One pass; only the newest iterator of a loader may be used.

        An error about a stimulus is raised when its batch is due: ``CorruptImageError`` and
        ``OSError`` name the file. Asking again tries the same batch again. A bad stimulus that is
        replaced is logged (``logging``, name ``cogtrain.data.loader``) when it is first met.
        """
        return iter(self._core)

    def state_dict(self) -> dict[str, Any]:
        """What has been handed out over all ranks, not what was made ahead.

        ``version``, ``fingerprint`` (of the sets, of ``shuffle`` and of the mixture), ``seed``,
        ``epoch`` and ``consumed``; the same on every rank, and valid for any number of them. If
        there were bad stimuli, ``bad`` is the report of this rank, so that their count goes on; it
        is the same on every rank once they have exchanged their reports (:meth:`add_report`).
        """
        return self._core.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes to a saved state; the next ``iter`` hands out the rest of its epoch.

        Raises:
            ValueError: For a state of other data or another seed; the message names the field.
        """
        self._core.load_state_dict(state)

    def has_new_faults(self) -> bool:
        """Whether bad stimuli were met since this was last asked."""
        known, self._known_faults = self._known_faults, self._core.fault_count
        return self._known_faults > known

    def report(self) -> list[BadStimulus]:
        """The bad stimuli that this rank knows of, each once, by set and index."""
        return self._core.faults()

    def add_report(self, report: Sequence[BadStimulus]) -> None:
        """Takes in the :meth:`report` of another rank.

        What stands in for a bad stimulus does not depend on the rank, but each rank meets only its
        own. If every rank takes in the reports of all, they have one report, one state and one
        budget, as a single rank would; ``cogtrain fit`` does so at both ends of every epoch.

        Raises:
            ValueError: If there are more than `bad_budget` now, naming the last; or for anything
                but a report.
        """
        self._core.add_report(report)

    def statistics(self) -> dict[str, Any]:
        """What the threads have done and waited for since the loader was made.

        ``make`` (rendering, or reading and decoding), ``prepare`` (into the arrays of the batch)
        and ``deliver`` each have ``samples``, ``bytes``, ``busy_s`` and ``wait_s`` (summed over
        threads) and ``occupancy`` (share of all thread time). `make` waits when nothing may be
        begun, because the batches ahead are full; `prepare` when no thread is free; `deliver` when
        a batch is asked for before it is finished, and is busy while it holds the interpreter lock.
        ``busy_p50_s``, ``busy_p99_s``, ``wait_p50_s`` and ``wait_p99_s`` are percentiles over
        stimuli, parts of batches, and batches (of waits: those that there were), within 1/16 of the
        true ones, ``None`` before there are any. Besides ``threads``, ``batches``,
        ``in_flight_bytes``, ``peak_in_flight_bytes``, and of the batches' memory ``pool``:
        ``allocated`` and ``reused`` buffers, ``lent_bytes`` (batches that are still held) and
        ``free_bytes``. No batch depends on any of it.
        """
        return self._core.statistics()

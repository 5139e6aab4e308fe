"""Collating: the batches of a `Loader`, collated as they are handed out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from cogtrain._core import Batch
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import Collated, Draw, collate
from cogtrain.data.loader import BadStimulus, Loader


class Collating:
    """A `Loader` whose batches are collated; its place is the loader's place.

    Args:
        loader: With a `preprocess`.
        sets: Those of the loader, in its order.
        pin_memory: Whether the tensors are copied into page-locked memory (CUDA only).
        on_bad: Is told how many bad stimuli each set has, when there are more than before.
        gather: Gives an object of every rank to every rank. With it, ranks tell each other of bad
            stimuli when a pass begins and before its last batch, so that they keep to one budget.
        draws: Whether one person's answer is drawn per item, instead of all people's proportions.
        is_due: Asked when a pass begins, with the same answer on every rank; one that is not due
            has no batches. Left out, all are.

    Attributes:
        waited_s: Seconds that whoever asked for batches has waited for them so far.
    """

    def __init__(
        self,
        loader: Loader,
        sets: Sequence[AskedSet],
        *,
        pin_memory: bool = False,
        on_bad: Callable[[dict[str, int]], None] | None = None,
        gather: Callable[[list[BadStimulus]], list[list[BadStimulus]]] | None = None,
        draws: bool = False,
        is_due: Callable[[], bool] | None = None,
    ) -> None:
        self.loader = loader
        self.sets = tuple(sets)
        self.pin_memory = pin_memory
        self.on_bad = on_bad
        self.gather = gather
        self.draws = draws
        self.is_due = is_due
        self.waited_s = 0.0

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Collated]:
        if self.is_due is not None and not self.is_due():
            return
        # Every rank begins as many passes and has as many batches, so that none waits for ever. A
        # pass may be cut short, and who knows its length never asks beyond its last batch.
        self._exchange()
        # Not a `map`: an error of the loader then ends in this package and is told as one line.
        batches = iter(self.loader)
        while (batch := self._next(batches)) is not None:
            if self.loader.is_last(batch):
                self._exchange()
            with self._waiting():
                items = self._collate(batch)
            yield items

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        with self._waiting():
            return next(batches, None)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        began_s = perf_counter()
        yield
        self.waited_s += perf_counter() - began_s

    def _exchange(self) -> None:
        if self.gather is not None:
            for report in self.gather(self.loader.report()):
                self.loader.add_report(report)

    def _collate(self, batch: Batch) -> Collated:
        if self.on_bad is not None and self.loader.has_new_faults():
            numbers = [fault["set"] for fault in self.loader.report()]
            counts = {self.sets[number].name: numbers.count(number) for number in numbers}
            self.on_bad(counts)
        state = self.loader.state_dict() if self.draws else {}
        items = collate(batch, self.sets, Draw(state["seed"], state["epoch"]) if state else None)
        return _pinned(items) if self.pin_memory else items

    def state_dict(self) -> dict[str, Any]:
        """Place in the stream: what has been handed out."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues at ``state``."""
        self.loader.load_state_dict(state)


def _pinned(items: Collated) -> Collated:
    """The same items, with their tensors in page-locked memory."""
    weights = items["weights"].pin_memory()
    arrays = {name: each.pin_memory() for name, each in items["arrays"].items()}
    return {**items, "weights": weights, "arrays": arrays}

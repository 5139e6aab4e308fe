"""ItemMetric: a torchmetrics metric whose state is one row per stimulus.

Padding, sampling with repetition and ranks that overlap all hand in a stimulus twice; keyed by
stimulus, it counts once. A row is four int64: a 128-bit hash of the id, and the bit patterns of
P(first option) and truth as float64. So the state is one tensor to gather, and neither `.half()`
nor `set_dtype` nor a move to another device can change a bit of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from cogtrain.judgments import Judgments
from cogtrain.metrics.panel import Panel, key_of, proportion_of

_WIDTH = 4


class Items(NamedTuple):
    """What one observer answered, each stimulus once.

    Attributes:
        keys: Hash of the stimulus id, ``(stimuli, 2)`` int64, ascending.
        probability: P(first option), ``(stimuli,)`` float64.
        truth: 1 first option, 0 second, `nan` unknown, ``(stimuli,)`` float64.
    """

    keys: np.ndarray
    probability: np.ndarray
    truth: np.ndarray


def keys_of(ids: Sequence[str]) -> np.ndarray:
    """128-bit hashes of stimulus ids, ``(n, 2)`` int64; the same in every process."""
    return np.frombuffer(b"".join(map(key_of, ids)), dtype="<i8").reshape(-1, 2)


def gather_rows(rows: Tensor, group: Any = None) -> list[Tensor]:
    """Gathers state rows over ranks; a rank without any hands in none.

    State lives on the CPU; a process group that only knows GPUs gets its rows there and back.
    """
    backend = str(torch.distributed.get_backend(group))
    rows = rows.reshape(-1, _WIDTH).to(torch.int64)
    if "nccl" in backend and "gloo" not in backend:
        rows = rows.to(torch.device("cuda", torch.cuda.current_device()))
    return [part.cpu() for part in gather_all_tensors(rows, group)]


class ItemMetric(Metric):
    """Collects one observer's answers by stimulus; subclasses only say what to compute.

    `compute` returns an `Estimate` (or several by name), equal on all ranks.

    Args:
        humans: People's judgments of the same stimuli; only what `question` asks is used.
        question: Which question; `None` if the table holds one only.
        options: The two answers; probability and truth are of the first.
        kwargs: Those of `torchmetrics.Metric`.

    Raises:
        ValueError: For more or fewer options than two, where the metric is one of two answers.
    """

    takes_two_options = True

    full_state_update = False
    is_differentiable = False
    rows: list[Tensor]

    def __init__(
        self,
        humans: Judgments | None = None,
        *,
        question: str | None = None,
        options: Sequence[str] = ("yes", "no"),
        **kwargs: Any,
    ) -> None:
        super().__init__(**({"dist_sync_fn": gather_rows} | kwargs))
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        self.options = tuple(options)
        if self.takes_two_options and len(self.options) != 2:
            raise ValueError(
                f"expected two options, got {len(self.options)} ({', '.join(self.options)}); "
                "use ChoiceAccuracy"
            )
        self.people: Panel | None = None
        if humans is not None:
            people = humans.select(observer_kind="human")
            people = people.select(question=question) if question else people
            self.people = Panel.from_judgments(people, options=self.options)
            self._people_keys = _void(keys_of(self.people.stimuli))

    def update(
        self,
        ids: Sequence[str],
        probability: ArrayLike | Tensor,
        truth: ArrayLike | Tensor | Sequence[str | None],
        weights: ArrayLike | Tensor | None = None,
    ) -> None:
        """Adds a batch.

        Args:
            ids: Stimulus ids.
            probability: P(first option), ``(N,)``, any float type and device.
            truth: The true option as text, or 1 first and 0 second; `nan` or `None` if unknown.
            weights: 0 marks padding, which is left out; ``(N,)``.

        Raises:
            ValueError: If lengths differ, a probability is outside [0, 1], or a truth is none of
                the options.
        """
        columns = [_floats(probability), self._truth(truth)]
        strange = columns[0][(columns[0] < 0) | (columns[0] > 1)]
        if len(strange):
            raise ValueError(
                f"expected probabilities in [0, 1], got {strange[0]:g}; pass a probability, not "
                "log-odds"
            )
        self.add(ids, columns, weights)

    def add(
        self,
        ids: Sequence[str],
        columns: Sequence[np.ndarray],
        weights: ArrayLike | Tensor | None = None,
    ) -> None:
        """Adds rows: answer and truth of each stimulus as float64; see `update`."""
        keep = np.ones(len(ids), dtype=bool) if weights is None else _floats(weights) > 0
        lengths = [len(ids), *map(len, columns), len(keep)]
        if len(set(lengths)) > 1:
            raise ValueError(
                "expected as many ids as probabilities, truths and weights, got "
                f"{', '.join(map(str, lengths))}; pass one of each per stimulus"
            )
        bits = np.stack(columns, axis=1).view(np.int64)
        rows = np.concatenate([keys_of(ids), bits], axis=1)[keep]
        self.rows.append(torch.from_numpy(rows))

    def items(self) -> Items:
        """Everything so far, each stimulus once; of two answers to one, the first is kept."""
        parts = self.rows if isinstance(self.rows, list) else [self.rows]
        rows = np.concatenate([np.zeros((0, _WIDTH), dtype=np.int64), *(p.numpy() for p in parts)])
        _, first = np.unique(_void(rows[:, :2]), return_index=True)
        rows = rows[first]
        values = np.ascontiguousarray(rows[:, 2:]).view(np.float64)
        return Items(rows[:, :2], values[:, 0], values[:, 1])

    def people_at(self, items: Items) -> np.ndarray:
        """People's answers to the items, ``(observers, items)``; `nan` where there is none."""
        if self.people is None:
            return np.zeros((0, len(items.keys)))
        position = {key: column for column, key in enumerate(self._people_keys.tolist())}
        columns = [position.get(key, -1) for key in _void(items.keys).tolist()]
        padding = np.full((len(self.people.observers), 1), np.nan)
        return np.concatenate([self.people.answers, padding], axis=1)[:, columns]

    def proportion_at(self, items: Items) -> np.ndarray:
        """Share of people who chose the first option, ``(items,)``; `nan` where nobody answered."""
        return proportion_of(self.people_at(items))

    def _truth(self, truth: Any) -> np.ndarray:
        if isinstance(truth, Tensor):
            return _floats(truth)
        return np.array([self._truth_of(value) for value in truth], dtype=float)

    def _truth_of(self, value: Any) -> float:
        if value is None or value != value:
            return float("nan")
        if not isinstance(value, str):
            return float(value)
        if value not in self.options:
            raise ValueError(
                f"expected truth to be one of {', '.join(self.options)}, got {value!r}; pass the "
                "question's options"
            )
        return float(value == self.options[0])

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Any:
        """Leaves the state on the CPU and as it is, whatever is asked of the module around it."""
        return self


def _void(keys: np.ndarray) -> np.ndarray:
    """Two int64 as one comparable value."""
    return np.ascontiguousarray(keys).view("V16").reshape(-1)


def _floats(values: Any) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().to("cpu", torch.float64).numpy()
    return np.asarray(values, dtype=np.float64).reshape(-1)

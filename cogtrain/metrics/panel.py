"""Panel: the answers of several observers to the same stimuli, as one matrix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from cogtrain.judgments import Judgments


def key_of(stimulus_id: str) -> bytes:
    """16-byte hash of a stimulus id: what metrics key their state by, the same everywhere."""
    return blake2b(stimulus_id.encode(), digest_size=16).digest()


def in_key_order(stimuli: Iterable[str]) -> list[str]:
    """Stimuli in the order of their keys.

    A bootstrap draws positions; in this order the same stimuli get the same interval, whatever
    order they came in: live from a metric or later from a table.
    """
    return sorted(stimuli, key=key_of)


def proportion_of(answers: np.ndarray) -> np.ndarray:
    """Mean answer per stimulus over those who answered it, ``(stimuli,)``; `nan` if nobody did.

    Args:
        answers: ``(observers, stimuli)``; `nan` where not answered.
    """
    answered = (~np.isnan(answers)).sum(axis=0)
    empty = np.full(answers.shape[1], np.nan)
    return np.divide(np.nan_to_num(answers).sum(axis=0), answered, out=empty, where=answered > 0)


@dataclass(frozen=True, eq=False)
class Panel:
    """Answers of observers (rows) to stimuli (columns).

    Attributes:
        observers: Row names.
        stimuli: Column names.
        answers: P(first option), or 1 and 0, ``(observers, stimuli)`` float64; `nan` where an
            observer did not see or did not answer a stimulus.
    """

    observers: tuple[str, ...]
    stimuli: tuple[str, ...]
    answers: np.ndarray

    @classmethod
    def from_judgments(
        cls, judgments: Judgments, *, options: Sequence[str] = ("yes", "no"), graded: bool = True
    ) -> "Panel":
        """Lays the judgments of one question out as a matrix, in order of first appearance.

        Args:
            judgments: Of one question, each stimulus once per observer.
            options: The two answers; the first one is what a probability is of.
            graded: Use `probability` where there is one; else only the chosen option.

        Raises:
            ValueError: If a stimulus occurs twice for an observer (in two sets or questions), or a
                response is none of the options.
        """
        table = judgments.table
        observer, observers = _positions(table["observer_id"].tolist())
        stimulus, stimuli = _positions(table["stimulus_id"].tolist())
        cells = observer * max(1, len(stimuli)) + stimulus
        if len(np.unique(cells)) < len(cells):
            values, counts = np.unique(cells, return_counts=True)
            row, column = divmod(int(values[counts > 1][0]), len(stimuli))
            raise ValueError(
                f"expected one answer per observer and stimulus, got several of `{observers[row]}` "
                f"to `{stimuli[column]}`; select one set and one question"
            )
        answers = np.full((len(observers), len(stimuli)), np.nan)
        answers[observer, stimulus] = judgments.answers(options=options, graded=graded)
        return cls(observers, stimuli, answers)

    @property
    def proportion(self) -> np.ndarray:
        """Mean answer per stimulus over those who answered it, ``(stimuli,)``."""
        return proportion_of(self.answers)

    def at(self, stimuli: Sequence[str]) -> np.ndarray:
        """Answers to `stimuli` in their order, ``(observers, len(stimuli))``; `nan` if unknown."""
        position = {name: column for column, name in enumerate(self.stimuli)}
        columns = np.array([position.get(name, -1) for name in stimuli], dtype=int)
        padded = np.concatenate([self.answers, np.full((len(self.observers), 1), np.nan)], axis=1)
        return padded[:, columns]


def _positions(names: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    first = {name: order for order, name in enumerate(dict.fromkeys(names))}
    return np.array([first[name] for name in names], dtype=int), tuple(first)

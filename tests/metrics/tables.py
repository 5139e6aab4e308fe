"""Random tables with everything that real ones have: ties, gaps, few stimuli, odd people."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

TABLES = 1000


class Table(NamedTuple):
    """Answers of one observer, of people, and the truth; `nan` where there is none."""

    answers: np.ndarray
    people: np.ndarray
    truth: np.ndarray
    margin: np.ndarray


def tables(count: int = TABLES, *, seed: int = 0, people: int = 3) -> Iterator[Table]:
    """Yields random tables: every third without gaps, every second with few levels of answers."""
    source = np.random.default_rng(seed)
    for number in range(count):
        n = int(source.integers(6, 30))
        gaps = 0.0 if number % 3 == 0 else 0.15
        margin = source.normal(size=n)
        evidence = margin + source.normal(size=n)
        answers = 1 / (1 + np.exp(-evidence))
        if number % 2:
            answers = np.round(answers * 4) / 4
        # Off the edges of bins and off 0 and 1, where conventions differ.
        answers = 0.0123 + 0.95 * answers
        answers[source.random(n) < gaps] = np.nan
        choices = (margin + source.normal(size=(people, n)) > 0).astype(float)
        choices[source.random((people, n)) < gaps] = np.nan
        truth = (margin + 0.5 * source.normal(size=n) > 0).astype(float)
        yield Table(answers, choices, truth, margin)

"""What people wrote, read as answers: words, 1 and 0, or ratings between them.

Tidy tables of the field code a yes as 1, TRUE, yes; leave a cell empty or write NA for no answer;
and rate from 0 to 1. This is the only place that knows these spellings.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

_FIRST = frozenset({"1", "true", "yes"})
_SECOND = frozenset({"0", "false", "no"})
_MISSING = frozenset({"", "na", "nan", "n/a", "none", "null"})


class Responses(NamedTuple):
    """Answers in the judgments table's own form.

    Attributes:
        text: The chosen option, or a rating as it was written; `None` without an answer.
        probability: The rating as P(first option); `nan` for a plain choice.
        scale: `binary`, `choice` (more than two options) or `rating`.
    """

    text: list[str | None]
    probability: np.ndarray
    scale: str


def is_missing(text: object) -> bool:
    """Whether `text` is one of the spellings of no answer."""
    return text is None or text != text or str(text).strip().lower() in _MISSING


def parse_responses(
    values: Iterable[object], *, options: Sequence[str] = ("yes", "no"), where: str = "table"
) -> Responses:
    """Reads answers to one question.

    With two options, 1, true and yes mean the first and 0, false and no the second; if any answer
    lies between 0 and 1, the whole column is a rating of the first option.

    Args:
        values: As they stand in the table, text or numbers.
        options: The question's answers.
        where: The file, for the error.

    Raises:
        ValueError: On an answer that is neither; it names the value and its row.
    """
    written = [None if is_missing(value) else str(value).strip() for value in values]
    numbers = np.array(
        [_number(text, options, row, where) for row, text in enumerate(written)], dtype=float
    )
    if len(options) != 2:
        return Responses([_option(text, options) for text in written], _blank(written), "choice")
    if ((numbers > 0) & (numbers < 1)).any():
        return Responses(written, numbers, "rating")
    text = [None if np.isnan(number) else options[0 if number else 1] for number in numbers]
    return Responses(text, _blank(written), "binary")


def _blank(written: Sequence[object]) -> np.ndarray:
    return np.full(len(written), np.nan)


def _option(text: str | None, options: Sequence[str]) -> str | None:
    return next((option for option in options if text and option.lower() == text.lower()), None)


def _number(text: str | None, options: Sequence[str], row: int, where: str) -> float:
    """P(first option) that `text` stands for; its index among more than two options."""
    if text is None:
        return float("nan")
    known = _option(text, options)
    if known is not None:
        return 1.0 if known == options[0] else 0.0
    if len(options) == 2:
        if text.lower() in _FIRST:
            return 1.0
        if text.lower() in _SECOND:
            return 0.0
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if 0 <= number <= 1:
            return number
    numbers = ", 1/0, true/false or a number in [0, 1]" if len(options) == 2 else ""
    raise ValueError(
        f"expected `response` to be {'/'.join(options)}{numbers} in {where}, got {text!r} in row "
        f"{row + 1}; recode it, or divide a rating by the top of its scale"
    )

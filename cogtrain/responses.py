"""What people wrote, read as answers: words, 1 and 0, numbers, or ratings between them.

Tidy tables of the field code a yes as 1, TRUE, yes; leave a cell empty or write NA for no answer;
and rate from 0 to 1. This is the only place that knows these spellings.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

_FIRST = frozenset({"1", "true", "yes"})
_SECOND = frozenset({"0", "false", "no"})
_MISSING = frozenset({"", "na", "nan", "n/a", "none", "null"})
_OTHER_SPELLINGS = {"grey": "gray"}
_ADVICE = {"binary": "recode it, or divide a rating by the top of its scale"}
_BETWEEN = re.compile(r"[,;\s]+")


class Responses(NamedTuple):
    """Answers in the judgments table's own form.

    Attributes:
        text: The chosen option, a number, names in order, or a rating as it was written; `None`
            without an answer.
        probability: The rating as P(first option); `nan` for everything else.
        scale: `binary`, `rating`, `choice` (more than two options), `count` or `sequence`.
    """

    text: list[str | None]
    probability: np.ndarray
    scale: str


def is_missing(text: object) -> bool:
    """Whether `text` is one of the spellings of no answer."""
    return text is None or text != text or str(text).strip().lower() in _MISSING


def parse_responses(
    values: Iterable[object],
    *,
    options: Sequence[str] = ("yes", "no"),
    scale: str | None = None,
    rows: Sequence[int] | None = None,
    where: str = "table",
    advice: str | None = None,
) -> Responses:
    """Reads answers to one question.

    With two options, 1, true and yes mean the first and 0, false and no the second; if any answer
    lies between 0 and 1, the whole column is a rating of the first option. A count may be any whole
    number; the names of a sequence may be parted by commas, semicolons or spaces.

    Args:
        values: As they stand in the table, text or numbers.
        options: The question's answers; of a sequence, what it is made of.
        scale: `binary`, `choice`, `count` or `sequence`; by default what the options say.
        rows: Where they stand in the table, from 0; by default from its start.
        where: The file, for the error.
        advice: What to do about an answer that is none, for the error.

    Raises:
        ValueError: On an answer that is none; it names the value and its row.
    """
    written = [_written(value, options) for value in values]
    scale = scale or _scale(options)
    advice = advice or _ADVICE.get(scale, "recode it")
    places = range(len(written)) if rows is None else rows
    if scale != "binary":
        read = {"choice": _option, "count": _count, "sequence": _sequence}[scale]
        text = [text and read(text, options) for text in written]
        for row, before, after in zip(places, written, text, strict=True):
            if before is not None and after is None:
                raise _unreadable(_expected(scale, options), before, row, where, advice)
        return Responses(text, _blank(written), scale)
    numbers = np.array([_number(text, options) for text in written], dtype=float)
    for row, before, number in zip(places, written, numbers, strict=True):
        if before is not None and np.isnan(number):
            raise _unreadable(_expected(scale, options), before, row, where, advice)
    if ((numbers > 0) & (numbers < 1)).any():
        return Responses(written, numbers, "rating")
    chosen = [None if np.isnan(number) else options[0 if number else 1] for number in numbers]
    return Responses(chosen, _blank(written), "binary")


def _written(value: object, options: Sequence[str]) -> str | None:
    text = str(value).strip()
    is_option = _option(text, options) is not None  # `none` may be one
    return None if is_missing(value) and not is_option else text


def _scale(options: Sequence[str]) -> str:
    if len(options) == 2:
        return "binary"
    return "count" if all(option.isdigit() for option in options) else "choice"


def _expected(scale: str, options: Sequence[str]) -> str:
    names = "/".join(options)
    return {
        "binary": f"{names}, 1/0, true/false or a number in [0, 1]",
        "choice": names,
        "count": "a whole number from 0",
        "sequence": f"names parted by commas, of {names}",
    }[scale]


def _unreadable(expected: str, text: str, row: int, where: str, advice: str) -> ValueError:
    return ValueError(
        f"expected `response` to be {expected} in {where}, got {text!r} in row {row + 1}; {advice}"
    )


def _blank(written: Sequence[object]) -> np.ndarray:
    return np.full(len(written), np.nan)


def _option(text: str, options: Sequence[str]) -> str | None:
    word = text.lower()
    word = _OTHER_SPELLINGS.get(word, word)
    return next((option for option in options if option.lower() == word), None)


def _count(text: str, _: Sequence[str]) -> str | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # A column with a gap is stored as floats.
    return str(int(number)) if number >= 0 and number.is_integer() else None


def _sequence(text: str, options: Sequence[str]) -> str | None:
    names = [_option(name, options) for name in _BETWEEN.split(text) if name]
    known = [name for name in names if name is not None]
    return ", ".join(known) if known and len(known) == len(names) else None


def _number(text: str | None, options: Sequence[str]) -> float:
    """P(first option) that `text` stands for; `nan` if it stands for none."""
    if text is None:
        return float("nan")
    known = _option(text, options)
    if known is not None:
        return 1.0 if known == options[0] else 0.0
    if text.lower() in _FIRST:
        return 1.0
    if text.lower() in _SECOND:
        return 0.0
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number if 0 <= number <= 1 else float("nan")

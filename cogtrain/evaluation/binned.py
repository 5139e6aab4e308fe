"""Binned: how answers change with margin, and how far beliefs can be taken at their word."""

from typing import Any

import numpy as np

from cogtrain.metrics import reliability_curve
from cogtrain.metrics.accuracy import proportion_correct

BINS = 10
_PLACE = ["set", "question", "observer"]
_COLUMNS = [*_PLACE, "at", "value", "low", "high", "n"]


def psychometric(answers: Any) -> Any:
    """Mean P(first option) over the signed margin: the psychometric curve of every observer.

    Args:
        answers: Rows of `answers_of`; those without a margin or a probability are left out.

    Returns:
        Columns `set, question, observer, at` (mean margin of the bin, metres), `value, low, high`
        (95 % interval by Wilson over stimuli, wide for graded answers), `n`.
    """
    return _over_margin(answers, "probability", np.asarray)


def accuracy_over_margin(answers: Any) -> Any:
    """Share of right answers over |margin|; columns as for `psychometric`."""
    return _over_margin(answers, "correct", np.abs)


def calibration(answers: Any) -> Any:
    """How often the first option is true where an observer gives it a probability like this.

    Returns:
        Columns `set, question, observer, at` (mean probability of the bin), `value, low, high, n`.
    """
    import pandas as pd

    rows = answers.dropna(subset=["probability", "first"])
    parts = []
    for key, cell in rows.groupby(_PLACE, sort=False):
        curve = reliability_curve(cell["probability"], cell["first"], bins=BINS)
        columns = dict(zip(("at", "value", "low", "high", "n"), curve, strict=True))
        parts.append(pd.DataFrame(columns).assign(**dict(zip(_PLACE, key, strict=True))))
    empty = pd.DataFrame(columns=_COLUMNS)
    return pd.concat(parts, ignore_index=True)[_COLUMNS] if parts else empty


def _over_margin(answers: Any, value: str, of: Any) -> Any:
    """Bins of about equally many stimuli, the same for all observers of a set."""
    import pandas as pd

    if "margin_m" not in answers:
        answers = answers.assign(margin_m=np.nan)
    margin = pd.to_numeric(answers["margin_m"], errors="coerce")
    rows = answers.assign(at=of(margin)).dropna(subset=["at", value])
    if not len(rows):
        return _table(rows.assign(bin=0), value)
    rank = rows.groupby(["set", "question"])["at"].rank(method="dense", pct=True)
    return _table(rows.assign(bin=np.minimum((rank * BINS).astype(int), BINS - 1)), value)


def _table(rows: Any, value: str) -> Any:
    import pandas as pd

    found = []
    for key, cell in rows.groupby([*_PLACE, "bin"], sort=False):
        estimate = proportion_correct(cell[value].to_numpy(dtype=float))
        place = dict(zip(_PLACE, key, strict=False))
        numbers = {name: getattr(estimate, name) for name in ("value", "low", "high", "n")}
        found.append(place | {"at": float(cell["at"].mean())} | numbers)
    return pd.DataFrame(found, columns=_COLUMNS)

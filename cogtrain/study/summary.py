"""Summary: conditions over seeds, their mean and how far seeds are apart, and each pair of them.

An interval here is of the seeds: it says where the mean of many such trainings would lie, tested on
these stimuli. Intervals over stimuli, run by run, are in the matrix.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cogtrain.evaluation.table import lay_out, show
from cogtrain.metrics import holm
from cogtrain.study.grid import PlannedRun

_PLACE = ("tested_on", "question", "metric")
COLUMNS = (
    *("condition", "stimuli", *_PLACE, "mean", "low", "high", "sd", "seeds", "n", "chance"),
    *("change", "change_low", "change_high", "change_sd", "reason"),
)
_UNTRAINED = "not trained: no seeds"
COMPARISONS = (
    *("first", "second", "stimuli", *_PLACE),
    *("difference", "low", "high", "sd", "seeds", "p", "p_holm", "reason"),
)


class OverSeeds(NamedTuple):
    """A mean over seeds.

    Attributes:
        mean: `nan` if it is undefined for a seed.
        low: Lower end of the 95 % t interval; `nan` with one seed, or seeds that do not differ.
        high: Upper end.
        sd: Standard deviation between seeds (n - 1).
        seeds: How many.
        p: Two-sided, of a t test of the mean against 0; `nan` without spread.
        reason: Why something is undefined.
    """

    mean: float
    low: float
    high: float
    sd: float
    seeds: int
    p: float
    reason: str = ""


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """Mean of one number per seed with its t interval (Student 1908).

    Example:
        >>> [round(each, 3) for each in over_seeds([0.8, 0.9, 1.0])[:5]]
        [0.9, 0.652, 1.148, 0.1, 3]
    """
    from scipy.stats import t

    each, seeds = np.asarray(values, dtype=float), len(values)
    if missing := int(np.isnan(each).sum()):
        reason = f"undefined for {missing} of {seeds} seeds"
        return OverSeeds(math.nan, math.nan, math.nan, math.nan, seeds, math.nan, reason)
    mean = float(each.mean())
    if seeds < 2:
        return OverSeeds(
            mean, math.nan, math.nan, math.nan, seeds, math.nan, "no interval: one seed"
        )
    sd = float(each.std(ddof=1))
    if sd == 0.0:  # an interval without width would claim to be certain
        why = "no interval: seeds do not differ"
        return OverSeeds(mean, math.nan, math.nan, sd, seeds, math.nan, why)
    error = sd / math.sqrt(seeds)
    half = float(t.ppf(0.975, seeds - 1)) * error
    p = float(2 * t.sf(abs(mean) / error, seeds - 1))
    return OverSeeds(mean, mean - half, mean + half, sd, seeds, p)


def summarise(matrix: Any, runs: Sequence[PlannedRun]) -> Any:
    """A row per condition, number of stimuli, tested set, question and metric.

    Args:
        matrix: As from `transfer`: a row per run.
        runs: Of the study; those that the matrix lacks do not count as seeds.

    Returns:
        Table of `COLUMNS`: `n` stimuli behind each value, `change` the mean of each seed's change
        from the base.
    """
    import pandas as pd

    rows = []
    for key, found in _cells(matrix, runs):
        level, change = over_seeds(found["value"]), over_seeds(found["change"])
        is_base = found["seed"].isna().all()
        reason = _UNTRAINED if is_base else level.reason
        row = key | level._asdict() | {"n": found["n"].min(), "chance": found["chance"].iloc[0]}
        changes = {"change": change.mean, "change_low": change.low, "change_high": change.high}
        rows.append(row | changes | {"change_sd": change.sd, "reason": reason})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compare(matrix: Any, runs: Sequence[PlannedRun]) -> Any:
    """Every pair of conditions on every tested set, paired over the seeds that both have.

    Args:
        matrix: As for `summarise`.
        runs: As for `summarise`.

    Returns:
        Table of `COMPARISONS`: `difference` is first minus second, `p` of a paired t test over
        seeds, `p_holm` corrected over all pairs of one metric.
    """
    import pandas as pd

    cells: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key, found in _cells(matrix, runs):
        if not found["seed"].isna().all():
            place = tuple(value for name, value in key.items() if name != "condition")
            by_seed = found.set_index("seed")["value"]
            cells.setdefault(place, {})[key["condition"]] = by_seed
    rows = []
    for place, by_condition in cells.items():
        where = dict(zip(("stimuli", *_PLACE), place, strict=True))
        for first, second in combinations(by_condition, 2):
            pair = by_condition[first], by_condition[second]
            shared = sorted(set(pair[0].index) & set(pair[1].index))
            if not shared:
                continue
            found = over_seeds(pair[0][shared].to_numpy() - pair[1][shared].to_numpy())
            told = found._asdict() | {"difference": found.mean}
            rows.append({"first": first, "second": second} | where | told)
    table = pd.DataFrame(rows, columns=list(COMPARISONS))
    table["p_holm"] = math.nan
    for _, family in table.groupby("metric", sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].to_numpy(dtype=float))
    return table


def _cells(matrix: Any, runs: Sequence[PlannedRun]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Per condition, stimuli, tested set, question and metric the rows of its seeds, in order."""
    known = {run.name: run for run in runs}
    rows = matrix[matrix["trained_on"].isin(list(known))]
    of_run = [known[name] for name in rows["trained_on"]]
    rows = rows.assign(
        condition=[run.condition for run in of_run],
        stimuli=[run.stimuli for run in of_run],
        seed=[math.nan if run.seed is None else run.seed for run in of_run],
        place=[list(known).index(run.name) for run in of_run],
    ).sort_values("place", kind="stable")
    keys = ["condition", "stimuli", *_PLACE]
    for key, found in rows.groupby(keys, sort=False, dropna=False):
        yield dict(zip(keys, key, strict=True)), found


def write_tables(matrix: Path, runs: Sequence[PlannedRun], folder: Path) -> Any:
    """Writes `study.csv` and `study_comparisons.csv`; returns the first, as from `summarise`.

    Args:
        matrix: The `transfer.csv` of a report over the runs.
        runs: Of the study.
        folder: Where the tables go.
    """
    import pandas as pd

    table = pd.read_csv(matrix, keep_default_na=True, dtype={"question": str})
    summary = summarise(table, runs)
    summary.to_csv(folder / "study.csv", index=False)
    compare(table, runs).to_csv(folder / "study_comparisons.csv", index=False)
    return summary


def told(summary: Any) -> str:
    """The table of `summarise` to read."""
    header = [
        *("condition", "stimuli", "tested on", "metric", "mean", "95 % over seeds"),
        *("sd", "seeds", "n", "chance", "change from base"),
    ]
    rows = [_row(row) for row in summary.to_dict("records")]
    return lay_out(header, rows)


def _row(row: Mapping[str, Any]) -> list[str]:
    metric = row["metric"]

    def ends(low: float, high: float) -> str:
        found = [show(metric, end, missing="") for end in (low, high)]
        return f"[{found[0]}, {found[1]}]".replace(" %", "") if all(found) else "-"

    change = show(metric, row["change"], missing="-")
    if change != "-":
        change = f"{change} {ends(row['change_low'], row['change_high'])}"
    return [
        *(row["condition"], f"{row['stimuli']:,}", row["tested_on"], metric),
        *(show(metric, row["mean"]), ends(row["low"], row["high"])),
        show(metric, row["sd"], missing="-"),
        *("-" if row["reason"] == _UNTRAINED else str(row["seeds"]), str(row["n"])),
        *(show(metric, row["chance"], missing="-"), change),
    ]

"""Results: the estimates of several runs as one table, people's figures as rows of their own."""

from collections.abc import Iterator, Mapping
from typing import Any

from cogtrain.evaluation.run import Run
from cogtrain.evaluation.score import PEOPLE
from cogtrain.evaluation.table import HUMAN_FIGURE
from cogtrain.metrics import Estimate

Results = Mapping[str, Mapping[str, Mapping[str, Estimate]]]
"""Estimates by run, set and metric."""


def results_table(results: Results) -> Any:
    """One row per run, set and metric, and people's beside them, sets in their order.

    Returns:
        Columns `set, observer, metric` and those of `Estimate`. The figure of people that stands
        beside a metric is a row of that metric with the observer `people`.
    """
    import pandas as pd

    rows = [*_of_runs(results), *_of_people(results)]
    table = pd.DataFrame(rows, columns=["set", "observer", "metric", *Estimate._fields])
    order = {name: place for place, name in enumerate(dict.fromkeys(table["set"]))}
    return table.sort_values("set", key=lambda names: names.map(order), kind="stable")


def curve_table(runs: Mapping[str, Run]) -> Any:
    """Validation accuracy over training: columns `run, set, step` and those of `Estimate`."""
    import pandas as pd

    rows = [
        {"run": run, "set": name, "step": step} | estimate._asdict()
        for run, opened in runs.items()
        for name, points in opened.curve("accuracy").items()
        for step, estimate in points
    ]
    return pd.DataFrame(rows, columns=["run", "set", "step", *Estimate._fields])


def _of_runs(results: Results) -> Iterator[dict[str, Any]]:
    for run, sets in results.items():
        for name, estimates in sets.items():
            for metric, estimate in estimates.items():
                place = {"set": name, "observer": run, "metric": metric}
                yield place | estimate._asdict()


def _of_people(results: Results) -> Iterator[dict[str, Any]]:
    seen = set()
    for sets in results.values():
        for name, estimates in sets.items():
            for metric, figure in HUMAN_FIGURE.items():
                if metric in estimates and figure in estimates and (name, metric) not in seen:
                    seen.add((name, metric))
                    place = {"set": name, "observer": PEOPLE, "metric": metric}
                    yield place | estimates[figure]._asdict()

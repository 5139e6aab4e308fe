"""Do the bootstrap's 95 % intervals hold the true value in 95 of 100 studies?

Run: python benchmarks/coverage.py [--studies 500] [--out benchmarks/results/coverage.json]

Each study draws new stimuli, new people and new answers from one population: whether a person says
that a tower falls depends on the stimulus, on the person's bias and on noise; two models see the
same stimuli. The true value of a statistic is its mean over far larger studies with as many people.
Coverage below 0.92 is too narrow, above 0.98 too wide. A two-way bootstrap draws stimuli and people
independently, so what belongs to neither (a person's noise on one stimulus) enters with both
draws: its intervals are a little wide where that noise is most of the variance (Owen 2007).
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cogtrain import environment
from cogtrain.metrics.accuracy import CorrectStatistic
from cogtrain.metrics.ceiling import LeaveOneOutStatistic, NormalisedStatistic
from cogtrain.metrics.comparison import Difference
from cogtrain.metrics.consistency import ConsistencyStatistic
from cogtrain.metrics.correlation import CorrelationStatistic
from cogtrain.metrics.human_accuracy import HumanAccuracyStatistic
from cogtrain.metrics.interval import acceleration, bca, percentile
from cogtrain.metrics.likelihood import LikelihoodStatistic
from cogtrain.metrics.sensitivity import AurocStatistic, DPrimeStatistic
from cogtrain.metrics.statistic import Statistic

STIMULI, PEOPLE = 60, 30
BIG, BIGS = 6000, 20


class Study(NamedTuple):
    """Answers of two models and of people, and the truth."""

    model: np.ndarray
    other: np.ndarray
    people: np.ndarray
    truth: np.ndarray


STATISTICS: dict[str, Callable[[Study], Statistic]] = {
    "human accuracy": lambda s: HumanAccuracyStatistic(s.people, s.truth),
    "error consistency": lambda s: ConsistencyStatistic(s.model, s.people, s.truth),
    "human likelihood": lambda s: LikelihoodStatistic(s.model, s.people),
    "McFadden R2": lambda s: LikelihoodStatistic(s.model, s.people, over_base_rate=True),
    "leave one out": lambda s: LeaveOneOutStatistic(s.people),
    "Pearson": lambda s: CorrelationStatistic(s.model, s.people.mean(axis=0), "pearson"),
    "Spearman": lambda s: CorrelationStatistic(s.model, s.people.mean(axis=0), "spearman"),
    "Kendall": lambda s: CorrelationStatistic(s.model, s.people.mean(axis=0), "kendall"),
    "normalised correlation": lambda s: NormalisedStatistic(s.model, s.people),
    "AUROC": lambda s: AurocStatistic(s.model, s.truth),
    "d'": lambda s: DPrimeStatistic(s.model, s.truth),
    "difference of accuracies": lambda s: Difference(
        CorrectStatistic(s.model, s.truth), CorrectStatistic(s.other, s.truth)
    ),
    "difference of error consistencies": lambda s: Difference(
        ConsistencyStatistic(s.model, s.people, s.truth),
        ConsistencyStatistic(s.other, s.people, s.truth),
    ),
}


def study(source: np.random.Generator, stimuli: int, people: int) -> Study:
    """One study of the population."""
    margin, looks = source.normal(size=(2, stimuli))
    truth = (margin > 0).astype(float)
    bias, sharp = source.normal(0, 0.4, (people, 1)), source.lognormal(0, 0.3, (people, 1))
    seen = sharp * (margin + 0.6 * looks) + bias + source.normal(0, 1.2, (people, stimuli))
    logits = [
        0.9 * margin + 0.7 * looks + source.normal(0, 0.8, stimuli),
        0.4 * margin + source.normal(0, 1.0, stimuli) - 0.3,
    ]
    model, other = (1 / (1 + np.exp(-each)) for each in logits)
    return Study(model, other, (seen > 0).astype(float), truth)


def true_value(name: str, source: np.random.Generator) -> float:
    """Mean over studies that are far larger, with as many people."""
    build = STATISTICS[name]
    return float(np.mean([build(study(source, BIG, PEOPLE)).value for _ in range(BIGS)]))


def coverage(name: str, studies: int, replicates: int) -> dict[str, float]:
    """Share of studies whose interval holds the true value, by either method."""
    source = np.random.default_rng([1, list(STATISTICS).index(name)])
    truth = true_value(name, source)
    inside, widths, values = {"percentile": 0, "bca": 0}, [], []
    for number in range(studies):
        statistic = STATISTICS[name](study(source, STIMULI, PEOPLE))
        drawn = statistic.replicates(replicates=replicates, seed=number)
        values.append(statistic.value)
        skew = acceleration(list(statistic.left_out()))
        ends = {"percentile": percentile(drawn), "bca": bca(values[-1], drawn, skew)}
        widths.append(ends["percentile"][1] - ends["percentile"][0])
        for method, (low, high) in ends.items():
            inside[method] += low <= truth <= high
    needed = 2 * 1.96 * float(np.std(values))
    shares = {method: count / studies for method, count in inside.items()}
    return {"true value": truth, **shares, "width / needed": float(np.mean(widths)) / needed}


def main() -> None:
    """Simulates, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/coverage.json"))
    arguments = parser.parse_args()
    record: dict[str, object] = {
        "command": f"python benchmarks/coverage.py --studies {arguments.studies}",
        "machine": environment.describe(),
        "design": f"{STIMULI} stimuli, {PEOPLE} people, {arguments.replicates} replicates",
    }
    print(f"{'':<36}{'true':>8}{'percentile':>12}{'BCa':>8}{'width / needed':>16}")
    for name in STATISTICS:
        found = coverage(name, arguments.studies, arguments.replicates)
        record[name] = found
        print(
            f"{name:<36}{found['true value']:>8.3f}{found['percentile']:>12.3f}"
            f"{found['bca']:>8.3f}{found['width / needed']:>16.2f}",
            flush=True,
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

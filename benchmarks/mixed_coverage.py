"""How often does the 95 % interval of a mixed model's slope hold the true slope?

Run: nice -n 19 python benchmarks/mixed_coverage.py [--repetitions 500] [--processes 2] [--out FILE]

Answers are drawn from the model itself, for few and many people, with and without random effects,
yes or no, summed, and graded: `covered` is our interval (gpboost, Satterthwaite's t), `wald` the
plain one of 1.96 standard errors. Then from what an alignment study does: the observer answers each
stimulus once, and every person is compared with that one answer. There the true slope is that of
very many stimuli, and `resampled` is the interval that resamples stimuli and people.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from cogtrain import environment
from cogtrain.evaluation.mixed.laplace import fit_laplace
from cogtrain.evaluation.mixed.pseudo_r import resampled
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.metrics import Panel

INTERCEPT, SLOPE = -0.3, 1.0
SENSITIVITY, BIAS, MODEL = 1.2, 0.7, 1.0  # of people and of the observer to a stimulus's evidence


@dataclass(frozen=True)
class Design:
    """People, stimuli, standard deviation of people's effects, and what an outcome is."""

    people: int
    stimuli: int
    sd: float
    family: str = "bernoulli"
    correlation: float = -0.3


DESIGNS = (
    Design(40, 60, 0.5),
    Design(40, 60, 0.0),
    Design(10, 100, 0.5),
    Design(5, 100, 0.5),
    Design(20, 60, 0.4, "binomial"),
    Design(20, 60, 0.5, "gaussian"),
)
STUDY = Design(20, 60, BIAS)


def of_the_model(design: Design, stream: np.random.Generator) -> Trials:
    """Rows that the mixed model itself would make."""
    human = stream.integers(0, 2, (design.people, design.stimuli)).astype(float)
    own = stream.standard_normal((2, design.people)) * design.sd
    own[1] = design.correlation * own[0] + np.sqrt(1 - design.correlation**2) * own[1]
    eta = INTERCEPT + own[0][:, None] + (SLOPE + own[1][:, None]) * human
    count = 30.0 if design.family == "binomial" else 1.0
    if design.family == "gaussian":
        outcome = eta + stream.standard_normal(eta.shape)
    else:
        outcome = stream.binomial(int(count), expit(eta)).astype(float)
    person, stimulus = np.indices(human.shape).reshape(2, -1)
    names = tuple(map(str, range(max(human.shape))))
    columns = (stimulus, person, human.ravel(), outcome.ravel(), np.full(human.size, count))
    return Trials(design.family, names[: design.stimuli], names[: design.people], *columns)


def of_a_study(design: Design, stream: np.random.Generator) -> Trials:
    """One observer and people who see the same evidence in each stimulus."""
    evidence = stream.standard_normal(design.stimuli)
    bias = stream.standard_normal((design.people, 1)) * design.sd
    people = stream.random((design.people, design.stimuli)) < expit(SENSITIVITY * evidence + bias)
    answers = stream.random(design.stimuli) < expit(MODEL * evidence)
    names = tuple(map(str, range(max(people.shape))))
    panel = Panel(names[: design.people], names[: design.stimuli], people.astype(float))
    return Trials.of_observer(answers.astype(float), panel)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares over the repetitions that had an interval."""
    table = pd.DataFrame(rows)
    shares = {name: round(float(table[name].mean()), 4) for name in table if name != "slope"}
    mean = {"mean_slope": round(float(table["slope"].mean()), 4)}
    return shares | mean | {"n": len(table)}


def covers(low: float, high: float, truth: float) -> bool | float:
    return float("nan") if np.isnan(low) else low <= truth <= high


def coverage(design: Design, repetitions: int) -> dict[str, Any]:
    rows = []
    for index in range(repetitions):
        fit = fit_laplace(of_the_model(design, np.random.default_rng([index, 1])))
        half = 1.959964 * fit.standard_error
        value = fit.slope.value
        rows.append(
            {
                "slope": value,
                "covered": covers(fit.slope.low, fit.slope.high, SLOPE),
                "wald": covers(value - half, value + half, SLOPE),
                "undefined": float(np.isnan(fit.slope.low)),
            }
        )
    return asdict(design) | summary(rows)


def coverage_of_a_study(design: Design, repetitions: int, replicates: int) -> dict[str, Any]:
    many = Design(design.people, 40_000, design.sd)
    truth = fit_laplace(of_a_study(many, np.random.default_rng([0, 2]))).slope.value
    rows = []
    for index in range(repetitions):
        trials = of_a_study(design, np.random.default_rng([index, 3]))
        fit = fit_laplace(trials)
        interval = resampled(trials, fit, replicates=replicates, seed=index)[0]
        rows.append(
            {
                "slope": fit.slope.value,
                "covered": covers(fit.slope.low, fit.slope.high, truth),
                "resampled": covers(interval.low, interval.high, truth),
            }
        )
    found = {"true_slope": round(truth, 4)} | summary(rows)
    return {"people": design.people, "stimuli": design.stimuli, "replicates": replicates} | found


def main() -> None:
    """Simulates, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--processes", type=int, default=environment.usable_threads())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/mixed_coverage.json"))
    arguments = parser.parse_args()
    words = f"python benchmarks/mixed_coverage.py --repetitions {arguments.repetitions}"
    record = {
        "command": f"{words} --studies {arguments.studies} --replicates {arguments.replicates}",
        "machine": environment.describe(),
    }
    with ProcessPoolExecutor(arguments.processes) as pool:
        own = [pool.submit(coverage, design, arguments.repetitions) for design in DESIGNS]
        count = (arguments.studies, arguments.replicates)
        study = [pool.submit(coverage_of_a_study, STUDY, *count)] if arguments.studies else []
        for job in as_completed([*own, *study]):
            print(job.result(), flush=True)
            # After each, so that an interruption leaves what was found.
            record["of_the_model"] = [each.result() for each in own if each.done()]
            record["of_a_study"] = [each.result() for each in study if each.done()]
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

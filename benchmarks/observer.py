"""What does the noisy-physics observer answer, and how long does it take?

Run: python benchmarks/observer.py [--task tower|pyramid] [--count 2000] [--out FILE]

Prints P(fall) over the signed margin (a fraction of the support's width), with a logistic curve
fitted to it: the margin at which it says either as often, and its slope; then the same for other
noises, how many answers a made-up panel gets right, and seconds per 1,000 stimuli.
"""

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import record
from scipy.optimize import curve_fit
from scipy.special import expit

from cogtrain import Scene, StimulusSet, _core
from cogtrain.observers import NoisyPhysics

MOST = {"tower": 0.4, "pyramid": 0.15}
EDGES = np.array([-0.4, -0.3, -0.2, -0.1, -0.05, -0.02, 0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4])
NOISES = ((0.1, 0.0), (0.2, 0.0), (0.2, 0.05), (0.2, 0.1), (0.4, 0.05))


def psychometric(margins: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Threshold and slope (change of P per margin, there) of a logistic curve."""

    def curve(margin: np.ndarray, threshold: float, rate: float) -> np.ndarray:
        return expit(-rate * (margin - threshold))

    (threshold, rate), _ = curve_fit(curve, margins, probability, p0=(0.0, 10.0))
    return {"threshold": float(threshold), "slope": float(-rate / 4)}


def by_margin(margins: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    names = [f"{low:+.0%} to {high:+.0%}" for low, high in pairwise(EDGES)]
    bins = pd.cut(margins, EDGES, labels=names, include_lowest=True)
    grouped = pd.Series(probability).groupby(bins, observed=True)
    table = grouped.agg(["size", "mean", "std"]).round(3)
    table.columns = ["n", "P(fall)", "sd over stimuli"]
    return table.rename_axis("margin")


def seconds_per_thousand(observer: NoisyPhysics, scenes: list[Scene]) -> float:
    start = perf_counter()
    observer.p_fall(scenes, threads=1)
    return (perf_counter() - start) / len(scenes) * 1000


def main() -> None:
    """Draws, asks, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=MOST, default="tower")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    factors = {"margin": {"range": [0.001, MOST[arguments.task]]}}
    stimuli = StimulusSet.recipe(arguments.task, count=arguments.count, factors=factors, size_px=28)
    scenes = [scene for stimulus in stimuli if (scene := stimulus.judged) is not None]
    margins = np.array([_core.equilibrium(scene).margin_fraction for scene in scenes])
    observer = NoisyPhysics()
    probability = observer.p_fall(scenes)
    table, fit = by_margin(margins, probability), psychometric(margins, probability)
    print(f"{observer.observer_id}\n\n{table.to_string()}\n\nlogistic: {fit}\n")
    noises: list[dict[str, Any]] = []
    for sigma, force in NOISES:
        other = replace(observer, sigma=sigma, force=force).p_fall(scenes)
        right = float(((other >= 0.5) == (margins < 0)).mean())
        noises.append(
            {"sigma": sigma, "force": force, "right": right} | psychometric(margins, other)
        )
    print(pd.DataFrame(noises).round(4).to_string(index=False), "\n")
    panel = observer.panel(stimuli, 20)
    right = (panel.table.response == panel.table.truth).groupby(panel.table.observer_id).mean()
    people = {"mean": float(right.mean()), "least": float(right.min()), "most": float(right.max())}
    print(f"20 observers of one copy each are right on: {people}\n")
    few = scenes[:: max(1, len(scenes) // 20)][:20]
    simulated = replace(observer, mechanics="simulation", samples=10)
    times = {
        "statics, 100 copies": seconds_per_thousand(observer, scenes),
        "simulation, 10 copies": seconds_per_thousand(simulated, few),
    }
    print("seconds per 1,000 stimuli, one thread:", times)
    found = {
        "observer": observer.observer_id,
        "by_margin": table.reset_index().astype({"margin": str}).to_dict("records"),
        "logistic": fit,
        "noises": noises,
        "panel": people,
        "seconds_per_1000": times,
    }
    out = arguments.out or Path(f"benchmarks/results/observer-{arguments.task}.json")
    command = f"python benchmarks/observer.py --task {arguments.task} --count {arguments.count}"
    record.write(out, command, found)


if __name__ == "__main__":
    main()

"""Are the labels of towers balanced, do statics and simulation agree, and what gives a label away?

Run: python benchmarks/labels.py [--count 10000] [--out benchmarks/results/labels.json]

Draws towers with margins from 1 % to 30 % of the block side, simulates each for four seconds and
prints the balance of labels per height, the share of agreement per margin bin, and how well simple
cues separate falling from standing towers: the area under the ROC curve, 0.5 if a cue says nothing.
"""

import argparse
import json
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from cogtrain import Scene, StimulusSet

BINS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)


def looks(scene: Scene) -> dict[str, float]:
    """What of a tower an observer could go by without weighing it, in metres."""
    bodies = json.loads(scene.to_json())["bodies"]
    centres = np.array([body["position_m"][:2] for body in bodies])
    offsets = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    return {
        "largest offset": float(offsets.max()),
        "mean offset": float(offsets.mean()),
        "extent": float(np.ptp(centres, axis=0).max()),
        "top over base": float(np.linalg.norm(centres[-1] - centres[0])),
    }


def judge(towers: StimulusSet, index: int) -> dict[str, float | int | bool]:
    """Both verdicts on tower `index`, and its looks."""
    stimulus = towers[index]
    simulated = stimulus.simulated
    assert simulated is not None
    assert stimulus.scene is not None
    return {
        "n_blocks": int(stimulus.factors["n_blocks"]),
        "margin": float(stimulus.factors["margin"]),
        "falls": stimulus.answers["will_fall"] == "yes",
        "falls_simulated": simulated["will_fall"] == "yes",
        **looks(stimulus.scene),
    }


def balance(rows: pd.DataFrame) -> pd.DataFrame:
    """Standing and falling towers per height, by statics."""
    counts = rows.groupby(["n_blocks", "falls"]).size().unstack()
    margins = rows.assign(size=rows.margin.abs()).groupby(["n_blocks", "falls"])["size"].mean()
    table = counts.rename(columns={False: "stands", True: "falls"})
    table["mean |margin| stands"] = margins.xs(False, level="falls").round(4)
    table["mean |margin| falls"] = margins.xs(True, level="falls").round(4)
    return table


def agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of towers on which both verdicts agree, per bin of |margin| and side."""
    names = [f"{low:.0%} to {high:.0%}" for low, high in pairwise(BINS)]
    bins = pd.cut(rows.margin.abs(), BINS, labels=names, include_lowest=True)
    agree = rows.falls == rows.falls_simulated
    grouped = agree.groupby([bins, rows.falls], observed=True)
    table = grouped.agg(["size", "mean"]).unstack("falls")
    table.columns = [f"{'falls' if falls else 'stands'} {stat}" for stat, falls in table.columns]
    heads = {"size": "n", "mean": "agree"}
    return table.rename(columns=lambda c: f"{c.split()[0]}: {heads[c.split()[1]]}").round(4)


def separation(rows: pd.DataFrame) -> pd.DataFrame:
    """Area under the ROC curve of each cue, per height."""
    cues = ["largest offset", "mean offset", "extent", "top over base"]

    def area(tower: pd.DataFrame, cue: str) -> float:
        falls, stands = tower[cue][tower.falls], tower[cue][~tower.falls]
        return float(mannwhitneyu(falls, stands).statistic) / (len(falls) * len(stands))

    groups = [*rows.groupby("n_blocks"), ("all", rows)]
    table = {n: [round(area(towers, cue), 3) for cue in cues] for n, towers in groups}
    return pd.DataFrame.from_dict(table, orient="index", columns=cues).rename_axis("n_blocks")


def main() -> None:
    """Draws, simulates, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/labels.json"))
    arguments = parser.parse_args()
    towers = StimulusSet.recipe(count=arguments.count, factors={"margin": [0.01, 0.3]}, size_px=28)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = pd.DataFrame(pool.map(lambda i: judge(towers, i), range(len(towers))))
    balanced, agreed, separated = balance(rows), agreement(rows), separation(rows)
    total = float(np.mean(rows.falls == rows.falls_simulated))
    print(balanced.to_string(), "\n")
    print(agreed.to_string(), "\n")
    print(separated.to_string(), "\n")
    print(f"agreement over all {len(rows)} towers: {total:.4f}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "command": f"python benchmarks/labels.py --count {arguments.count}",
        "machine": platform.platform(),
        "agreement": total,
        "balance": balanced.reset_index().to_dict("records"),
        "cues": separated.reset_index().to_dict("records"),
        "by_margin": agreed.reset_index(names="margin").astype({"margin": str}).to_dict("records"),
    }
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Are labels balanced, do statics and simulation agree, and what gives a label away?

Run: python benchmarks/labels.py [--task tower|pyramid] [--count 10000] [--set FOLDER] [--out FILE]

Draws stimuli with margins spread over the bins below (or opens a set on disk), simulates what is
judged of each for four seconds, and prints the balance of labels per number of blocks, the share of
agreement per bin of |margin| (a fraction of the support's width), how many of those that stand by
1 % or more fall in simulation, and, for towers, how well simple cues separate falling from standing
ones: the area under the ROC curve, 0.5 if a cue says nothing. What statics rules out is rest: a
block may also tip a little and jam against its neighbour, so `move` is shown beside `agree`.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import record
from scipy.stats import binomtest, mannwhitneyu

from cogtrain import Scene, StimulusSet, _core, environment

BINS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, np.inf)
LEAST, MOST = 1e-4, {"tower": 0.4, "pyramid": 0.15}
CLEAR = 0.01
MOVE_M = 0.03


def draw(task: str, count: int) -> StimulusSet:
    """Stimuli with as many margins in each bin as in any other."""
    edges = np.clip(BINS, LEAST, MOST[task])
    bins = [[low, high, 1] for low, high in pairwise(edges.tolist()) if low < high]
    return StimulusSet.recipe(task, count=count, factors={"margin": {"bins": bins}}, size_px=28)


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


def judge(stimuli: StimulusSet, index: int) -> dict[str, Any]:
    """Both verdicts on stimulus `index`, and its looks."""
    stimulus = stimuli[index]
    scene = stimulus.judged
    assert scene is not None, f"{stimulus.id} has no scene behind it"
    statics, motion = _core.equilibrium(scene), _core.simulate(scene)
    told = {q: a == "yes" for q, a in stimulus.answers.items() if q.startswith("will_fall")}
    assert all(answer != statics.stands for answer in told.values()), stimulus.id
    return {
        "n_blocks": motion.positions.shape[1],
        "margin": statics.margin_fraction,
        "falls": not statics.stands,
        "friction_decides": _core.friction_decides(scene),
        "falls_simulated": motion.fell,
        "moves_simulated": motion.displacement_m > MOVE_M,
        "time_to_fall_s": min((t for t in motion.fell_s if t is not None), default=np.nan),
        **looks(scene),
    }


def balance(rows: pd.DataFrame) -> pd.DataFrame:
    """Standing and falling stimuli per number of blocks, by statics."""
    counts = rows.groupby(["n_blocks", "falls"]).size().unstack()
    margins = rows.assign(size=rows.margin.abs()).groupby(["n_blocks", "falls"])["size"].mean()
    table = counts.rename(columns={False: "stands", True: "falls"})
    table["mean |margin| stands"] = margins.xs(False, level="falls").round(4)
    table["mean |margin| falls"] = margins.xs(True, level="falls").round(4)
    return table


def agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """Numbers and shares of agreement per bin of |margin|, by label."""
    names = [f"{low:.0%} to {high:.0%}" for low, high in pairwise(BINS[:-1])]
    names = ["< 1%", *names[1:], f"> {BINS[-2]:.0%}"]
    bins = pd.cut(rows.margin.abs(), BINS, labels=names, include_lowest=True)
    table = pd.DataFrame(index=pd.Index(names, name="margin"))
    for falls, name in ((False, "stands"), (True, "falls")):
        own = rows.falls == falls
        table[f"{name}: n"] = bins[own].value_counts().reindex(names)
        agree = (rows.falls == rows.falls_simulated)[own].groupby(bins[own], observed=False)
        table[f"{name}: agree"] = agree.mean().round(4)
        table[f"{name}: differ"] = (
            (~(rows.falls == rows.falls_simulated))[own].groupby(bins[own], observed=False).sum()
        )
    moves = rows.moves_simulated[rows.falls].groupby(bins[rows.falls], observed=False)
    table["falls: move"] = moves.mean().round(4)
    return table


def clear_errors(rows: pd.DataFrame) -> dict[str, Any]:
    """False falls and false stands in simulation among margins of 1 % or more."""
    clear = rows[rows.margin.abs() >= CLEAR]
    found: dict[str, Any] = {}
    for name, falls in (("false falls", False), ("false stands", True)):
        own = clear[clear.falls == falls]
        wrong = int((own.falls_simulated != falls).sum())
        high = binomtest(wrong, len(own)).proportion_ci(method="exact").high
        found[name] = {"n": len(own), "wrong": wrong, "share": wrong / len(own), "high": high}
    return found


def by_friction(rows: pd.DataFrame) -> pd.DataFrame:
    """The same, apart for labels that hang on friction and labels that do not."""
    clear = rows[rows.margin.abs() >= CLEAR]
    agree = (clear.falls == clear.falls_simulated).groupby([clear.friction_decides, clear.falls])
    return agree.agg(["size", "mean"]).round(4).rename(columns={"size": "n", "mean": "agree"})


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
    parser.add_argument("--task", choices=MOST, default="tower")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--set", type=Path, help="a set on disk, in place of a drawn one")
    parser.add_argument("--threads", type=int, default=environment.usable_threads())
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    stimuli = (
        StimulusSet.open(arguments.set) if arguments.set else draw(arguments.task, arguments.count)
    )
    start = perf_counter()
    with ThreadPoolExecutor(arguments.threads) as pool:
        rows = pd.DataFrame(pool.map(lambda i: judge(stimuli, i), range(len(stimuli))))
    seconds = perf_counter() - start
    balanced, agreed, clear = balance(rows), agreement(rows), clear_errors(rows)
    total = float(np.mean(rows.falls == rows.falls_simulated))
    jammed = int((rows.moves_simulated & ~rows.falls_simulated).sum())
    print(balanced.to_string(), "\n")
    print(agreed.to_string(), "\n")
    for name, found in clear.items():
        print(
            f"{name} at margins of {CLEAR:.0%} or more: {found['wrong']} of {found['n']} "
            f"({found['share']:.4%}, at most {found['high']:.4%} with 95 % confidence)"
        )
    friction = by_friction(rows)
    print(f"\n{friction.to_string()}\n")
    print(f"agreement over all {len(rows)}: {total:.4f}")
    print(f"{jammed} move by more than {MOVE_M} m and yet no block falls: they jam")
    found: dict[str, Any] = {
        "seconds": seconds,
        "agreement": total,
        "clear": clear,
        "jammed": jammed,
        "balance": balanced.reset_index().to_dict("records"),
        "by_friction": friction.reset_index().to_dict("records"),
        "by_margin": agreed.reset_index().to_dict("records"),
    }
    if arguments.task == "tower" and arguments.set is None:
        separated = separation(rows)
        print("\n", separated.to_string(), sep="")
        found["cues"] = separated.reset_index().to_dict("records")
    out = arguments.out or Path(f"benchmarks/results/labels-{arguments.task}.json")
    command = f"python benchmarks/labels.py --task {arguments.task} --count {len(rows)}"
    record.write(out, command, found)


if __name__ == "__main__":
    main()

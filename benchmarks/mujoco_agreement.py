"""Do statics and our simulator agree with MuJoCo, an engine that shares no code with either?

Run: python benchmarks/mujoco_agreement.py [--count 500] [--out FILE]

Half of the scenes are towers, the others structures with several supports: pyramids of the task,
and rows of boxes of any size, weight, roughness and turn, a random box of which is taken away.
Margins lie outside 3 % of the support's width. MuJoCo is set up to be as hard as rigid bodies
should be: steps of 1 ms, contacts with a time constant of two steps, critical damping and 99 %
impedance or more, elliptic friction cones with friction a hundred times as stiff as the normal
direction so that nothing creeps, Newton's method to 1e-10, an implicit integrator, and the mean
friction of each pair, as in our simulator. Four seconds, and the same rule: a body has fallen when
its centre has dropped by a tenth of its shortest side. What statics rules out is equilibrium: a
block may also tip a little and jam against its neighbour, so that it moves (by 3 % of its side or
more) but does not fall.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pandas as pd
import record

from cogtrain import Scene, StimulusSet, _core, environment

LEAST_MARGIN = 0.03
MOVE, FALL = 0.03, 0.1  # of the shortest side
DURATION_S, STEP_S = 4.0, 0.001
CONTACT = f'solref="{2 * STEP_S} 1" solimp="0.99 0.999 0.0001" condim="3"'


def model(bodies: list[dict[str, Any]]) -> str:
    """The bodies on a plane, in MuJoCo's XML: every pair with the mean of its frictions."""
    frictions = [max(body["friction"] for body in bodies), *(body["friction"] for body in bodies)]
    parts = ['<geom name="g0" type="plane" size="100 100 1" contype="0" conaffinity="0"/>']
    for number, body in enumerate(bodies, 1):
        place = " ".join(map(repr, body["position_m"]))
        turn = " ".join(map(repr, body["orientation"]))
        half = " ".join(repr(side / 2) for side in body["size_m"])
        parts.append(
            f'<body pos="{place}" quat="{turn}"><freejoint/><geom name="g{number}" type="box" '
            f'size="{half}" density="{body["density"]!r}" contype="0" conaffinity="0"/></body>'
        )
    pairs = [
        f'<pair geom1="g{a}" geom2="g{b}" {CONTACT} friction="{mu} {mu} 0.005 0.0001 0.0001"/>'
        for a, b in combinations(range(len(frictions)), 2)
        for mu in [(frictions[a] + frictions[b]) / 2]
    ]
    return (
        f'<mujoco><option timestep="{STEP_S}" gravity="0 0 -9.81" integrator="implicitfast" '
        'cone="elliptic" impratio="100" solver="Newton" iterations="100" tolerance="1e-10"/>'
        f"<worldbody>{''.join(parts)}</worldbody><contact>{''.join(pairs)}</contact></mujoco>"
    )


def outcome(scene: Scene) -> tuple[bool, bool]:
    """Whether any body moves, and whether any falls, in MuJoCo."""
    bodies = json.loads(scene.to_json())["bodies"]
    setup = mujoco.MjModel.from_xml_string(model(bodies))
    state = mujoco.MjData(setup)
    mujoco.mj_forward(setup, state)
    start = state.xpos[1:].copy()
    side = np.array([min(body["size_m"]) for body in bodies])
    moves = False
    for _ in range(round(DURATION_S / STEP_S)):
        mujoco.mj_step(setup, state)
        shift = state.xpos[1:] - start
        moves |= bool((np.linalg.norm(shift, axis=1) > MOVE * side).any())
        if (-shift[:, 2] > FALL * side).any():
            return True, True
    return moves, False


def drawn(task: str, margins: list[float], count: int) -> Iterator[Scene]:
    stimuli = StimulusSet.recipe(task, count=count, factors={"margin": margins}, size_px=28)
    for stimulus in stimuli:
        assert stimulus.judged is not None
        yield stimulus.judged


def row(rng: np.random.Generator, count: int, bottom: float) -> list[dict[str, Any]]:
    """Boxes of one height side by side."""
    height, pitch = rng.uniform(0.5, 1.2), rng.uniform(1.25, 1.5)
    boxes = []
    for x in pitch * (np.arange(count) - (count - 1) / 2) + rng.uniform(-0.1, 0.1, count):
        half = rng.uniform(-0.1, 0.1)
        boxes.append(
            {
                "size_m": [*rng.uniform((0.9, 0.8), (1.1, 1.2)), height],
                "position_m": [x, rng.uniform(-0.1, 0.1), bottom + height / 2],
                "orientation": [np.cos(half), 0.0, 0.0, np.sin(half)],
                "density": rng.uniform(200, 2000),
                "friction": rng.uniform(0.3, 0.9),
                "color": "red",
            }
        )
    return boxes


def structures(rng: np.random.Generator) -> Iterator[Scene]:
    """Three or four rows without one of their boxes, of those that statics can judge."""
    frame = json.loads(next(drawn("tower", [0.1, 0.2], 2)).to_json())
    while True:
        boxes: list[dict[str, Any]] = []
        bottom = 0.0
        for count in range(int(rng.integers(3, 5)), 0, -1):
            level = row(rng, count, bottom)
            bottom += level[0]["size_m"][2]
            boxes += level
        boxes.pop(int(rng.integers(len(boxes) - 1)))
        scene = Scene.from_json(json.dumps(frame | {"bodies": boxes}))
        try:
            margin = _core.equilibrium(scene).margin_fraction
        except ValueError:
            continue  # something floats, or two boxes share space
        if abs(margin) >= LEAST_MARGIN:
            yield scene


def compare(kind: str, scene: Scene) -> dict[str, Any]:
    """Three verdicts on a scene."""
    statics, ours = _core.equilibrium(scene), _core.simulate(scene)
    moves, falls = outcome(scene)
    return {
        "kind": kind,
        "margin": statics.margin_fraction,
        "friction decides": _core.friction_decides(scene),
        "statics": not statics.stands,
        "ours": ours.fell,
        "mujoco": falls,
        "mujoco moves": moves,
    }


def scenes(count: int) -> list[tuple[str, Scene]]:
    rng = np.random.default_rng(0)
    found = [("tower", scene) for scene in drawn("tower", [LEAST_MARGIN, 0.4], count // 2)]
    quarter = count // 4 // 8 * 8
    found += [("pyramid", scene) for scene in drawn("pyramid", [LEAST_MARGIN, 0.15], quarter)]
    endless = structures(rng)
    return found + [("rows of boxes", next(endless)) for _ in range(count - len(found))]


def agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of scenes on which each pair of verdicts agrees."""

    def share(a: str, b: str) -> Callable[[pd.DataFrame], float]:
        return lambda group: round(float((group[a] == group[b]).mean()), 4)

    table = rows.groupby(["kind", "friction decides"]).apply(
        lambda group: pd.Series(
            {
                "n": len(group),
                "fall": int(group.statics.sum()),
                "statics = mujoco": share("statics", "mujoco")(group),
                "statics = mujoco moves": share("statics", "mujoco moves")(group),
                "statics = ours": share("statics", "ours")(group),
                "ours = mujoco": share("ours", "mujoco")(group),
            }
        ),
        include_groups=False,
    )
    return table.astype({"n": int, "fall": int})


def main() -> None:
    """Draws, simulates twice, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--threads", type=int, default=environment.usable_threads())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/mujoco.json"))
    arguments = parser.parse_args()
    with ThreadPoolExecutor(arguments.threads) as pool:
        rows = pd.DataFrame(pool.map(lambda pair: compare(*pair), scenes(arguments.count)))
    table = agreement(rows)
    differ = rows[rows.statics != rows.mujoco].sort_values("margin")
    print(table.to_string(), "\n")
    print(differ.to_string() if len(differ) else "statics and MuJoCo agree on every scene")
    found = {
        "mujoco": mujoco.__version__,
        "agreement": table.reset_index().to_dict("records"),
        "differ": differ.to_dict("records"),
    }
    command = f"python benchmarks/mujoco_agreement.py --count {arguments.count}"
    record.write(arguments.out, command, found)


if __name__ == "__main__":
    main()

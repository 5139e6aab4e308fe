"""How fast is a tower drawn with its shadow, beside the renderers that such studies use?

Run: python benchmarks/rendering.py [--rounds 5] [--picture docs/renderers.png] [--out FILE.json]

The same towers at 224 px, under one distant light with hard shadows, by cogtrain, by PyBullet's
TinyRenderer and by MuJoCo on software OpenGL, each in a process of its own on one thread, in turns.
The scenes of the peers are built from ours (boxes, camera, light, colours) before the clock starts.
Ours are anti-aliased and, in the style `wood`, textured with a cluttered backdrop; TinyRenderer's
are neither. Peers are the optional extra `bench`; MuJoCo needs libEGL with Mesa's llvmpipe besides
(`apt-get install libegl1 libgl1-mesa-dri`). What is not installed is reported so.
"""

import argparse
import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import race
import record
from renderers import tower

# Contestant: its module, and the style whose towers it draws.
PEERS = {
    "cogtrain": ("cogtrain", "cubeworld"),
    "cogtrain, wood": ("cogtrain", "wood"),
    "PyBullet TinyRenderer": ("pybullet", "cubeworld"),
    "MuJoCo, software OpenGL": ("mujoco", "cubeworld"),
}
LEAST_S = 2.0


def pictures(name: str) -> Iterator[np.ndarray]:
    """What a contestant draws, for ever."""
    module, style = PEERS[name]
    return importlib.import_module(f"renderers.by_{module}").pictures(tower.scenes(style))


def run_one(name: str) -> None:
    """A contestant's turn, in a process of its own."""
    rounds = pictures(name)
    for _ in range(tower.COUNT):  # every scene once: what is set up late is set up now
        next(rounds)
    race.report(race.lap((1 for _ in rounds), at_least_s=LEAST_S))


def draw(path: Path, scenes: int = 4) -> None:
    """The first scenes by every contestant, side by side."""
    import matplotlib.pyplot as plt

    size = (2.4 * scenes, 2.5 * len(PEERS))
    figure, axes = plt.subplots(len(PEERS), scenes, figsize=size, layout="constrained")
    for row, name in zip(axes, PEERS, strict=True):
        drawn = pictures(name)
        for axis in row:
            axis.imshow(next(drawn))
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(name)
    figure.savefig(path, dpi=90)


def peer_versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in ("pybullet", "mujoco"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def ratios(figures: dict[str, dict[str, Any]]) -> dict[str, float]:
    """How many times as fast ours is, by processor time, which a busy machine disturbs less."""
    if "fault" in figures["cogtrain"]:
        raise SystemExit(f"error: cogtrain did not run: {figures['cogtrain']['fault']}")
    own = figures["cogtrain"]["cpu_s_per_1000"]
    others = [name for name in PEERS if not name.startswith("cogtrain")]
    return {
        name: figures[name]["cpu_s_per_1000"] / own
        for name in others
        if "fault" not in figures[name]
    }


def main() -> None:
    """Races, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PEERS, help="one turn of one contestant")
    parser.add_argument("--picture", type=Path, help="also draw the scenes side by side")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rendering.json"))
    arguments = parser.parse_args()
    if arguments.only:
        return run_one(arguments.only)
    own = [sys.executable, __file__, "--only"]
    figures = race.race(list(PEERS), lambda name: [*own, name], arguments.rounds)
    print(race.show(figures, "cogtrain"))
    found = {"figures": figures, "times_as_fast": ratios(figures), "peers": peer_versions()}
    command = f"python benchmarks/rendering.py --rounds {arguments.rounds}"
    record.write(arguments.out, command, found)
    if arguments.picture:
        draw(arguments.picture)
    return None


if __name__ == "__main__":
    main()

"""Writes the figures of docs/performance.md, and docs/performance.png, from benchmark results."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from cogtrain import palette

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "benchmarks" / "results"
BEGIN, END = "<!-- figures: written by docs/performance.py -->", "<!-- end of figures -->"
PACKAGES = ("python", "numpy", "pillow", "torch", "transformers")


@dataclass(frozen=True)
class Row:
    """One figure beside its goal; `share` is how much of the goal is reached, 1 or more if met."""

    what: str
    value: str
    goal: str = "–"
    share: float | None = None


def at_least(what: str, value: float, goal: float, unit: str) -> Row:
    """A figure that should be large."""
    return Row(what, f"{value:,.4g}{unit}", f"≥ {goal:,.4g}{unit}", value / goal)


def at_most(what: str, value: float, goal: float, unit: str) -> Row:
    """A figure that should be small."""
    return Row(what, f"{value:,.3g}{unit}", f"< {goal:,.3g}{unit}", goal / value)


def exact(what: str, differing: int, of: str) -> Row:
    """A count that should be none."""
    return Row(what, f"{differing:,} of {of} differ", "0", None if differing else 1.0)


def rendering(found: dict[str, Any]) -> Iterator[Row]:
    """Speed of drawing, per processor second."""
    figures, faster = found["figures"], found["times_as_fast"]
    per_core = {
        name: 1000 / each["cpu_s_per_1000"] for name, each in figures.items() if "fault" not in each
    }
    flat = "render 224 px, shadow, anti-aliased"
    yield at_least(f"{flat}, style `cubeworld`, per core", per_core["cogtrain"], 3000, " images/s")
    textured = per_core["cogtrain, wood"]
    yield Row(f"{flat}, textured, style `wood`, per core", f"{textured:,.4g} images/s")
    goals = {"PyBullet TinyRenderer": 80, "MuJoCo, software OpenGL": 100}
    for peer, goal in goals.items():
        what = f"the same towers, against {peer}"
        if peer in faster:
            what = f"{what} ({per_core[peer]:,.3g} images/s)"
            yield at_least(what, faster[peer], goal, "×")
        else:
            yield Row(what, "peer did not run", f"≥ {goal}×")


def throughput(found: dict[str, Any]) -> Iterator[Row]:
    """Speed of one thread, and how soon the program answers."""
    if "ratios" not in found:
        return  # an earlier form of the file: `make bench` writes it anew
    speeds = {name: each["images/cpu-s"] for name, each in found["figures"].items()}
    unit, patches = " images/s", "to Qwen2-VL patches (float32), per core"
    drawn = "render 224 px, per core"
    for name in (name for name in speeds if name.endswith(", drawn")):
        task, style, _ = name.split(", ")
        what = f"{drawn}: `{task}`, style `{style}`"
        if style == "cubeworld":
            yield at_least(what, speeds[name], 3000, unit)
        else:
            yield Row(what, f"{speeds[name]:,.4g}{unit}")
    yield at_least(f"scene {patches}", speeds["scene to patches"], 2500, unit)
    yield at_least(f"JPEG of 224 px {patches}", speeds["JPEG to patches"], 3500, unit)
    peer = speeds["JPEG, Pillow and Hugging Face"]
    versus = f"the same, against Pillow and Hugging Face ({peer:,.3g}{unit})"
    yield at_least(versus, found["ratios"]["JPEG to patches"], 9, "×")
    yield at_most("`python -m cogtrain --help`", found["--help (s)"], 1, " s")
    yield at_most("`import cogtrain`", found["import cogtrain (s)"], 0.2, " s")


def loading(found: dict[str, Any]) -> Iterator[Row]:
    """Photographs, beside other loaders."""
    figures = {name: each for name, each in found["figures"].items() if "fault" not in each}
    own = figures.pop("cogtrain")
    what = "JPEG 512 px → 448 px, normalised, 2 threads"
    yield Row(what, f"{own['images_per_s']:,.4g} images/s")
    best = max(figures, key=lambda name: figures[name]["images_per_s"])
    ratio = own["images_per_s"] / figures[best]["images_per_s"]
    yield at_least(f"the same, against the best peer ({best})", ratio, 3.5, "×")
    seconds = [each["cpu_s_per_1000"] for each in (own, figures[best])]
    yield Row("the same, CPU seconds per 1,000 images", "{:.3g} ({:.3g})".format(*seconds))
    peaks = [each["peak_mb"] for each in (own, figures[best])]
    yield Row("the same, peak memory", "{:,.0f} MB ({:,.0f} MB)".format(*peaks))


def loader(found: dict[str, Any]) -> Iterator[Row]:
    """What the loader costs, and its promises."""
    figures = found["figures"]
    images, resume, memory = figures["images"], figures["resume"], figures["memory"]
    for state in ("cold", "warm"):
        once = images[f"next, {state} (us)"]
        yield at_most(f"`next` on a finished batch, caches {state}", once, 50, " μs")
        if every := images.get(f"both, {state} (us)"):  # records of before do not have it
            yield at_most(
                f"the same, and reading every attribute, caches {state}", every, 50, " μs"
            )
        held = images[f"interpreter lock held, {state} (us)"]
        yield at_most(f"interpreter lock held per batch, caches {state}", held, 5, " μs")
    for kind, each in resume.items():
        name, wait = "new loader and load_state_dict, most (ms)", "first batch, median (ms)"
        what = f"resume at a random step ({kind})"
        yield at_most(f"{what}, the longest", each[name], 50, " ms")
        again = each["most batches made for the first one"]
        yield Row(f"{what}, first batch", f"{each[wait]:.3g} ms, {again:.3g} batches made")
    promises = figures["promises"]
    ranks, stops = promises["ranks and threads"], promises["random stops"]
    worlds = len(ranks["ranks"]) * len(ranks["threads"])
    yield Row(f"global sequence of {worlds} worlds (ranks × threads), mixtures too", "the same")
    yield Row("random stops, continued by another world", f"{stops['stops']} invisible")
    grown = memory["growth from the first tenth to the last (MiB)"]
    yield Row(f"memory over {memory['batches']:,} batches", f"grows by {grown:.2g} MiB")
    kept = figures["recipe to patches (images/s)"]["share kept while one core is busy, median"]
    yield Row("speed of 2 threads while another process keeps a core busy", f"{kept:.0%} kept")


def parity(found: dict[str, Any]) -> Iterator[Row]:
    """Values against Hugging Face's."""
    for resampler, families in found["figures"].items():
        rows = families.values()
        values, differing = (sum(each[name] for each in rows) for name in ("values", "differing"))
        images = sum(each["images"] for each in rows)
        what = f"model input against Hugging Face, resized by {resampler}"
        count = f"{len(rows)} families, {images:,} images"
        yield exact(f"{what}, {count}", differing, f"{values:,} values")


def reproducible(found: dict[str, Any]) -> Iterator[Row]:
    """Bytes against each other."""
    for key, things in (("sha256", "threads"), ("sha256_by_instruction_set", "instruction_sets")):
        digests = found.get(key, {}).values()  # earlier forms of the file had only the first
        bad = sum(not isinstance(digest, str) for digest in digests)
        listed = ", ".join(map(str, found.get(things, [])))
        if not digests:
            continue
        yield exact(f"SHA-256 of sets, {things.replace('_', ' ')} {listed}", bad, f"{len(digests)}")


def fuzzing(found: dict[str, Any]) -> Iterator[Row]:
    """Damaged input for every reader."""
    targets, total = found["targets"], found["executions"]
    what = f"damaged inputs of {len(targets)} readers, none of which makes one panic"
    yield Row(what, f"{total / 1e6:.1f} million", "≥ 10 million", total / 10e6)


# Files in the order of the table; each gives its rows.
SECTIONS: dict[str, Callable[[dict[str, Any]], Iterator[Row]]] = {
    "rendering": rendering,
    "throughput": throughput,
    "loading": loading,
    "loader": loader,
    "parity": parity,
    "reproducible": reproducible,
    "fuzzing": fuzzing,
}


def read() -> dict[str, dict[str, Any]]:
    """What was measured, by file."""
    paths = {name: RESULTS / f"{name}.json" for name in SECTIONS}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def table(results: dict[str, dict[str, Any]], rows: dict[str, list[Row]]) -> str:
    """The figures in Markdown, then where they are from."""
    lines = ["| what | measured | goal | reached |", "| --- | --- | --- | --- |"]
    for each in rows.values():
        for row in each:
            is_met = "–" if row.share is None else "yes" if row.share >= 1 else f"{row.share:.0%}"
            lines.append(f"| {row.what} | {row.value} | {row.goal} | {is_met} |")
    lines += ["", "In brackets, the peer's. Commands, and the machine that each ran on:", ""]
    lines += ["| command | machine | versions |", "| --- | --- | --- |"]
    for name in rows:
        record = results[name]
        lines.append(f"| `{record['command']}` | {machine(record)} | {versions(record)} |")
    missing = [f"`{name}.json`" for name in SECTIONS if name not in rows]
    if missing:
        lines += ["", f"Not measured: {', '.join(missing)}."]
    return "\n".join(lines)


def machine(record: dict[str, Any]) -> str:
    """Processor, instruction set, threads and memory."""
    facts = record["machine"]
    parts = [facts["processor"], facts.get("instruction_set"), f"{facts['usable_threads']} threads"]
    return ", ".join(filter(None, [*parts, f"{facts['memory_gib']} GiB"]))


def versions(record: dict[str, Any]) -> str:
    """Packages that decide the figures, and the peers."""
    found = {name: record["machine"]["versions"].get(name) for name in PACKAGES}
    return ", ".join(
        f"{name} {number}" for name, number in (found | record.get("peers", {})).items() if number
    )


def against_goals(axis: Any, rows: dict[str, list[Row]]) -> None:
    """Each figure as a multiple of its goal."""
    shown = [row for each in rows.values() for row in each if row.share and row.goal != "0"]
    labels = [row.what.replace("`", "").replace(", ", ",\n", 1) for row in shown]
    shares = [row.share for row in shown]
    colors = [palette.RIGHT if share and share >= 1 else palette.WRONG for share in shares]
    axis.barh(labels, shares, color=colors)
    axis.axvline(1, color=palette.CHANCE)
    for place, row in enumerate(shown):
        axis.annotate(
            row.value, (row.share, place), (4, 0), textcoords="offset points", va="center"
        )
    axis.set(xscale="log", xlabel="times the goal", title="Against the goals")
    axis.set_xlim(right=6 * max(share for share in shares if share))
    axis.invert_yaxis()


def against_peers(axis: Any, found: dict[str, Any], title: str, *, is_per_core: bool) -> None:
    """Speed of each contestant: per second of processor time, or on the clock with extremes."""
    figures = {name: each for name, each in found["figures"].items() if "fault" not in each}
    for place, (name, each) in enumerate(figures.items()):
        middle, ends = each["images_per_s"], (each["least"], each["most"])
        if is_per_core:
            middle = 1000 / each["cpu_s_per_1000"]
            ends = (middle, middle)
        spread = [[middle - ends[0]], [ends[1] - middle]]
        color = palette.of_run(0) if name.startswith("cogtrain") else palette.PEOPLE
        axis.barh(name, middle, xerr=spread, color=color, ecolor=palette.CHANCE)
        at = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
        axis.annotate(f"{middle:,.0f}", (ends[1], place), **at)
    unit = "images per processor second" if is_per_core else "images/s, median and extremes"
    axis.set(xscale="log", xlabel=unit, title=title)
    axis.set_xlim(right=3 * axis.get_xlim()[1])
    axis.invert_yaxis()


def draw(results: dict[str, dict[str, Any]], rows: dict[str, list[Row]]) -> None:
    """Figures against goals on the left, against peers on the right."""
    peers = {"rendering": "Towers at 224 px", "loading": "JPEG 512 px to 448 px, 2 threads"}
    shown = {name: title for name, title in peers.items() if name in rows}
    with palette.house_style():
        plt.rcParams["axes.grid.axis"] = "x"
        figure = plt.figure(figsize=(15, 8), layout="constrained")
        grid = figure.add_gridspec(max(1, len(shown)), 2, width_ratios=[1.3, 1])
        against_goals(figure.add_subplot(grid[:, 0]), rows)
        for place, (name, title) in enumerate(shown.items()):
            axis = figure.add_subplot(grid[place, 1])
            against_peers(axis, results[name], title, is_per_core=name == "rendering")
        figure.savefig(HERE / "performance.png", dpi=80)


def main() -> None:
    """Writes both."""
    results = read()
    read_all = {name: list(SECTIONS[name](found)) for name, found in results.items()}
    rows = {name: each for name, each in read_all.items() if each}
    page = HERE / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    body = f"{before}{BEGIN}\n\n{table(results, rows)}\n\n{END}{after}"
    page.write_text(body, encoding="utf-8")
    draw(results, rows)


if __name__ == "__main__":
    main()

"""The datasheet of a stimulus set: what it is, how it was made, what it holds, where it ends.

After Gebru et al. 2021, *Datasheets for Datasets*, Communications of the ACM 64(12), in brief.
Everything is taken from the set itself; no clock is read, so the same set has the same datasheet.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from cogtrain.stimulus_table import disagreement

MAX_ROWS = 64
"""Cells that are listed one by one; of more, only the smallest and largest count are told."""

_LIMITS = """\
- Answers are those of rigid-body physics: uniform density within a block, sharp edges, dry
  friction, release from rest. They are not what people say; collect that separately.
- Pictures are rendered. How a model or a person does on them need not carry over to photographs.
- Near the threshold the answer depends on less than can be seen; report results by margin.
- Stimuli of one recipe are draws from one design: a result describes that design.
"""
_FOREIGN_LIMITS = """\
- The images were not made by cogtrain: their truth is what the imported table said.
- They were decoded and stored as 8-bit RGB; colour profiles and metadata were dropped.
"""


class Margins:
    """Signed margins and disagreements, collected record by record."""

    def __init__(self) -> None:
        self.margins = array("d")
        self.judged = 0
        self.disagreements = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes ``margin_m`` and the simulated answers of one record, where it has them."""
        if record.get("margin_m") is not None:
            self.margins.append(record["margin_m"])
        differs = disagreement(record)
        if differs is not None:
            self.judged += 1
            self.disagreements += differs


def datasheet(
    manifest: Mapping[str, Any], margins: Margins | None, *, licence: str = "not stated"
) -> str:
    """The datasheet as Markdown.

    Args:
        manifest: What ``cogtrain._core.read_manifest`` gives, parsed.
        margins: What the records say; ``None`` for a set without records.
        licence: Terms of use, in the words of whoever publishes the set.
    """
    sections = {
        "What it is": _identity(manifest),
        "How it was made": _making(manifest),
        "Composition": _composition(manifest["counts"], manifest["count"]),
        "Margins and second opinion": _physics(margins),
        "How to read it": _reading(manifest),
        "Known limits": _FOREIGN_LIMITS if manifest["recipe"] is None else _LIMITS,
        "Licence": f"{licence}\n",
    }
    body = "\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# Datasheet: {manifest['name']}\n\n{body}"


def _identity(manifest: Mapping[str, Any]) -> str:
    size = sum(shard["bytes"] for shard in manifest["shards"])
    kept = f"{len(manifest['shards'])} tar shards, {size:,} bytes"
    rows = [
        ("stimuli", f"{manifest['count']:,}"),
        ("on disk", kept if manifest["shards"] else "only the recipe: drawn when read"),
        ("fingerprint", f"`{manifest['fingerprint']}`"),
        ("cogtrain", manifest["cogtrain_version"]),
        ("generator version", manifest["generator_version"]),
        ("format version", manifest["format_version"]),
    ]
    return _table(("", ""), rows)


def _making(manifest: Mapping[str, Any]) -> str:
    recipe = manifest["recipe"]
    if recipe is None:
        return "From images and a table that were imported; there is no recipe.\n"
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    return (
        "Drawn from a design, judged by statics, and rendered by cogtrain. With this as "
        f"`design.yaml`\n\n```yaml\n{text}```\n\n"
        "the same version makes the same bytes again, on any machine and number of threads:\n\n"
        "```sh\npython -m cogtrain render --config design.yaml --out SET\n```\n"
    )


def _composition(counts: Mapping[str, Any], total: int) -> str:
    of = counts["of"]
    lines = [] if of == total else [f"Counted over the first {of:,} stimuli.\n"]
    for title, group in (("question", counts["answers"]), ("factor", counts["factors"])):
        rows = [
            (name, level, f"{n:,}", f"{100 * n / of:.1f} %")
            for name, levels in group.items()
            for level, n in sorted(levels.items(), key=lambda item: _natural(item[0]))
        ]
        if rows:
            header = (title, "answer" if title == "question" else "level", "n", "share")
            lines.append(_table(header, rows))
    lines.append(_cells(counts["cells"]))
    return "\n".join(lines)


def _cells(cells: Sequence[Mapping[str, Any]] | None) -> str:
    if cells is None:
        return "The combinations of answers and levels are too many to be cells.\n"
    numbers = [cell["count"] for cell in cells]
    summary = (
        f"{len(cells)} cells (combinations of answers and levels that occur), "
        f"{min(numbers):,} to {max(numbers):,} stimuli each.\n"
    )
    if len(cells) > MAX_ROWS:
        return summary
    names = sorted({name for cell in cells for name in cell["cell"]})
    rows = [[*(_word(cell["cell"].get(name)) for name in names), cell["count"]] for cell in cells]
    rows.sort(key=lambda row: [_natural(str(value)) for value in row])
    return f"{summary}\n{_table((*names, 'n'), rows)}"


def _physics(margins: Margins | None) -> str:
    if margins is None:
        return "Not measured: nothing was drawn. Write the set as shards to have them.\n"
    lines = []
    if margins.margins:
        values = np.frombuffer(margins.margins)
        points = (0, 5, 25, 50, 75, 95, 100)
        rows = [
            (words, f"{len(part):,}", *(f"{q:.4f}" for q in np.percentile(part, points)))
            for words, part in (
                ("stands (margin ≥ 0)", values[values >= 0]),
                ("falls (margin < 0), absolute", -values[values < 0]),
            )
            if len(part)
        ]
        header = ("margin in metres", "n", *(f"{point} %" for point in points))
        lines.append(_table(header, rows))
    if margins.judged:
        share = 100 * margins.disagreements / margins.judged
        lines.append(
            f"Statics and simulation disagree in {margins.disagreements:,} of {margins.judged:,} "
            f"stimuli ({share:.2f} %); the answer is that of statics.\n"
        )
    return "\n".join(lines) or "No margins: physics did not decide these answers.\n"


def _reading(manifest: Mapping[str, Any]) -> str:
    call = '```python\nfrom cogtrain import StimulusSet\n\nstimuli = StimulusSet.open("SET")\n```\n'
    if not manifest["shards"]:
        return call
    return (
        "Shards are POSIX tar in the WebDataset convention: `<id>.png` and `<id>.json`. "
        "`stimuli.csv` has one row per stimulus.\n\n" + call
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _natural(text: str) -> tuple[int, float, str]:
    """Sorts numbers by value and before words."""
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)

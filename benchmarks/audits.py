"""Does nuisance give away the answers of the default recipes?

Run: python benchmarks/audits.py [--count 5000] [--out FILE.json]

Runs the shortcut audit of `python -m cogtrain audit` on the default recipe of every task in every
style, and prints how well each nuisance predicts whether something falls (in percent, with a 95 %
interval), beside what a noisy ideal observer makes of the margin. Exit code 1 unless all pass.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

import pandas as pd
import record

from cogtrain import StimulusSet
from cogtrain.audit.finding import Section
from cogtrain.audit.measure import measure
from cogtrain.audit.optimum import MARGIN_NOISE_M
from cogtrain.audit.shortcuts import shortcut_audit

TASKS = {"tower": "will_fall", "pyramid": "will_fall_if_removed"}
STYLES = ("cubeworld", "wood", "randomised")


def audited(task: str, style: str, count: int) -> Section:
    stimuli = StimulusSet.recipe(task, style, count=count, size_px=112)
    return shortcut_audit(measure(stimuli), TASKS[task], margin_noise_m=MARGIN_NOISE_M)


def figures(section: Section) -> dict[str, str]:
    """Predictor → accuracy with its interval, as the report shows them."""
    return {row[0]: f"{row[2].rstrip(' %')} [{row[3]}]" for row in section.tables[0].rows}


def main() -> None:
    """Audits, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/audits.json"))
    arguments = parser.parse_args()
    sections = {
        f"{task} {style}": audited(task, style, arguments.count)
        for task, style in product(TASKS, STYLES)
    }
    table = pd.DataFrame({name: figures(section) for name, section in sections.items()})
    print(table.to_string())
    command = f"python benchmarks/audits.py --count {arguments.count}"
    found = {name: section.data for name, section in sections.items()}
    record.write(arguments.out, command, {"audits": found})
    levels = {name: section.level for name, section in sections.items()}
    print(levels)
    sys.exit(set(levels.values()) != {"pass"})


if __name__ == "__main__":
    main()

"""The datasheet tells what manifest and records hold, and says so where they hold nothing."""

from typing import Any

import pytest

from cogtrain.datasheet import Margins, datasheet


def manifest(**changes: Any) -> dict[str, Any]:
    plain = {
        "name": "tower",
        "count": 4,
        "fingerprint": "f00d",
        "cogtrain_version": "0.1.0",
        "generator_version": 2,
        "format_version": 1,
        "recipe": {"task": "tower", "count": 4, "factors": {"n_blocks": [2, 10]}},
        "shards": [{"name": "tower-000000.tar", "bytes": 12345, "count": 4}],
        "counts": {
            "of": 4,
            "answers": {"will_fall": {"no": 1, "yes": 3}},
            "factors": {"n_blocks": {"10": 1, "2": 3}},
            "cells": [
                {"cell": {"n_blocks": 10, "will_fall": "yes"}, "count": 1},
                {"cell": {"n_blocks": 2, "will_fall": "no"}, "count": 1},
                {"cell": {"n_blocks": 2, "will_fall": "yes"}, "count": 2},
            ],
        },
    }
    return plain | changes


def margins(*values: float, simulated: str = "yes") -> Margins:
    collected = Margins()
    for value in values:
        answer = "yes" if value < 0 else "no"
        record = {"answers": {"will_fall": answer}, "simulated": {"will_fall": simulated}}
        collected.add(record | {"margin_m": value})
    return collected


def test_counts_and_cells_are_listed_in_natural_order():
    sheet = datasheet(manifest(), None)
    assert "| will_fall | yes | 3 | 75.0 % |" in sheet
    assert sheet.index("| n_blocks | 2 | 3 |") < sheet.index("| n_blocks | 10 | 1 |")
    assert "3 cells (combinations of answers and levels that occur), 1 to 2 stimuli each." in sheet
    assert (
        sheet.index("| 2 | no | 1 |")
        < sheet.index("| 2 | yes | 2 |")
        < sheet.index("| 10 | yes | 1 |")
    )
    assert "| on disk | 1 tar shards, 12,345 bytes |" in sheet


def test_margins_and_disagreements_are_told():
    sheet = datasheet(manifest(), margins(-0.3, -0.1, 0.2, 0.4))
    assert "| stands (margin ≥ 0) | 2 | 0.2000 |" in sheet
    assert "| falls (margin < 0), absolute | 2 | 0.1000 |" in sheet
    assert "disagree in 2 of 4 stimuli (50.00 %)" in sheet


@pytest.mark.parametrize(
    ("changes", "collected", "words"),
    [
        ({}, None, "Not measured: nothing was drawn."),
        ({}, Margins(), "No margins: physics did not decide these answers."),
        ({"recipe": None}, None, "were not made by cogtrain"),
        ({"shards": []}, None, "only the recipe: drawn when read"),
        ({"count": 100_000}, None, "Counted over the first 4 stimuli."),
    ],
)
def test_what_is_not_known_is_said(changes: dict[str, Any], collected: Any, words: str):
    assert words in datasheet(manifest(**changes), collected)


def test_many_cells_are_summarised():
    cells = [{"cell": {"n": n}, "count": n + 1} for n in range(65)]
    counts = manifest()["counts"]
    sheet = datasheet(manifest(counts=counts | {"cells": cells}), None)
    assert "65 cells" in sheet
    assert "1 to 65 stimuli each" in sheet
    assert "| 64 |" not in sheet
    assert "too many to be cells" in datasheet(manifest(counts=counts | {"cells": None}), None)


def test_the_licence_is_that_of_whoever_publishes():
    assert datasheet(manifest(), None).endswith("## Licence\n\nnot stated\n")
    assert datasheet(manifest(), None, licence="CC-BY-4.0").endswith("\nCC-BY-4.0\n")

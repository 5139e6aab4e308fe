"""Figures can be told apart from their background: the contrasts that WCAG 2.2 asks for."""

import re

import numpy as np
import pandas as pd
import pytest
import vl_convert

from cogtrain import palette
from cogtrain.evaluation import charts

GRAPHIC, TEXT = 3.0, 4.5  # success criteria 1.4.11 and 1.4.3


def luminance(colour):
    """Relative, of ``#rrggbb``, ``rgb(r, g, b)``, `white` or `black`."""
    named = {"white": "#ffffff", "black": "#000000"}.get(colour, colour)
    if named.startswith("#"):
        parts = [int(named[place : place + 2], 16) for place in (1, 3, 5)]
    else:
        parts = [int(each) for each in re.findall(r"\d+", named)]
    share = np.array(parts) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first, second):
    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guideline():
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(
    "colour", [*palette.RUNS, palette.PEOPLE, palette.CHANCE, palette.RIGHT, palette.WRONG]
)
def test_what_is_drawn_stands_out_from_the_page(colour):
    assert contrast(colour, "white") >= GRAPHIC


@pytest.mark.parametrize("share", [True, False])
def test_every_number_can_be_read_on_its_cell(share):
    values = np.linspace(0 if share else -1, 1, 101)
    table = pd.DataFrame({"trained_on": "a", "tested_on": [f"s{i:03}" for i in range(101)]})
    table = table.assign(value=values, low=values, high=values, n=1, told="0.5")
    drawn = charts.matrix(table, title="accuracy", share=share)
    svg = vl_convert.vegalite_to_svg(drawn.to_dict())
    cells = re.findall(r'<path aria-label="[^"]*value: [^>]*fill="([^"]+)"', svg)
    words = re.findall(r'<text aria-label="[^"]*told: [^>]*fill="([^"]+)"', svg)
    assert len(cells) == len(words) == 101
    pairs = zip(cells, words, strict=True)
    assert min(contrast(*pair) for pair in pairs) >= TEXT

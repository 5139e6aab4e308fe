"""The R script: its text, and that it fits what is written beside it.

There is no R here. The script was run by R 4.2 with lme4 1.1-31; a change of its text changes the
golden file, and asks for another run.
"""

import re
from pathlib import Path

import pytest

from cogtrain.evaluation.mixed.fit import FORMULA
from cogtrain.evaluation.mixed.r_script import COLUMNS, R_SCRIPT

GOLDEN = Path(__file__).parent / "mixed.R"
CODE = re.sub(r"#[^\n]*", "", R_SCRIPT)
BARE = re.sub(r'"[^"\n]*"', '""', CODE)


def test_the_text_is_the_one_that_was_run():
    assert GOLDEN.read_text(encoding="utf-8") == R_SCRIPT


def test_brackets_and_quotes_are_balanced():
    closing, waiting = {")": "(", "]": "[", "}": "{"}, []
    for letter in BARE:
        if letter in closing.values():
            waiting.append(letter)
        elif letter in closing:
            assert waiting.pop() == closing[letter]
    assert waiting == []
    assert CODE.count('"') % 2 == 0
    assert R_SCRIPT.isascii()


def test_it_reads_the_columns_that_are_written():
    classes = re.search(r"colClasses = c\((.*?)\)", CODE, re.DOTALL)
    assert classes is not None
    assert tuple(re.findall(r"(\w+) = ", classes[1])) == COLUMNS
    used = re.findall(r"\b(?:rows|trials)\$(\w+)", CODE)
    assert {"model", "trials", "family", "analysis"} == set(used)
    described = re.findall(r"^#   (\w+)  ", R_SCRIPT, re.MULTILINE)
    assert tuple(described) == COLUMNS


@pytest.mark.parametrize("outcome", ["model", "cbind(model, trials - model)"])
def test_it_fits_the_formula(outcome):
    assert outcome + FORMULA.removeprefix("model") in CODE
    assert "model | trials(trials)" + FORMULA.removeprefix("model") in CODE

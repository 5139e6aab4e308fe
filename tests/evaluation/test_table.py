import math

from cogtrain.evaluation.table import format_scores, format_table, markdown
from cogtrain.metrics import Estimate

RESULTS = {
    "towers": {"accuracy": Estimate(0.891, 0.86, 0.916, 500, 0.5)},
    "photos": {
        "accuracy": Estimate(0.58, 0.4821, 0.6720, 100, 0.5),
        "spearman": Estimate(math.nan, n=100, chance=0.0, reason="the observer is constant"),
        "error_consistency": Estimate(-0.021, -0.115, 0.087, 100, 0.0),
        "error_consistency_ceiling": Estimate(0.246, 0.192, 0.301, 100, 0.0),
        "human_accuracy": Estimate(0.6561, 0.6, 0.7, 100, 0.5),
        "human_majority_accuracy": Estimate(0.73, 0.64, 0.81, 100, 0.5),
    },
}

TABLE = """\
set     metric                 value      95 % interval   chance    n  human
------  -----------------  ---------  -----------------  -------  ---  --------------------------
towers  accuracy             89.10 %     [86.00, 91.60]  50.00 %  500  -
photos  accuracy             58.00 %     [48.21, 67.20]  50.00 %  100  65.61 % (majority 73.00 %)
photos  spearman           undefined                  -   0.0000  100  -
photos  error_consistency    -0.0210  [-0.1150, 0.0870]   0.0000  100  0.2460 [0.1920, 0.3010]
photos, spearman: the observer is constant"""


def test_the_final_table_of_a_run():
    assert format_table(RESULTS) == TABLE


def test_several_observers():
    text = format_scores({("tiny", "photos"): {"accuracy": Estimate(0.5, n=3)}})
    assert text.splitlines()[2].split() == [
        "tiny", "photos", "accuracy", "50.00", "%", "-", "-", "3", "-",
    ]  # fmt: skip


def test_figures_of_people_alone_have_their_own_rows():
    text = format_table({"photographs": {"human_accuracy": Estimate(0.6561, n=100)}})
    assert "human_accuracy  65.61 %" in text


def test_nothing_is_a_header():
    assert format_table({}).splitlines()[0].startswith("set")


def test_markdown_escapes_what_would_break_a_row():
    assert markdown(("set", "n"), [["a|b", "1"]]).splitlines()[-1] == "| a\\|b | 1 |"

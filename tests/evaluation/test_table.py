import math

from cogtrain.evaluation.table import format_scores, format_table, markdown
from cogtrain.metrics import Estimate

RESULTS = {
    "tower-small": {"accuracy": Estimate(0.891, 0.86, 0.916, 500, 0.5)},
    "photographs": {
        "accuracy": Estimate(0.58, 0.4821, 0.6720, 100, 0.5),
        "spearman": Estimate(math.nan, n=100, chance=0.0, reason="the observer is constant"),
        "error_consistency": Estimate(-0.021, -0.115, 0.087, 100, 0.0),
        "error_consistency_ceiling": Estimate(0.246, 0.192, 0.301, 100, 0.0),
        "human_accuracy": Estimate(0.6561, 0.6, 0.7, 100, 0.5),
        "human_majority_accuracy": Estimate(0.73, 0.64, 0.81, 100, 0.5),
    },
}

TABLE = """\
set          metric                 value    95 % interval  chance    n  human
-----------  -----------------  ---------  ---------------  ------  ---  ------------------------
tower-small  accuracy              89.1 %     [86.0, 91.6]  50.0 %  500  -
photographs  accuracy              58.0 %     [48.2, 67.2]  50.0 %  100  65.6 % (majority 73.0 %)
photographs  spearman           undefined                -   0.000  100  -
photographs  error_consistency     -0.021  [-0.115, 0.087]   0.000  100  0.246 [0.192, 0.301]
photographs, spearman: the observer is constant"""


def test_the_final_table_of_a_run():
    assert format_table(RESULTS) == TABLE


def test_several_observers():
    text = format_scores({("tiny", "photographs"): {"accuracy": Estimate(0.5, n=3)}})
    assert text.splitlines()[2].split() == [
        "tiny", "photographs", "accuracy", "50.0", "%", "-", "-", "3", "-",
    ]  # fmt: skip


def test_figures_of_people_alone_have_their_own_rows():
    text = format_table({"photographs": {"human_accuracy": Estimate(0.6561, n=100)}})
    assert "human_accuracy  65.6 %" in text


def test_nothing_is_a_header():
    assert format_table({}).splitlines()[0].startswith("set")


def test_markdown_escapes_what_would_break_a_row():
    assert markdown(("set", "n"), [["a|b", "1"]]).splitlines()[-1] == "| a\\|b | 1 |"

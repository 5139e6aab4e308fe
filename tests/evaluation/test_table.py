import math

from cogtrain.evaluation.table import (
    Difference,
    format_comparisons,
    format_scores,
    format_table,
    markdown,
)
from cogtrain.metrics import Estimate
from cogtrain.metrics.calibration import CHOICES_ONLY

NO_P = (math.nan, math.nan)

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


SCORES = """\
accuracy

observer  set     metric      value   95 % interval   chance      p   Holm    n  human
tiny      photos  accuracy  58.00 %  [48.21, 67.20]  50.00 %  0.012  0.024  100  65.61 %

alignment with people

observer  set     metric             value    95 % interval      chance  p  Holm  n    human
tiny      photos  error_consistency  -0.0210  [-0.1150, 0.0870]  0.0000  -  -     100  0.2460 [0.1920, 0.3010]
tiny      photos  - attainable                [-0.5000, 0.9000]          -  -     100  -

people

set     metric      value   95 % interval     chance  n
photos  split_half  0.9800  [0.9700, 0.9900]  -       100

tiny photos, brier, log_loss: choices, not probabilities: all answers are 0 or 1"""  # noqa: E501


def test_scores_are_grouped_with_what_people_reach_beside():
    choices = Estimate(math.nan, n=100, reason=CHOICES_ONLY)
    people = RESULTS["photos"]
    estimates = {
        "accuracy": people["accuracy"],
        "brier": choices,
        "log_loss": choices,
        "error_consistency": people["error_consistency"],
        "error_consistency_lowest": Estimate(-0.5, n=100),
        "error_consistency_highest": Estimate(0.9, n=100),
        "error_consistency_ceiling": people["error_consistency_ceiling"],
        "human_accuracy": people["human_accuracy"],
        "split_half": Estimate(0.98, 0.97, 0.99, 100),
    }
    place = ("tiny", "photos")
    text = format_scores({place: estimates}, {place: {"accuracy": (0.012, 0.024)}})
    lines = [line.split() for line in text.splitlines() if "---" not in line]
    assert lines == [line.split() for line in SCORES.splitlines()]


def test_a_difference_has_one_line_and_its_reason_below():
    fine = Difference("", ("a", "b"), "accuracy", Estimate(0.1, 0.02, 0.2, 50, 0.0), (0.01, 0.02))
    none = Difference("", ("a", "b"), "d_prime", Estimate(math.nan, n=50, reason="why"), NO_P)
    lines = format_comparisons([fine, none]).splitlines()
    assert lines[0] == "paired differences, the same stimuli"
    assert lines[4].startswith("a - b ")
    assert "10.00 %" in lines[4]
    assert lines[5].split()[-4:] == ["-", "-", "-", "50"]
    assert lines[6] == "a - b, d_prime: why"
    assert format_comparisons([]) == ""


def test_figures_of_people_alone_have_their_own_rows():
    text = format_table({"photographs": {"human_accuracy": Estimate(0.6561, n=100)}})
    assert "human_accuracy  65.61 %" in text


def test_nothing_is_a_header():
    assert format_table({}).splitlines()[0].startswith("set")


def test_markdown_escapes_what_would_break_a_row():
    assert markdown(("set", "n"), [["a|b", "1"]]).splitlines()[-1] == "| a\\|b | 1 |"

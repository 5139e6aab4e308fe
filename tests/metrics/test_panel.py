import numpy as np
import pandas as pd
import pytest

from cogtrain.judgments import Judgments
from cogtrain.metrics import Panel
from cogtrain.metrics.panel import in_key_order


def test_lays_answers_out_and_leaves_gaps():
    people = Judgments(
        pd.DataFrame(
            {
                "observer_id": ["a", "b", "b", "b"],
                "stimulus_id": ["x", "y", "x", "z"],
                "response": ["yes", "no", "yes", None],
            }
        )
    )
    panel = Panel.from_judgments(people)
    assert panel.observers == ("a", "b")
    assert panel.stimuli == ("x", "y", "z")
    np.testing.assert_array_equal(panel.answers, [[1, np.nan, np.nan], [1, 0, np.nan]])
    np.testing.assert_array_equal(panel.proportion, [1, 0, np.nan])
    np.testing.assert_array_equal(
        panel.at(["y", "new", "x"]), [[np.nan, np.nan, 1], [0, np.nan, 1]]
    )


def test_two_questions_at_once_are_refused():
    both = [
        Judgments.from_model("m", ["x"], [0.5], question=question) for question in ("one", "two")
    ]
    with pytest.raises(ValueError, match="several of `m` to `x`; select one set and one question"):
        Panel.from_judgments(Judgments.concat(both))


def test_key_order_does_not_depend_on_the_order_given():
    names = [str(number) for number in range(50)]
    assert in_key_order(names) == in_key_order(names[::-1])
    assert in_key_order(names) != names

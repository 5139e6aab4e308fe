import pytest

from cogtrain.evaluation.axis import Declared, axis_of

SMALL = Declared.of({"name": "small", "factors": {"size": "small"}})


@pytest.mark.parametrize(
    ("recipe", "question", "axis"),
    [
        ({"factors": {"size": "small"}}, "will_fall", "same"),
        ({"factors": {"size": "large"}}, "will_fall", "size"),
        ({"factors": {"size": "small"}, "style": "wood"}, "will_fall", "looks"),
        ({"factors": {"size": "large"}, "style": "wood"}, "will_fall", "looks"),
        ({"task": "pyramid", "style": "wood"}, "will_fall_if_removed", "domain"),
        ({"factors": {"size": "small"}}, "block_count", "perception"),
        ({}, "will_fall", "size"),
    ],
)
def test_the_furthest_difference_counts(recipe, question, axis):
    assert axis_of([SMALL], Declared.of({"name": "t"} | recipe), question) == axis


def test_of_several_trained_sets_the_nearest_counts():
    large = Declared.of({"name": "large", "factors": {"size": "large"}})
    assert axis_of([SMALL, large], large, "will_fall") == "same"


def test_photographs_look_different():
    photographs = Declared.of_photographs({"table": "t.csv"})
    assert axis_of([SMALL], photographs, "will_fall") == "looks"


def test_a_base_has_no_axis():
    assert axis_of([], SMALL, "will_fall") == ""


@pytest.mark.parametrize("trained", [[], [SMALL]])
@pytest.mark.parametrize("question", ["will_fall", "block_count"])
def test_a_control_is_one_whoever_is_asked(trained, question):
    blank = SMALL.under("blank")
    assert blank.name == "small~blank"
    assert axis_of(trained, blank, question) == "control"

import pytest

from cogtrain._core import Question, Task

KINDS = {
    "will_fall": ("physics", "binary", 2),
    "will_fall_if_removed": ("causal", "binary", 2),
    "fall_count_if_removed": ("causal", "count", 20),
    "background_color": ("perception", "choice", 5),
    "block_count": ("perception", "count", 20),
    "colors_top_to_bottom": ("perception", "sequence", 8),
    "has_red_block": ("perception", "binary", 2),
    "red_block_row": ("perception", "choice", 8),
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_a_question_says_what_it_probes_and_how_it_is_answered(name, kind):
    question = Question(name)
    assert question.name == name
    assert (question.domain, question.scale, len(question.options)) == kind
    assert repr(question) == f'Question("{name}")'


def test_all_questions_are_listed():
    assert Question.names() == list(KINDS)


def test_counts_are_whole_numbers_in_order():
    assert Question("block_count").options == [str(number) for number in range(20)]


def test_a_question_is_a_value():
    assert Question("will_fall") == Question("will_fall") != Question("block_count")
    assert len({Question("will_fall"), Question("will_fall")}) == 1


def test_an_unknown_question_names_the_nearest():
    with pytest.raises(ValueError, match=r"`block_cout`.*`block_count`"):
        Question("block_cout")


@pytest.mark.parametrize("task", Task.names())
def test_the_questions_of_a_task_have_their_own_options(task):
    for name, options in Task(task).questions.items():
        assert options == Question(name).options

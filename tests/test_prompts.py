import doctest
import subprocess
import sys

import pytest

from cogtrain import prompts


def test_default_wording_is_the_laboratorys_own():
    assert prompts.question_text("will_fall") == (
        "Will this block tower fall? Give a boolean answer."
    )


def test_yes_comes_before_no_and_every_form_begins_an_answer():
    forms = prompts.answer_forms("will_fall")
    assert list(forms) == ["yes", "no"]
    assert forms["yes"] == ("Yes", "yes", " Yes", " yes")
    assert forms["no"] == ("No", "no", " No", " no")


def test_forms_of_different_options_never_meet():
    for question in prompts.questions():
        forms = [form for option in prompts.answer_forms(question).values() for form in option]
        assert len(forms) == len(set(forms))


def test_chat_shows_the_image_before_the_text():
    (message,) = prompts.chat("will_fall")
    assert message["role"] == "user"
    assert message["content"] == [
        {"type": "image"},
        {"type": "text", "text": prompts.question_text("will_fall")},
    ]


def test_answers_given_out_cannot_change_the_words():
    prompts.answer_forms("will_fall").clear()
    prompts.chat("will_fall").clear()
    assert prompts.answer_forms("will_fall")
    assert prompts.chat("will_fall")


@pytest.mark.parametrize("function", [prompts.question_text, prompts.answer_forms, prompts.chat])
def test_unknown_question_names_the_nearest(function):
    with pytest.raises(ValueError, match=r"got `wil_fal`; did you mean `will_fall`\?"):
        function("wil_fal")


def test_needs_no_torch():
    code = "import sys, cogtrain.prompts, cogtrain.models.checkpoint; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_examples_in_the_documentation():
    result = doctest.testmod(prompts)
    assert result.attempted > 0
    assert result.failed == 0

import doctest
import itertools
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogtrain import prompts
from cogtrain._core import Question
from cogtrain.prompts import counterbalance
from cogtrain.prompts.wordings import WORDINGS

TASKS = ("tower", "pyramid")
FOR_PEOPLE = ("laboratory", "instructions-pyramid")
EVERY = [(question, wording) for question, each in WORDINGS.items() for wording in each]
CHOSEN = [pair for pair in EVERY if Question(pair[0]).scale != "sequence"]
IDS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60, unique=True)


def names(pair):
    return f"{pair[0]}-{pair[1].id}"


# --- words ----------------------------------------------------------------------------------------


def test_every_question_has_words_and_nothing_else_has():
    assert sorted(prompts.questions()) == sorted(Question.names())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("question", Question.names())
def test_every_task_has_three_wordings_and_one_for_people(question, task):
    fitting = prompts.wordings(question, task)
    assert sum(not wording.is_reversed for wording in fitting) >= 3
    assert sum(wording.is_for_people for wording in fitting) == 1
    assert prompts.wording(question, task=task).is_for_people
    assert prompts.wording(question, task=task).fits(task)


@pytest.mark.parametrize("question", Question.names())
def test_ids_and_texts_of_a_question_are_different(question):
    each = prompts.wordings(question)
    assert len({wording.id for wording in each}) == len(each)
    assert len({wording.text for wording in each}) == len(each)
    assert {wording.id for wording in each}.isdisjoint({prompts.PEOPLE, prompts.COUNTERBALANCED})


def test_default_wording_of_towers_is_the_laboratorys_own():
    assert prompts.question_text("will_fall") == (
        "Will this block tower fall? Give a boolean answer."
    )


def test_default_wording_of_pyramids_is_that_of_the_later_study():
    found = prompts.wording("will_fall", task="pyramid")
    assert found.text == (
        "You are now viewing a pyramid of blocks. Will any of the blocks fall? Answer Yes if you "
        "think that at least one block will fall. Answer No if you think that no blocks will fall."
    )
    assert "not confirmed" in found.source


@pytest.mark.parametrize("pair", EVERY, ids=names)
def test_only_binary_questions_can_be_reversed(pair):
    question, wording = pair
    assert not wording.is_reversed or Question(question).options == ["yes", "no"]
    assert wording.is_reversed == (wording.id == "reversed")


def test_a_menu_in_the_text_is_the_menu_of_the_answers():
    text = prompts.question_text("background_color", "menu")
    listed = re.search(r": (.*)\?", text)[1].replace(" or ", ", ").split(", ")
    assert listed == Question("background_color").options


def test_chat_shows_the_image_before_the_text():
    (message,) = prompts.chat("will_fall", "plain")
    assert message["role"] == "user"
    assert message["content"] == [
        {"type": "image"},
        {"type": "text", "text": prompts.question_text("will_fall", "plain")},
    ]


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", CHOSEN, ids=names)
def test_options_keep_their_order_and_their_forms_never_meet(pair):
    question, wording = pair
    forms = prompts.answer_forms(question, wording.id)
    assert list(forms) == Question(question).options
    written = list(itertools.chain.from_iterable(forms.values()))
    assert len(written) == len(set(written))
    assert all(form.strip() for form in written)


def test_yes_comes_before_no_and_every_form_begins_an_answer():
    forms = prompts.answer_forms("will_fall")
    assert list(forms) == ["yes", "no"]
    assert forms["yes"] == ("Yes", "yes", " Yes", " yes")
    assert forms["no"] == ("No", "no", " No", " no")


def test_a_reversed_wording_turns_the_words_round_and_not_the_options():
    usual, turned = (prompts.answer_forms("will_fall", name) for name in ("plain", "reversed"))
    assert list(turned) == ["yes", "no"]
    assert (turned["yes"], turned["no"]) == (usual["no"], usual["yes"])


def test_numbers_and_colours_have_their_other_spellings():
    count, color = (prompts.answer_forms(name) for name in ("block_count", "background_color"))
    assert count["3"] == ("3", " 3", "Three", "three", " Three", " three")
    assert "grey" in color["gray"]
    assert "Grey" in color["gray"]
    assert prompts.answer_forms("red_block_row")["none"] == ("None", "none", " None", " none")


def test_a_sequence_is_no_choice():
    with pytest.raises(ValueError, match="got `colors_top_to_bottom`, which is answered by a seq"):
        prompts.answer_forms("colors_top_to_bottom")


def test_answers_given_out_cannot_change_the_words():
    prompts.answer_forms("will_fall").clear()
    prompts.chat("will_fall").clear()
    assert prompts.answer_forms("will_fall")
    assert prompts.chat("will_fall")


@pytest.mark.parametrize("function", [prompts.question_text, prompts.answer_forms, prompts.chat])
def test_unknown_question_names_the_nearest(function):
    with pytest.raises(ValueError, match=r"got `wil_fal`; did you mean `will_fall`\?"):
        function("wil_fal")


def test_unknown_wording_names_the_nearest():
    with pytest.raises(ValueError, match=r"got `plane`; did you mean `plain`\?"):
        prompts.question_text("will_fall", "plane")


def test_a_wording_of_another_task_is_refused():
    with pytest.raises(ValueError, match=r"task `tower` .*got `instructions-pyramid`; did you me"):
        prompts.wording("will_fall", "instructions-pyramid", task="tower")


# --- counterbalancing -----------------------------------------------------------------------------


@given(IDS, st.randoms())
def test_wordings_are_dealt_evenly_whatever_the_order(ids, random):
    fitting = prompts.wordings("block_count")
    dealt = prompts.deal("block_count", ids, fitting)
    counts = Counter(wording.id for wording in dealt.values())
    assert sum(counts.values()) == len(ids)
    every = [counts[wording.id] for wording in fitting]
    assert max(every) - min(every) <= 1
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert prompts.deal("block_count", shuffled, fitting) == dealt


def test_wordings_do_not_run_along_with_position_or_question():
    ids = [f"{number:04d}" for number in range(3000)]
    names = ("block_count", "background_color")
    placed = [
        [dealt[one].id for one in ids]
        for dealt in (prompts.deal(name, ids, prompts.wordings(name)) for name in names)
    ]
    for period in (2, 3, 6):  # factors that alternate with the position
        first = Counter(placed[0][::period])
        assert max(first.values()) - min(first.values()) < 5 * (1000 / period) ** 0.5
    cells = Counter(zip(*placed, strict=True))
    assert len(cells) == 9
    assert max(cells.values()) - min(cells.values()) < 5 * 333**0.5


def test_a_choice_is_the_same_whenever_it_is_asked():
    ids = [str(number) for number in range(60)]
    first, second = (
        prompts.choice(prompts.COUNTERBALANCED, task="pyramid", ids=lambda: ids) for _ in range(2)
    )
    forth = [first("will_fall", one) for one in ids]
    assert forth == [second("will_fall", one) for one in reversed(ids)][::-1]
    assert Counter(forth) == {"instructions-pyramid": 20, "plain": 20, "untouched": 20}


@pytest.mark.parametrize(("task", "expected"), zip(TASKS, FOR_PEOPLE, strict=True))
def test_people_are_asked_in_the_wording_of_the_task(task, expected):
    assert prompts.choice(prompts.PEOPLE, task=task)("will_fall", "any") == expected


def test_one_wording_needs_no_ids():
    def never():
        raise AssertionError

    assert prompts.choice("plain", ids=never)("will_fall", "any") == "plain"


def test_needs_no_torch():
    code = "import sys, cogtrain.prompts, cogtrain.models.checkpoint; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize("module", [prompts, counterbalance])
def test_examples_in_the_documentation(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0

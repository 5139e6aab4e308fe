"""All English that a model reads: questions as chat messages, and the words of each answer.

Every question has several wordings. One of them, `PEOPLE`, is the one that people are asked in and
models by default; `COUNTERBALANCED` deals them out over the stimuli of a set. The default wording
of ``will_fall`` is the one that the same laboratory put to models in its earlier study of block
towers; whether its fine-tuning study used it too is not known (those prompts are not published).
"""

from collections.abc import Callable, Sequence
from typing import Any

from cogtrain._core import Question
from cogtrain.complaint import nearest
from cogtrain.prompts.counterbalance import COUNTERBALANCED, Choice, deal
from cogtrain.prompts.forms import forms_of
from cogtrain.prompts.wordings import WORDINGS, Wording

__all__ = [
    "COUNTERBALANCED",
    "PEOPLE",
    "Choice",
    "Wording",
    "answer_forms",
    "chat",
    "choice",
    "deal",
    "question_text",
    "questions",
    "wording",
    "wordings",
]

PEOPLE = "people"
_TASK = "tower"  # whose wording for people is meant where no task is named


def questions() -> tuple[str, ...]:
    """Names of all questions that have words.

    >>> questions()[0]
    'will_fall'
    """
    return tuple(WORDINGS)


def wordings(question: str, task: str | None = None) -> tuple[Wording, ...]:
    """All wordings of ``question``, or those that fit images of ``task``.

    Raises:
        ValueError: For a question without words; the message names the nearest one that has some.

    >>> [wording.id for wording in wordings("will_fall", "pyramid")]
    ['instructions-pyramid', 'plain', 'untouched', 'reversed']
    """
    if question not in WORDINGS:
        near = nearest(question, WORDINGS)
        advice = f"did you mean `{near}`?" if near else "see `cogtrain.prompts.questions()`"
        raise ValueError(
            f"expected a question with words ({', '.join(WORDINGS)}), got `{question}`; {advice}"
        )
    return tuple(each for each in WORDINGS[question] if each.fits(task))


def wording(question: str, name: str = PEOPLE, *, task: str | None = None) -> Wording:
    """One wording of ``question``.

    Args:
        question: Its name.
        name: Id of a wording, or ``people`` for the one that people are asked in.
        task: Whose images are shown; left out, any id will do, and people see towers.

    Raises:
        ValueError: For a question without words, or a wording that it does not have for ``task``.

    >>> wording("will_fall", task="pyramid").id
    'instructions-pyramid'
    """
    if name == PEOPLE:
        fitting = wordings(question, task or _TASK)
        found = [each for each in fitting if each.is_for_people]
    else:
        fitting = wordings(question, task)
        found = [each for each in fitting if each.id == name]
    if not found:
        known = [PEOPLE, *(each.id for each in fitting)]
        where = f" on images of task `{task}`" if task else ""
        raise ValueError(
            f"expected a wording of `{question}`{where} ({', '.join(known)}), got `{name}`; "
            f"did you mean `{nearest(name, known) or known[-1]}`?"
        )
    return found[0]


def choice(
    name: str, *, task: str | None = None, ids: Callable[[], Sequence[str]] = tuple
) -> Choice:
    """How the stimuli of a set are asked: ``(question, stimulus id) -> id of a wording``.

    Args:
        name: Id of a wording, ``people``, or ``counterbalanced``: all wordings that fit ``task``,
            equally often within the set; reversed ones are left out, because mixed in they would
            tie the answer's words to the wording.
        task: Whose images the set shows.
        ids: Gives all ids of the set.

    >>> asked_in = choice("counterbalanced", ids=lambda: ["a", "b", "c"])
    >>> len({asked_in("block_count", one) for one in "abc"})
    3
    """

    def among(question: str) -> Sequence[Wording]:
        if name == COUNTERBALANCED:
            fitting = wordings(question, task or _TASK)
            return [each for each in fitting if not each.is_reversed]
        return [wording(question, name, task=task)]

    return Choice(among, ids)


def question_text(question: str, name: str = PEOPLE, *, task: str | None = None) -> str:
    """Text that is put to the model for ``question``; arguments and errors are `wording`'s.

    >>> question_text("will_fall")
    'Will this block tower fall? Give a boolean answer.'
    """
    return wording(question, name, task=task).text


def answer_forms(question: str, name: str = PEOPLE) -> dict[str, tuple[str, ...]]:
    """Options of ``question`` in their fixed order, each with every surface form that counts as it.

    A model's belief in an option is the summed probability of its forms, so that "Yes" and " yes"
    are one answer. To a reversed wording, the option `no` is said as "Yes".

    Raises:
        ValueError: For a question or wording without words, or one answered by a sequence.

    >>> answer_forms("will_fall")["yes"]
    ('Yes', 'yes', ' Yes', ' yes')
    >>> answer_forms("will_fall", "reversed")["yes"]
    ('No', 'no', ' No', ' no')
    """
    chosen = wording(question, name)
    return forms_of(Question(question), chosen)


def chat(
    question: str, name: str = PEOPLE, *, task: str | None = None, has_image: bool = True
) -> list[dict[str, Any]]:
    """Messages in the Hugging Face chat format: one user turn, the image first and then the text.

    Without an image there is only the text. Other arguments and errors are `wording`'s.

    >>> [part["type"] for part in chat("will_fall")[0]["content"]]
    ['image', 'text']
    """
    text = {"type": "text", "text": question_text(question, name, task=task)}
    return [{"role": "user", "content": [{"type": "image"}, text] if has_image else [text]}]

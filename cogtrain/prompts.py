"""All English that a model reads: questions as chat messages, and the words of each answer.

The default wording of ``will_fall`` is the one that the same laboratory put to models in its
earlier study of block towers; whether its fine-tuning study used it too is not known (those prompts
are not published), so the wording is a stated choice, kept in this one place.

Source: Schulze Buschoff et al., "Visual cognition in multimodal large language models", Nature
Machine Intelligence 7 (2025), tower task.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """Words of one question: the text that is asked, and the forms of every answer option."""

    text: str
    forms: Mapping[str, tuple[str, ...]]


def _word_forms(word: str) -> tuple[str, ...]:
    """Capitalised and lower case, bare and after a space: how a model may begin its answer."""
    return (word.capitalize(), word, " " + word.capitalize(), " " + word)


_YES_NO = MappingProxyType({option: _word_forms(option) for option in ("yes", "no")})

_PROMPTS: Mapping[str, Prompt] = MappingProxyType(
    {"will_fall": Prompt("Will this block tower fall? Give a boolean answer.", _YES_NO)}
)


def questions() -> tuple[str, ...]:
    """Names of all questions that have words.

    >>> questions()
    ('will_fall',)
    """
    return tuple(_PROMPTS)


def question_text(question: str) -> str:
    """Text that is put to the model for ``question``.

    Raises:
        ValueError: For a question without words; the message names the nearest one that has some.

    >>> question_text("will_fall")
    'Will this block tower fall? Give a boolean answer.'
    """
    return _prompt(question).text


def answer_forms(question: str) -> dict[str, tuple[str, ...]]:
    """Options of ``question`` in their fixed order, each with every surface form that counts as it.

    A model's belief in an option is the summed probability of its forms, so that "Yes" and " yes"
    are one answer.

    Raises:
        ValueError: For a question without words; the message names the nearest one that has some.

    >>> answer_forms("will_fall")["yes"]
    ('Yes', 'yes', ' Yes', ' yes')
    """
    return dict(_prompt(question).forms)


def chat(question: str) -> list[dict[str, Any]]:
    """Messages in the Hugging Face chat format: one user turn, the image first and then the text.

    Raises:
        ValueError: For a question without words; the message names the nearest one that has some.

    >>> [part["type"] for part in chat("will_fall")[0]["content"]]
    ['image', 'text']
    """
    parts = [{"type": "image"}, {"type": "text", "text": question_text(question)}]
    return [{"role": "user", "content": parts}]


def _prompt(question: str) -> Prompt:
    if question in _PROMPTS:
        return _PROMPTS[question]
    near = difflib.get_close_matches(question, _PROMPTS, n=1, cutoff=0.0)
    advice = f"did you mean `{near[0]}`?" if near else "see `cogtrain.prompts.questions()`"
    raise ValueError(
        f"expected a question with words ({', '.join(_PROMPTS)}), got `{question}`; {advice}"
    )

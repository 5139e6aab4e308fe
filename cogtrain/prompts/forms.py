"""How an answer may be written: the surface forms of every option."""

from cogtrain._core import Question
from cogtrain.prompts.wordings import Wording

# fmt: off
_NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven",
    "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen",
)
# fmt: on
_OTHER_WORDS = {"gray": ("grey",), "0": ("none",)}


def forms_of(question: Question, wording: Wording) -> dict[str, tuple[str, ...]]:
    """Options of ``question`` in their fixed order, each with the forms that mean it.

    In a reversed wording, the words of an option are those of its opposite.

    Raises:
        ValueError: If the question is answered by a sequence, which is no choice among options.
    """
    if question.scale == "sequence":
        raise ValueError(
            f"expected a question that is answered by one of its options, got `{question.name}`, "
            "which is answered by a sequence; leave it out"
        )
    options = question.options
    written = reversed(options) if wording.is_reversed else options
    return {option: _forms(word) for option, word in zip(options, written, strict=True)}


def _forms(option: str) -> tuple[str, ...]:
    words = _OTHER_WORDS.get(option, ())
    if option.isdigit():
        number = _NUMBER_WORDS[int(option)]
        return (option, " " + option, *(form for word in (number, *words) for form in _cased(word)))
    return tuple(form for word in (option, *words) for form in _cased(word))


def _cased(word: str) -> tuple[str, ...]:
    """Capitalised and lower case, bare and after a space: how a model may begin its answer."""
    return (word.capitalize(), word, " " + word.capitalize(), " " + word)

"""Answers: what the responses of an export mean, by question and never by guess."""

from typing import NamedTuple

import numpy as np

from cogtrain._core import Question
from cogtrain.people.cell import number, spelled
from cogtrain.people.reading import Reading
from cogtrain.people.trial import Trial
from cogtrain.responses import is_missing, parse_responses

_ADVICE = (
    "correct it, say what it means by `answers`, or where the scale of a rating ends by `scale_max`"
)


class Answer(NamedTuple):
    """One response in the judgments table's own form.

    Attributes:
        text: The chosen option, a number, or a rating as it was written; `None` without an answer.
        probability: A rating from 0 to 1; `nan` for everything else.
        scale: `binary`, `choice`, `count`, `sequence` or `rating`.
    """

    text: str | None
    probability: float
    scale: str


class Reader:
    """Reads responses as `reading` says; each different one once.

    Args:
        reading: Options, scales, and what the export writes for the answers.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._answers = {
            question: {spelled(written): spelled(answer) for written, answer in answers.items()}
            for question, answers in reading.answers.items()
        }
        self._known: dict[tuple[str, str, str], Answer] = {}

    def answer(self, trial: Trial) -> Answer:
        """What the response of `trial` means.

        Raises:
            ValueError: If that is not known: a response that is none of the answers, a rating
                outside its scale or without one, a button that nobody said the meaning of.
        """
        key = (trial.question, trial.device, trial.response)
        if key not in self._known:
            self._known[key] = self._read(trial)
        return self._known[key]

    def word(self, trial: Trial, text: str) -> str | None:
        """The answer to the question of `trial` that `text` is, written by its words.

        Raises:
            ValueError: If it is none.
        """
        key = (trial.question, "truth", text)
        if key not in self._known:
            self._known[key] = self._parsed(trial, text)
        return self._known[key].text

    def _read(self, trial: Trial) -> Answer:
        rated = self._reading.rating(trial.question) is not None
        return self._parsed(trial, self._meant(trial, rated=rated))

    def _parsed(self, trial: Trial, text: str) -> Answer:
        scale = self._reading.rating(trial.question)
        if scale is not None:
            return _rating(text, scale, trial)
        options, kind = _menu(trial.question, self._reading)
        parsed = parse_responses(
            [text],
            options=options,
            scale=kind,
            rows=[trial.row - 1],
            where=trial.source,
            advice=_ADVICE,
        )
        if parsed.scale == "rating":
            raise _unscaled(trial)
        return Answer(parsed.text[0], float(parsed.probability[0]), parsed.scale)

    def _meant(self, trial: Trial, *, rated: bool) -> str:
        """The response by the words of the answers."""
        answers = self._answers.get(trial.question)
        if answers is None or (is_missing(trial.response) and trial.response not in answers):
            self._require_meaning(trial, rated=rated)
            return trial.response
        meant = answers.get(trial.response)
        if meant is None:
            meant = answers.get(_whole(trial.response))
        if meant is None:
            raise ValueError(
                f"expected one of {', '.join(answers)} in {trial.place}, got {trial.response!r}; "
                f"add it to `answers` of `{trial.question}`"
            )
        return meant

    def _require_meaning(self, trial: Trial, *, rated: bool) -> None:
        """Raises a `ValueError` for the number of a button, or a slider's, that says nothing."""
        if is_missing(trial.response) or rated:
            return
        if trial.device == "button":
            raise ValueError(
                f"expected to be told what button {trial.response} means in {trial.place}, got "
                f"no `answers` to `{trial.question}`; say {{{trial.question}: "
                f'{{"{trial.response}": ...}}}}, buttons count from 0'
            )
        if trial.device == "slider" and _menu(trial.question, self._reading)[1] != "count":
            raise _unscaled(trial)


def _menu(question: str, reading: Reading) -> tuple[list[str], str | None]:
    """Options and scale of a question: those given, its own, or yes and no."""
    scale = reading.scale.get(question)
    if question in reading.options:
        return list(reading.options[question]), scale
    if question in Question.names() and scale is None:
        return Question(question).options, Question(question).scale
    return ["yes", "no"], scale


def _rating(text: str, scale: tuple[float, float], trial: Trial) -> Answer:
    if is_missing(text):
        return Answer(None, np.nan, "rating")
    bottom, top = scale
    value = number(text)
    if not bottom <= value <= top:
        raise ValueError(
            f"expected a rating from {bottom:g} to {top:g} in {trial.place}, got {text!r}; correct "
            f"it, or say where the scale ends by `scale_max` of `{trial.question}`"
        )
    return Answer(text, (value - bottom) / (top - bottom), "rating")


def _unscaled(trial: Trial) -> ValueError:
    return ValueError(
        f"expected to be told where the scale of a rating ends, got {trial.response!r} in "
        f"{trial.place}; say `scale_max` {{{trial.question}: ...}}"
    )


def _whole(text: str) -> str:
    """A whole number without decimals: a column with a gap is stored as floats."""
    value = number(text)
    return str(int(value)) if value.is_integer() else text

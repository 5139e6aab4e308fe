"""Answers by forced choice: from logits at one position to the mass of each option.

An option's mass is the summed probability, in the model's full vocabulary, of the tokens that count
as it. Nothing is generated and nothing is parsed; what the model would rather have said is reported
as mass off the menu.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cogtrain import prompts
from cogtrain.models.sequences import SequenceBuilder


@dataclass(frozen=True, slots=True)
class OptionScores:
    """How much probability a model gives to each option of a question.

    Attributes:
        options: Names of the options, in the task's order.
        log_mass: ``(N, options)`` float32, log of the summed probability of the option's forms.
    """

    options: tuple[str, ...]
    log_mass: Tensor

    @property
    def log_probability(self) -> Tensor:
        """``(N, options)`` log of the probability among the options only: they sum to one."""
        return self.log_mass.log_softmax(dim=-1)

    @property
    def probability(self) -> Tensor:
        """``(N, options)`` probability among the options only."""
        return self.log_mass.softmax(dim=-1)

    @property
    def log_odds(self) -> Tensor:
        """``(N,)`` log-odds of the first option against all others together."""
        return self.log_mass[:, 0] - self.log_mass[:, 1:].logsumexp(dim=-1)

    @property
    def off_menu_mass(self) -> Tensor:
        """``(N,)`` probability of everything that is no form of any option, in [0, 1]."""
        return (-torch.expm1(self.log_mass.logsumexp(dim=-1))).clamp(0.0, 1.0)


def score(logits: Tensor, forms: Mapping[str, Tensor]) -> OptionScores:
    """Scores of the options from ``(N, vocabulary)`` logits at the answer position.

    Args:
        logits: In any floating type; the arithmetic is in float32.
        forms: Option to the ids of its tokens, on the logits' device.
    """
    logits = logits.float()
    total = logits.logsumexp(dim=-1, keepdim=True)
    mass = [logits[:, ids].logsumexp(dim=-1, keepdim=True) for ids in forms.values()]
    return OptionScores(tuple(forms), torch.cat(mass, dim=-1) - total)


def form_ids(builder: SequenceBuilder, question: str) -> dict[str, list[int]]:
    """Token ids of every option's forms, as they stand right after the prompt.

    Forms that take more than one token there are left out: their first token says too little.

    Raises:
        ValueError: If no form of an option is a single token, or one token counts for two options.
    """
    prompt = builder.text(question)
    ids = {
        option: sorted({one for form in forms for one in _single(builder, prompt, form)})
        for option, forms in prompts.answer_forms(question).items()
    }
    for option, found in ids.items():
        if not found:
            forms = prompts.answer_forms(question)[option]
            raise ValueError(
                f"expected a form of the option `{option}` that is a single token, got none among "
                f"{list(forms)} for the question `{question}`; use a model whose tokenizer has one"
            )
    _check_apart(question, ids)
    return ids


def _check_apart(question: str, ids: Mapping[str, list[int]]) -> None:
    owner: dict[int, str] = {}
    for option, found in ids.items():
        for one in found:
            if one in owner:
                raise ValueError(
                    f"expected options of `{question}` to be apart, got token {one} for both "
                    f"`{owner[one]}` and `{option}`; give them other forms"
                )
            owner[one] = option


def _single(builder: SequenceBuilder, prompt: str, form: str) -> list[int]:
    """The one id of ``form`` after ``prompt``, or nothing."""
    before, after = builder.ids(prompt), builder.ids(prompt + form)
    return after[-1:] if after[:-1] == before else []

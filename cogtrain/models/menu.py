"""Menu: the tokens that spell the options of a question, as a tree behind the prompt.

Most options have forms of one token. Some take several ("beige" here, "10" there), and a form may
begin another ("1" begins "10"). So a menu knows after which tokens a model must be read again, and
what of a form's probability belongs to longer forms of other options.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cogtrain import prompts

Path = tuple[int, ...]

# Longer spellings of an option are left out where it has a shorter one: words that a tokenizer
# knows only by their letters add next to no probability, and each letter is one more place to read.
_MOST_TOKENS = 3


class Speller(Protocol):
    """Turns prompts into text, and text into token ids."""

    def text(self, question: str, wording: str = ...) -> str:
        """Prompt of a question, up to where the answer begins."""
        ...

    def ids(self, text: str) -> list[int]:
        """Token ids of a text."""
        ...


@dataclass(frozen=True, slots=True)
class Menu:
    """Options of a question in one wording, as a tokenizer spells them.

    Attributes:
        options: Their names, in the question's order.
        paths: Per option the token sequences that mean it.
        branches: Beginnings of paths after which the next token must be read as well, the shorter
            ones first; the prompt itself, which always is read, is not listed.
    """

    options: tuple[str, ...]
    paths: tuple[tuple[Path, ...], ...]
    branches: tuple[Path, ...]

    def log_mass(self, logits: Tensor) -> Tensor:
        """Log probability of each option: of all texts that begin with one of its forms.

        A text that begins with forms of two options means the longer one.

        Args:
            logits: ``(N, 1 + branches, vocabulary)``, after the prompt and after each branch.

        Returns:
            ``(N, options)`` float32.
        """
        logits = logits.float()
        places = {branch: place for place, branch in enumerate(((), *self.branches))}
        steps = [*self.branches, *(path for paths in self.paths for path in paths)]
        place = [places[path[:-1]] for path in steps]
        # One look-up for all: its gradient is one tensor of the size of the logits, not one each.
        log_p = logits[:, place, [path[-1] for path in steps]]
        log_p = log_p - logits.logsumexp(dim=-1)[:, place]
        reached: dict[Path, Tensor] = {}
        for path, step in zip(steps, log_p.unbind(dim=-1), strict=True):
            reached[path] = reached[path[:-1]] + step if len(path) > 1 else step
        longer = _extensions(self.paths)
        exact = {
            path: _without(reached[path], [reached[one] for one in longer[path]]) for path in longer
        }
        mass = [torch.stack([exact[path] for path in paths], dim=-1) for paths in self.paths]
        return torch.stack([each.logsumexp(dim=-1) for each in mass], dim=-1)


def spell(speller: Speller, question: str, wording: str = prompts.PEOPLE) -> Menu:
    """Menu of ``question``, its forms as they stand right after the prompt.

    Raises:
        ValueError: If no form of an option can follow the prompt, or two options are spelled alike.
    """
    prompt = speller.text(question, wording)
    before = speller.ids(prompt)
    owners: dict[Path, str] = {}
    forms_of = prompts.answer_forms(question, wording)
    for option, forms in forms_of.items():
        spelled = [speller.ids(prompt + form) for form in forms]
        paths = {tuple(ids[len(before) :]) for ids in spelled if ids[: len(before)] == before}
        for path in _short(paths - {()}):
            if owners.setdefault(path, option) != option:
                raise ValueError(
                    f"expected options of `{question}` to be apart, got tokens {list(path)} for "
                    f"both `{owners[path]}` and `{option}`; give them other forms"
                )
        if not paths - {()}:
            raise ValueError(
                f"expected a form of the option `{option}` that can follow the prompt, got none "
                f"among {list(forms)} for the question `{question}`; use another tokenizer"
            )
    return _menu(tuple(forms_of), owners)


def _short(paths: set[Path]) -> list[Path]:
    most = max(_MOST_TOKENS, min(map(len, paths), default=0))
    return [path for path in paths if len(path) <= most]


def _menu(options: tuple[str, ...], owners: Mapping[Path, str]) -> Menu:
    kept: dict[Path, str] = {}
    for path in sorted(owners, key=lambda path: (len(path), path)):
        begun = _longest_beginning(path, kept)
        if begun is None or kept[begun] != owners[path]:  # else its beginning says it already
            kept[path] = owners[path]
    branches = {path[:end] for path in kept for end in range(1, len(path))}
    return Menu(
        options,
        tuple(tuple(path for path in kept if kept[path] == option) for option in options),
        tuple(sorted(branches, key=lambda path: (len(path), path))),
    )


def _extensions(paths: tuple[tuple[Path, ...], ...]) -> dict[Path, list[Path]]:
    """Per path the next longer ones that begin with it; by construction of other options."""
    every = {path: None for of_option in paths for path in of_option}
    longer: dict[Path, list[Path]] = {path: [] for path in every}
    for path in every:
        begun = _longest_beginning(path, every)
        if begun is not None:
            longer[begun].append(path)
    return longer


def _longest_beginning(path: Path, among: Mapping[Path, object]) -> Path | None:
    return next((path[:end] for end in range(len(path) - 1, 0, -1) if path[:end] in among), None)


def _without(whole: Tensor, parts: list[Tensor]) -> Tensor:
    """Log of the probability ``whole`` less that of its ``parts``, all of them logs ``(N,)``."""
    if not parts:
        return whole
    share = torch.stack(parts, dim=-1).logsumexp(dim=-1) - whole
    # Rounding may carry the share past 1, where the rest has no logarithm.
    return whole + torch.log(-torch.expm1(share.clamp(max=-1e-6)))

"""Answers by forced choice: from logits where an answer begins to the mass of each option.

An option's mass is the summed probability, in the model's full vocabulary, of the forms that count
as it. Nothing is generated and nothing is parsed; what the model would rather have said is reported
as mass off the menu.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cogtrain.models.menu import Menu


@dataclass(frozen=True, slots=True)
class OptionScores:
    """How much probability a model gives to each option of each item's question.

    Attributes:
        options: Per item the names of its options, in the question's order.
        log_mass: ``(N, most options)`` float32, log of the summed probability of the option's
            forms; minus infinity where an item has fewer options.
    """

    options: tuple[tuple[str, ...], ...]
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


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the hidden states of a batch are read, so that the output layer runs once.

    Attributes:
        menus: Menu of each item.
        groups: Menu to the items that have it.
        item: ``(M,)`` int64, items in the order of the groups, once per place that is read.
        offset: ``(M,)`` int64, tokens past the end of the item's prompt.
    """

    menus: tuple[Menu, ...]
    groups: dict[Menu, list[int]]
    item: Tensor
    offset: Tensor

    @classmethod
    def of(cls, menus: Sequence[Menu], device: torch.device) -> "Reading":
        """The places of items with these menus: the end of the prompt and of every branch."""
        groups: dict[Menu, list[int]] = {}
        for index, menu in enumerate(menus):
            groups.setdefault(menu, []).append(index)
        pairs = [
            (index, offset)
            for menu, members in groups.items()
            for index in members
            for offset in range(1 + len(menu.branches))
        ]
        item, offset = torch.tensor(pairs, device=device).T
        return cls(tuple(menus), groups, item, offset)

    def score(self, logits: Tensor) -> OptionScores:
        """Scores of the items, in their order, from the logits ``(M, vocabulary)`` read there."""
        options = tuple(menu.options for menu in self.menus)
        sizes = [(1 + len(menu.branches)) * len(of) for menu, of in self.groups.items()]
        masses = [
            menu.log_mass(part.unflatten(0, (-1, 1 + len(menu.branches))))
            for menu, part in zip(self.groups, logits.split(sizes), strict=True)
        ]
        return gathered(options, list(self.groups.values()), masses)


def gathered(
    options: tuple[tuple[str, ...], ...], items: Sequence[Sequence[int]], masses: Sequence[Tensor]
) -> OptionScores:
    """Scores of all items from those of groups of them.

    Args:
        options: Of every item.
        items: Of each group, their places.
        masses: Of each group, ``(items, options)`` log mass.
    """
    if len(masses) == 1 and list(items[0]) == list(range(len(options))):
        return OptionScores(options, masses[0])
    widest = max(mass.shape[1] for mass in masses)
    log_mass = masses[0].new_full((len(options), widest), -torch.inf)
    for members, mass in zip(items, masses, strict=True):
        columns = torch.arange(mass.shape[1], device=mass.device)
        log_mass[torch.tensor(members, device=mass.device)[:, None], columns] = mass
    return OptionScores(options, log_mass)

"""What training minimises: how little of its belief the model puts where it is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Cross-entropy to the true option, to people's answers, or to a mixture of both.

    Towards proportions its gradient is that of the Kullback-Leibler divergence, from which it
    differs by the entropy of people's answers; towards single trials it is a Bernoulli likelihood.

    Args:
        over: `vocabulary` also punishes belief in words that are no answer, so the model learns to
            answer at all; `options` only weighs the options against each other.
        humans: Share of the target that is people's, from 0 (the truth alone) to 1 (people alone).
            `data.people` says whether it is their proportions or one trial at a time.
        label_smoothing: Share of the truth that is spread over all options alike.
        unanswered: What becomes of a stimulus that nobody answered, if `humans` is above 0:
            `error`; `truth`, which then is the whole target; or `skip`, it does not count.

    Raises:
        ValueError: For a share outside [0, 1].
    """

    over: Literal["vocabulary", "options"] = "vocabulary"
    humans: float = 0.0
    label_smoothing: float = 0.0
    unanswered: Literal["error", "truth", "skip"] = "error"

    def __post_init__(self) -> None:
        for name in ("humans", "label_smoothing"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(
                    f"expected `model.objective.{name}` to be a share from 0 to 1, got {value}; "
                    "give it as a share of the target"
                )

    def __call__(self, log_mass: Tensor, target: Tensor) -> Tensor:
        """Loss per item.

        Args:
            log_mass: Log probability of each option over the full vocabulary, ``(N, options)``;
                minus infinity where an item has fewer.
            target: Wanted probability of each option, ``(N, options)``.

        Returns:
            Float32 ``(N,)``, at least 0.
        """
        log_p = log_mass.float()
        if self.over == "options":
            log_p = torch.log_softmax(log_p, dim=-1)
        # What nobody wants costs nothing, however impossible it is.
        return -torch.where(target > 0, target * log_p, 0.0).sum(dim=-1)

    def target(
        self, options: Sequence[str], truth: int, people: Mapping[str, float] | None
    ) -> list[float] | None:
        """Wanted probability of each of `options`; nothing if the item does not count.

        Args:
            options: Of the item's question.
            truth: Index of the true one.
            people: Option to people's share, or nothing if nobody answered.

        Raises:
            LookupError: If people's answers are wanted and there are none, and that is an error.
            ValueError: If people answered with what is no option.
        """
        even = self.label_smoothing / len(options)
        smooth = [even + (1.0 - self.label_smoothing) * (i == truth) for i in range(len(options))]
        if self.humans == 0.0:
            return smooth
        if people is None:
            if self.unanswered == "error":
                raise LookupError("nobody answered")
            return smooth if self.unanswered == "truth" else None
        if strange := sorted(set(people) - set(options)):
            raise ValueError(
                f"expected people's answers to be among {', '.join(options)}, got `{strange[0]}`; "
                "correct the table or remove the row"
            )
        own = 1.0 - self.humans
        return [
            own * part + self.humans * people.get(option, 0.0)
            for option, part in zip(options, smooth, strict=True)
        ]

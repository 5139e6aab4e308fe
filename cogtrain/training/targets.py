"""Targets of a batch: per item what the objective wants the model to answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.training.objective import Objective


def targets(
    objective: Objective, options: Sequence[tuple[str, ...]], batch: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Wanted probabilities and whether they count.

    Args:
        objective: What training minimises.
        options: Options of each item's question.
        batch: Collated items.

    Returns:
        ``(N, most options)`` float32, 0 where an item has fewer, and ``(N,)`` float32: 1, or 0 for
        an item that is skipped.

    Raises:
        ValueError: For a truth that is no option, or answers of people that are missing or none.
    """
    rows = [_row(objective, each, item, batch) for item, each in enumerate(options)]
    target = torch.zeros(len(rows), max(map(len, options)))
    for into, row in zip(target, rows, strict=True):
        if row is not None:
            into[: len(row)] = torch.tensor(row)
    return target, torch.tensor([float(row is not None) for row in rows])


def _row(
    objective: Objective, options: tuple[str, ...], item: int, batch: Mapping[str, Any]
) -> list[float] | None:
    question, stimulus_id = batch["question"][item], batch["ids"][item]
    truth = index_of(options, question, batch["answer"][item])
    where = f"stimulus `{stimulus_id}` of set `{batch['set'][item]}`"
    try:
        return objective.target(options, truth, batch["people"][item])
    except LookupError:
        raise ValueError(
            f"expected people's answers to `{question}` about {where}, got none; add them to the "
            "set's `humans`, or set `model.objective.unanswered` to truth or skip"
        ) from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def require_people(objective: Objective, data: StimuliDataModule) -> None:
    """Refuses to begin what would end at the first stimulus without people's answers.

    Raises:
        ValueError: If they are wanted and a set of `data.train` lacks some.
    """
    if objective.humans == 0.0 or objective.unanswered != "error":
        return
    for name, missing in data.unanswered().items():
        if missing:
            raise ValueError(
                f"expected people's answers to every stimulus of set `{name}`, got none to "
                f"{len(missing)}, first `{missing[0]}`; add them to its `humans`, or set "
                "`model.objective.unanswered` to truth or skip"
            )


def index_of(options: tuple[str, ...], question: str, answer: str) -> int:
    """Place of the true answer among the options of its question.

    Raises:
        ValueError: If it is not there.
    """
    if answer not in options:
        raise ValueError(
            f"expected the answer to `{question}` to be one of {', '.join(options)}, "
            f"got `{answer}`; correct the table of the set"
        )
    return options.index(answer)

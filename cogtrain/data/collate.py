"""From a native batch to what a model step takes: arrays become tensors on the same memory.

One item is one (stimulus, question) pair. The pixels of a stimulus are there once, however many
questions it has, and nothing is copied.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor

from cogtrain._core import Batch
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.people import People, Shares, Trial


class Collated(TypedDict):
    """Items of one step of one rank.

    `ids`, `set`, `question`, `wording` and `answer` have one entry per item; `people` is the share
    of people for each option, nothing where nobody is known to have answered, and `observer` who it
    was if it is one person's answer; `weights` is float32 ``(N,)``, 0 for an item that only fills
    up the batch, else the weight of its set. `image` is the place of an item's image among those of
    `arrays`, nothing where it is not shown, and `stimuli` says of each image what it is; `arrays`
    are what the Hugging Face processor of the model makes of the images, by its names:
    `pixel_values` and, by family, `image_grid_thw` or others. `position` is where the batch begins
    in the epoch's sequence of all ranks.
    """

    ids: list[str]
    set: list[str]
    question: list[str]
    wording: list[str]
    answer: list[str]
    people: list[Shares | None]
    observer: list[str | None]
    weights: Tensor
    image: list[int | None]
    stimuli: list[str]
    arrays: dict[str, Tensor]
    position: int


class Draw(NamedTuple):
    """Which one of people's answers is learned from: it depends on the epoch."""

    seed: int
    epoch: int


def collate(batch: Batch, sets: Sequence[AskedSet], draw: Draw | None = None) -> Collated:
    """Items of ``batch``; the tensors share its memory.

    Args:
        batch: From a `Loader` with a `preprocess`.
        sets: Those of the loader, in its order.
        draw: For one trial per item; left out, people's proportions.

    Raises:
        ValueError: For a stimulus without any answered question.
    """
    answers = batch.answers
    for stimulus_id, answered in zip(batch.ids, answers, strict=True):
        if not answered:
            raise ValueError(
                f"expected at least one answered question, got none for stimulus `{stimulus_id}`; "
                "add a column with the truth to the table of its set"
            )
    rows = [row for row, answered in enumerate(answers) for _ in answered]
    asked = [sets[int(index)] for index in batch.sets.tolist()]
    image = [row if asked[row].has_image else None for row in rows]
    arrays = batch.arrays if any(each.has_image for each in asked) else {}
    pairs = [(row, question) for row, answered in enumerate(answers) for question in answered]
    people = [_people(asked[row].people, batch.ids[row], question, draw) for row, question in pairs]
    return {
        "ids": [batch.ids[row] for row in rows],
        "set": [asked[row].name for row in rows],
        "question": [question for _, question in pairs],
        "wording": [asked[row].wording(question, batch.ids[row]) for row, question in pairs],
        "answer": [answer for answered in answers for answer in answered.values()],
        "people": [None if each is None else each.shares for each in people],
        "observer": [None if each is None else each.observer for each in people],
        "weights": torch.from_numpy(_weights(batch.weights, asked, rows)),
        "image": image,
        "stimuli": [f"{of.source}/{name}" for of, name in zip(asked, batch.ids, strict=True)],
        "arrays": {name: _tensor(values) for name, values in arrays.items()},
        "position": int(batch.positions[0]),
    }


def _people(
    people: People | None, stimulus_id: str, question: str, draw: Draw | None
) -> Trial | None:
    """People's answer to an item; of their proportions nobody is the observer."""
    if people is None:
        return None
    if draw is not None:
        return people.trial(stimulus_id, question, seed=draw.seed, epoch=draw.epoch)
    shares = people.proportions(stimulus_id, question)
    return None if shares is None else Trial(None, shares)


def _weights(weights: np.ndarray, asked: Sequence[AskedSet], rows: Sequence[int]) -> np.ndarray:
    """Weight of each item: that of its set, 0 where it only fills up."""
    if len(rows) != len(weights):
        weights = weights[list(rows)]
    if all(each.weight == 1.0 for each in asked):
        return weights
    return weights * np.array([asked[row].weight for row in rows], dtype=np.float32)


def _tensor(values: np.ndarray) -> Tensor:
    """A tensor on the same memory; 16-bit integers hold the bits of bfloat16, unknown to numpy."""
    tensor = torch.from_numpy(values)
    return tensor.view(torch.bfloat16) if values.dtype == np.uint16 else tensor

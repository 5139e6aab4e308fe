"""From a native batch to what a model step takes: arrays become tensors on the same memory.

One item is one (stimulus, question) pair. With one question per stimulus, which is the usual case,
nothing is copied; with several, the pixels of a stimulus are repeated for each of its questions.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from cogtrain._core import Batch
from cogtrain.data.asked_set import AskedSet

_PIXELS = "pixel_values"


class Collated(TypedDict):
    """Items of one step of one rank.

    `ids`, `set`, `question`, `wording` and `answer` have one entry per item; `weights` is float32
    ``(N,)``, 0 for an item that only fills up the batch; `arrays` are what the Hugging Face
    processor of the model makes of the items' images, by its names: `pixel_values` and, by family,
    `image_grid_thw` or others.
    """

    ids: list[str]
    set: list[str]
    question: list[str]
    wording: list[str]
    answer: list[str]
    weights: Tensor
    arrays: dict[str, Tensor]


def collate(batch: Batch, sets: Sequence[AskedSet]) -> Collated:
    """Items of ``batch``; the tensors share its memory wherever each stimulus has one question.

    Args:
        batch: From a `Loader` with a `preprocess`.
        sets: Those of the loader, in its order.

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
    arrays = batch.arrays
    if len(rows) != len(answers):
        arrays = _repeat(arrays, rows)
    weights = batch.weights if len(rows) == len(answers) else batch.weights[rows]
    asked = [sets[int(index)] for index in batch.sets.tolist()]
    pairs = [(row, question) for row, answered in enumerate(answers) for question in answered]
    return {
        "ids": [batch.ids[row] for row in rows],
        "set": [asked[row].name for row in rows],
        "question": [question for _, question in pairs],
        "wording": [asked[row].wording(question, batch.ids[row]) for row, question in pairs],
        "answer": [answer for answered in answers for answer in answered.values()],
        "weights": torch.from_numpy(weights),
        "arrays": {name: _tensor(values) for name, values in arrays.items()},
    }


def _tensor(values: np.ndarray) -> Tensor:
    """A tensor on the same memory; 16-bit integers hold the bits of bfloat16, unknown to numpy."""
    tensor = torch.from_numpy(values)
    return tensor.view(torch.bfloat16) if values.dtype == np.uint16 else tensor


def _repeat(arrays: Mapping[str, np.ndarray], rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Arrays of the images ``rows``, which may name an image more than once."""
    chosen = {name: values[list(rows)] for name, values in arrays.items() if name != _PIXELS}
    counts = _rows_of_pixels(arrays)
    if counts is None:
        return chosen | {_PIXELS: arrays[_PIXELS][list(rows)]}
    images = np.split(arrays[_PIXELS], np.cumsum(counts)[:-1])
    return chosen | {_PIXELS: np.concatenate([images[row] for row in rows])}


def _rows_of_pixels(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """How many rows of the pixel values each image has, where it is not one each."""
    if "image_grid_thw" in arrays:
        return arrays["image_grid_thw"].prod(axis=1)
    return arrays.get("num_patches")

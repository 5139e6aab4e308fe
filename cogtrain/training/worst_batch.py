"""The worst batch that can come, tried once before the first step and forgotten.

Images of a set of `data.train` all have one size, and each of its stimuli is asked the same
questions, so what differs between batches is which sets they are from and in which words they ask.
The worst batch is a full one of one set, every question in its longest wording; sets of another
size, task, questions or wording are tried one after the other.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cogtrain import prompts
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models.feature_cache import FeatureCache
from cogtrain.models.vlm import VLM
from cogtrain.training.module import VLMModule


def worst_batches(vlm: VLM, data: StimuliDataModule) -> Iterator[tuple[str, dict[str, Any]]]:
    """Per kind of set of `data.train` its name and its worst batch, as it is collated.

    Args:
        vlm: Whose tokenizer says which wording is the longest.
        data: Of the run.
    """
    kinds = set()
    for index, recipe in enumerate(data.recipes["train"]):
        kind = (recipe.size_px, recipe.task, recipe.wording, tuple(recipe.questions or ()))
        if kind not in kinds:
            kinds.add(kind)
            batch = data.begin_of(index)
            wording = [_longest(vlm, question, recipe) for question in batch["question"]]
            yield recipe.name, {**batch, "wording": wording}


def try_once(module: VLMModule, batch: dict[str, Any], *, accumulates: bool = False) -> None:
    """Computes a step on ``batch``, forward and backward, beside all that a later step has around.

    That is the two moments of the optimizer, which the first step makes, and with accumulation the
    gradients of earlier micro-batches. Neither weights nor gradients, random streams, sums, counts
    of tokens or kept features know of it.

    Args:
        module: In training mode, on its device.
        batch: There, too.
        accumulates: Whether a step has several micro-batches.
    """
    vlm = module.vlm
    trained = [each for each in module.parameters() if each.requires_grad]
    devices = [vlm.device] if vlm.device.type == "cuda" else []
    tokens = vlm.tokens
    with torch.random.fork_rng(devices), _without_traces(vlm):
        around = [torch.empty_like(each) for each in trained for _ in range(2 + accumulates)]
        losses, weights = module.losses(batch, module.answer(batch)[1])
        torch.autograd.grad((losses * weights).sum(), trained, allow_unused=True)
        del around
    vlm.tokens = tokens


@contextmanager
def _without_traces(vlm: VLM) -> Iterator[None]:
    """With a cache of features that keeps none, so that images are encoded as they would be."""
    cache = vlm.feature_cache
    if cache is None:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        vlm.feature_cache = FeatureCache(Path(folder), "none is kept", 0)
        try:
            yield
        finally:
            vlm.feature_cache = cache


def _longest(vlm: VLM, question: str, recipe: Recipe) -> str:
    """Id of the wording of ``question`` with most tokens, among those that the set asks in."""
    among = prompts.choice(recipe.wording, task=recipe.task).among(question)
    builder = vlm._builder
    return max(
        (each.id for each in among),
        key=lambda wording: len(builder.ids(builder.text_alone(question, wording))),
    )

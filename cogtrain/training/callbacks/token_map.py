"""The first batch, token by token: what the model reads, and where it is told what to answer."""

import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.text import Text

from cogtrain.models.menu import Menu
from cogtrain.models.sequences import Asked
from cogtrain.models.vlm import VLM
from cogtrain.training.module import VLMModule
from cogtrain.training.objective import Objective
from cogtrain.training.targets import targets

_IMAGE, _LABEL, _BRANCH = "cyan", "bold green", "yellow"
_MOST = 4  # kinds of items; more would scroll away


class TokenMap(Callback):
    """Prints the map of the first batch that is trained on, once, on standard error."""

    def __init__(self) -> None:
        self._is_printed = False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Prints, on the first rank.

        Raises:
            ValueError: If a token of an image would be learned as an answer.
        """
        if self._is_printed or not trainer.is_global_zero or not isinstance(pl_module, VLMModule):
            return
        self._is_printed = True
        console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        for text in token_maps(pl_module.vlm, pl_module.objective, batch):
            console.print(text)


def token_maps(vlm: VLM, objective: Objective, batch: dict[str, Any]) -> Iterator[Text]:
    """One map per question and wording of ``batch``, of the first item that has it.

    Images are cyan, the beginnings of answers of several tokens yellow, and what is learned green:
    every form of a wanted option, with the probability that is wanted of it.

    Raises:
        ValueError: If a token of an image would be learned as an answer.
    """
    kinds = list(zip(batch["question"], batch["wording"], strict=True))
    first = {kind: kinds.index(kind) for kind in kinds}
    options = [tuple(vlm._menu(*kind).options) for kind in kinds]
    target, counts = targets(objective, options, batch)
    yield Text(
        f"first batch: {len(kinds)} items, {int((batch['weights'].cpu() * counts > 0).sum())} of "
        f"them count; {len(first)} kinds of questions"
    )
    for item in list(first.values())[:_MOST]:
        wanted = dict(zip(options[item], target[item].tolist(), strict=False))
        yield _map(vlm, batch, item, wanted)


def _map(vlm: VLM, batch: dict[str, Any], item: int, wanted: dict[str, float]) -> Text:
    question, wording = batch["question"][item], batch["wording"][item]
    menu = vlm._menu(question, wording)
    images = vlm.family.images
    place = batch["image"][item]
    shape = None if place is None else images.of(vlm.model.config, batch["arrays"])[place]
    rows = vlm._builder.batch([Asked(question, wording, menu.branches)], [shape], vlm.device)
    ids, last = rows.input_ids[0].tolist(), int(rows.last[0])
    image = set(vlm._builder.ids(images.repeated))
    reject_image_labels(menu, image)
    decode = vlm._builder._tokenizer.decode
    text = Text(f"{batch['set'][item]} {batch['ids'][item]} {question} ({wording}), answer ")
    text.append(f"{batch['answer'][item]}, {last + 1} tokens:\n")
    for token, run in groupby(ids[: last + 1]):
        length = len(list(run))
        shown = decode([token]).replace("\n", "⏎\n")
        if token in image:
            text.append(f"{shown}×{length}", style=_IMAGE)
        else:
            text.append(shown * length)
    for option, paths in zip(menu.options, menu.paths, strict=True):
        if wanted[option] > 0:
            forms = " ".join(repr(decode(list(path))) for path in paths)
            text.append(f"\n  → {wanted[option]:.2f} {option}: {forms}", style=_LABEL)
    if others := [option for option in menu.options if not wanted[option] > 0]:
        text.append(f"\n  not wanted: {', '.join(others)}")
    if menu.branches:
        begun = " ".join(repr(decode(list(path))) for path in menu.branches)
        text.append(f"\n  read again after: {begun}", style=_BRANCH)
    return text


def reject_image_labels(menu: Menu, image: set[int]) -> None:
    """Refuses a menu by which the model would learn to say images.

    Raises:
        ValueError: Naming the option.
    """
    for option, paths in zip(menu.options, menu.paths, strict=True):
        for path in paths:
            if image & set(path):
                raise ValueError(
                    f"expected forms of words for the option `{option}`, got tokens {list(path)}, "
                    "which stand for an image; use the tokenizer that belongs to the checkpoint"
                )

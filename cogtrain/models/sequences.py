"""Token sequences of questions about images, built once and reused.

A sequence depends on the question, its wording and the shape of the image alone (`None` where there
is no image), so a run with one of each tokenizes once. The ids are those of the Hugging Face
processor's chat path; the tests hold the two together. Where an answer takes several tokens, its
beginnings are laid behind the prompt side by side, each seeing the prompt and itself only: one pass
reads what follows every one of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cogtrain import prompts
from cogtrain.models.menu import Path
from cogtrain.models.placeholders import Shape
from cogtrain.models.sight import branched


class Asked(NamedTuple):
    """What is asked of one image: the question, its wording, and the beginnings of answers."""

    question: str
    wording: str = prompts.PEOPLE
    branches: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Sequences:
    """Token sequences of one batch.

    Attributes:
        input_ids: ``(N, L)`` int64; each prompt, then the last token of each branch.
        position_ids: ``(axes, N, L)`` int64.
        attention_mask: ``None`` if all sequences are equally long and every token sees what came
            before it; ``(N, L)`` int64, 0 on padding, if only the lengths differ; else
            ``(N or 1, 1, L, L)`` bool, who sees whom.
        last: ``(N,)`` index of the prompt's last token, after which the answer comes.
        tokens: How many there are, images' placeholders among them, padding not.
    """

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor | None
    last: Tensor
    tokens: int


@dataclass(frozen=True, slots=True)
class _Row:
    input_ids: Tensor  # (L,)
    position_ids: Tensor  # (L, axes)
    last: int
    sight: Tensor | None  # (L, L) bool; without it, a token sees what came before it


class SequenceBuilder:
    """Makes the sequences of a batch from its questions and the shapes of its images.

    Args:
        tokenizer: With the checkpoint's chat template.
        image_token: What the template writes where an image is.
        image_text: Shape of an image to what replaces that token.
        position_ids: ``(input ids (1, L), shape of the image or None) -> (axes, 1, L)``.
        sight: ``input ids (L,) -> (L, L)`` bool, who sees whom beyond what came before.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        image_token: str,
        image_text: Callable[[Shape], str],
        position_ids: Callable[[Tensor, Shape | None], Tensor],
        sight: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._image_token = image_token
        self._image_text = image_text
        self._position_ids = position_ids
        self._sight = sight
        self._rows: dict[tuple[Asked, Shape | None, torch.device], _Row] = {}

    def text(self, question: str, wording: str = prompts.PEOPLE, shape: Shape | None = None) -> str:
        """Prompt of ``question`` under the chat template, up to where the answer begins.

        Without the ``shape`` of an image its place is still what the template writes.

        Raises:
            ValueError: If the template does not leave exactly one place for the image.
        """
        text = self._prompt(question, wording, images=1)
        if shape is None:
            return text
        return text.replace(self._image_token, self._image_text(shape))

    def text_alone(self, question: str, wording: str = prompts.PEOPLE) -> str:
        """Prompt of ``question`` about no image at all.

        Raises:
            ValueError: If the template leaves a place for one even so.
        """
        return self._prompt(question, wording, images=0)

    def _prompt(self, question: str, wording: str, *, images: int) -> str:
        messages = prompts.chat(question, wording, has_image=images > 0)
        text: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        if (found := text.count(self._image_token)) != images:
            raise ValueError(
                f"expected {('no', 'one')[images]} `{self._image_token}` in the chat template's "
                f"prompt, got {found}; use the chat template that belongs to the checkpoint"
            )
        return text

    def ids(self, text: str) -> list[int]:
        """Token ids of ``text``; a beginning that a template has written is not put in twice."""
        begin = self._tokenizer.bos_token
        is_begun = begin is not None and text.startswith(begin)
        return self._tokenizer(text, add_special_tokens=not is_begun)["input_ids"]

    def batch(
        self, asked: Sequence[Asked], shapes: Sequence[Shape | None], device: torch.device
    ) -> Sequences:
        """Sequences of a batch: views of one row if all are the same, else padded on the right."""
        rows = [self._row(*item, device) for item in zip(asked, shapes, strict=True)]
        if all(row is rows[0] for row in rows):
            return _repeat(rows[0], len(rows))
        return _pad(rows)

    def _row(self, asked: Asked, shape: Shape | None, device: torch.device) -> _Row:
        key = (asked, shape, device)
        if key not in self._rows:
            self._rows[key] = self._build(asked, shape, device)
        return self._rows[key]

    def _build(self, asked: Asked, shape: Shape | None, device: torch.device) -> _Row:
        words = (asked.question, asked.wording)
        ids = self.ids(self.text_alone(*words) if shape is None else self.text(*words, shape))
        prompt = torch.tensor([ids])
        positions = self._position_ids(prompt, shape)[:, 0]
        depths = torch.tensor([len(path) for path in asked.branches], dtype=positions.dtype)
        positions = torch.cat([positions, positions[:, -1:] + depths], dim=1)
        tokens = torch.tensor([*ids, *(path[-1] for path in asked.branches)])
        sight = branched(len(ids), asked.branches)
        if self._sight is not None:
            sight |= self._sight(tokens)
        is_plain = self._sight is None and not asked.branches
        return _Row(
            tokens.to(device),
            positions.T.contiguous().to(device),
            last=len(ids) - 1,
            sight=None if is_plain else sight.to(device),
        )


def _repeat(row: _Row, count: int) -> Sequences:
    length, axes = row.position_ids.shape
    return Sequences(
        input_ids=row.input_ids.expand(count, length),
        position_ids=row.position_ids.T[:, None].expand(axes, count, length),
        attention_mask=None if row.sight is None else row.sight[None, None],
        last=row.input_ids.new_full((count,), row.last),
        tokens=count * length,
    )


def _pad(rows: list[_Row]) -> Sequences:
    # Padding is masked out and nothing is read there: zero serves for ids and positions.
    input_ids = pad_sequence([row.input_ids for row in rows], batch_first=True)
    positions = pad_sequence([row.position_ids for row in rows], batch_first=True)
    return Sequences(
        input_ids=input_ids,
        position_ids=positions.permute(2, 0, 1).contiguous(),
        attention_mask=_mask(rows, input_ids),
        last=torch.tensor([row.last for row in rows], device=input_ids.device),
        tokens=sum(len(row.input_ids) for row in rows),
    )


def _mask(rows: list[_Row], input_ids: Tensor) -> Tensor | None:
    longest, device = input_ids.shape[1], input_ids.device
    if any(row.sight is not None for row in rows):
        # On the right, padding that sees what came before disturbs nobody.
        mask = torch.ones(len(rows), 1, longest, longest, dtype=torch.bool, device=device).tril()
        for into, row in zip(mask, rows, strict=True):
            if row.sight is not None:
                into[0, : len(row.sight), : len(row.sight)] = row.sight
        return mask
    lengths = torch.tensor([len(row.input_ids) for row in rows], device=device)
    if bool((lengths == longest).all()):
        return None
    return (torch.arange(longest, device=device) < lengths[:, None]).to(torch.int64)

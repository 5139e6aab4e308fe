"""Token sequences of questions about images, built once and reused.

A sequence depends on the question and the patch grid alone, so a run with one question and one
image size tokenizes once. The ids are those of the Hugging Face processor's chat path; the tests
hold the two together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cogtrain import prompts

Grid = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Sequences:
    """Token sequences of one batch.

    Attributes:
        input_ids: ``(N, L)`` int64.
        position_ids: ``(axes, N, L)`` int64.
        attention_mask: ``(N, L)`` int64, 0 on padding; ``None`` if all sequences are equally long.
        last: ``(N,)`` index of the token after which the answer comes.
    """

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor | None
    last: Tensor


@dataclass(frozen=True, slots=True)
class _Row:
    input_ids: Tensor  # (L,)
    position_ids: Tensor  # (L, axes)


class SequenceBuilder:
    """Makes the sequences of a batch from its questions and patch grids.

    Args:
        tokenizer: With the checkpoint's chat template.
        image_token: Placeholder of one merged patch.
        merge_size: Patches merged per side.
        position_ids: ``(input ids (1, L), grid (1, 3)) -> (axes, 1, L)``.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        image_token: str,
        merge_size: int,
        position_ids: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        self._tokenizer = tokenizer
        self._image_token = image_token
        self._merge_size = merge_size
        self._position_ids = position_ids
        self._rows: dict[tuple[str, Grid, torch.device], _Row] = {}

    def text(self, question: str, image_tokens: int = 1) -> str:
        """Prompt of ``question`` under the chat template, up to where the answer begins.

        Raises:
            ValueError: If the template does not leave exactly one place for the image.
        """
        messages = prompts.chat(question)
        text: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        if (found := text.count(self._image_token)) != 1:
            raise ValueError(
                f"expected one `{self._image_token}` in the chat template's prompt, got {found}; "
                "use the chat template that belongs to the checkpoint"
            )
        return text.replace(self._image_token, self._image_token * image_tokens)

    def ids(self, text: str) -> list[int]:
        """Token ids of ``text``, which holds its special tokens already."""
        return self._tokenizer(text)["input_ids"]

    def batch(
        self, questions: Sequence[str], grids: Sequence[Grid], device: torch.device
    ) -> Sequences:
        """Sequences of a batch: views of one row if all are the same, else padded on the right."""
        rows = [self._row(*item, device) for item in zip(questions, grids, strict=True)]
        if all(row is rows[0] for row in rows):
            return _repeat(rows[0], len(rows))
        return _pad(rows)

    def _row(self, question: str, grid: Grid, device: torch.device) -> _Row:
        key = (question, grid, device)
        if key not in self._rows:
            self._rows[key] = self._build(question, grid, device)
        return self._rows[key]

    def _build(self, question: str, grid: Grid, device: torch.device) -> _Row:
        frames, height, width = grid
        ids = self.ids(self.text(question, frames * height * width // self._merge_size**2))
        input_ids = torch.tensor([ids])
        positions = self._position_ids(input_ids, torch.tensor([grid]))
        return _Row(input_ids[0].to(device), positions[:, 0].T.contiguous().to(device))


def _repeat(row: _Row, count: int) -> Sequences:
    length, axes = row.position_ids.shape
    return Sequences(
        input_ids=row.input_ids.expand(count, length),
        position_ids=row.position_ids.T[:, None].expand(axes, count, length),
        attention_mask=None,
        last=row.input_ids.new_full((count,), length - 1),
    )


def _pad(rows: list[_Row]) -> Sequences:
    # Padding is masked out and nothing is read there: zero serves for ids and positions.
    input_ids = pad_sequence([row.input_ids for row in rows], batch_first=True)
    positions = pad_sequence([row.position_ids for row in rows], batch_first=True)
    lengths = torch.tensor([len(row.input_ids) for row in rows], device=input_ids.device)
    steps = torch.arange(input_ids.shape[1], device=input_ids.device)
    is_uniform = bool((lengths == lengths[0]).all())
    return Sequences(
        input_ids=input_ids,
        position_ids=positions.permute(2, 0, 1).contiguous(),
        attention_mask=None if is_uniform else (steps < lengths[:, None]).to(torch.int64),
        last=lengths - 1,
    )

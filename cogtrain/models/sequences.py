"""Token sequences of questions about images, built once and reused.

A sequence depends on the question, its wording and the shape of the image alone (`None` where there
is no image), so a run with one of each tokenizes once. The ids are those of the Hugging Face
processor's chat path; the tests hold the two together. Where an answer takes several tokens, its
beginnings are laid behind the prompt side by side, each seeing the prompt and itself only: one pass
reads what follows every one of them. In the same way several questions about one image stand side
by side behind what they have in common, which is the image: it is encoded once, and read once by
the language model.
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
from cogtrain.models.sight import branched, side_by_side


class Asked(NamedTuple):
    """What is asked of one image: the question, its wording, and the beginnings of answers."""

    question: str
    wording: str = prompts.PEOPLE
    branches: tuple[Path, ...] = ()


# Sequences that are kept to be used again; several questions in several wordings have many.
_MOST_KEPT = 512


@dataclass(frozen=True, slots=True)
class Sequences:
    """Token sequences of one batch: a row for each image, with one item or several in it.

    Attributes:
        input_ids: ``(R, L)`` int64; per row what its prompts have in common, then of each the rest
            and the last token of each branch.
        position_ids: ``(axes, R, L)`` int64.
        attention_mask: ``None`` if all rows are equally long and every token sees what came before
            it; ``(R, L)`` int64, 0 on padding, if only the lengths differ; else
            ``(R or 1, 1, L, L)`` bool, who sees whom.
        images: Per row the image that it is about, if any.
        items: The items of all rows, one row after the other.
        row: ``(N,)`` row of each of them.
        last: ``(N,)`` index of its prompt's last token, after which the answer comes.
        tokens: How many there are, images' placeholders among them, padding not.
    """

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor | None
    images: tuple[int | None, ...]
    items: tuple[int, ...]
    row: Tensor
    last: Tensor
    tokens: int


@dataclass(frozen=True, slots=True)
class _Tokens:
    input_ids: Tensor  # (L,)
    position_ids: Tensor  # (L, axes)
    lasts: tuple[int, ...]
    sight: Tensor | None  # (L, L) bool; without it, a token sees what came before it


@dataclass(frozen=True, slots=True)
class Row:
    """One image and what is asked of it.

    Attributes:
        image: Its place among the images; nothing for a question without one.
        items: Places of those that are asked about it.
        tokens: What is read.
    """

    image: int | None
    items: tuple[int, ...]
    tokens: _Tokens

    def __len__(self) -> int:
        return len(self.tokens.input_ids)


class SequenceBuilder:
    """Makes the sequences of a batch from its questions and the shapes of its images.

    Args:
        tokenizer: With the checkpoint's chat template.
        image_token: What the template writes where an image is.
        image_text: Shape of an image to what replaces that token.
        repeated: The token that stands for one vector of an image.
        position_ids: ``(input ids (1, L), shape of the image or None) -> (axes, 1, L)``.
        sight: ``input ids (L,) -> (L, L)`` bool, who sees whom beyond what came before.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        image_token: str,
        image_text: Callable[[Shape], str],
        repeated: str,
        position_ids: Callable[[Tensor, Shape | None], Tensor],
        sight: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._image_token = image_token
        self._image_text = image_text
        self._repeated = repeated
        self._position_ids = position_ids
        self._sight = sight
        self._kept: dict[tuple[tuple[Asked, ...], Shape | None, torch.device], _Tokens | None] = {}

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

    def vectors(self, shape: Shape) -> int:
        """How many vectors an image of ``shape`` has."""
        return self._image_text(shape).count(self._repeated)

    def batch(
        self, asked: Sequence[Asked], shapes: Sequence[Shape | None], device: torch.device
    ) -> Sequences:
        """Sequences of one question about each image, or about none where a shape is ``None``."""
        places = [None if shape is None else index for index, shape in enumerate(shapes)]
        return laid(self.rows(asked, shapes, places, device))

    def rows(
        self,
        asked: Sequence[Asked],
        shapes: Sequence[Shape | None],
        image: Sequence[int | None],
        device: torch.device,
    ) -> list[Row]:
        """One row per image, in the order in which they are first asked about.

        An item without an image has a row of its own, and so has every item where a chat template
        puts words that differ before the image.

        Args:
            asked: Of each item.
            shapes: Of each image.
            image: Of each item, which one it is about, if any.
            device: Where the tokens go.
        """
        groups: dict[tuple[int | None, int], list[int]] = {}
        for item, index in enumerate(image):
            groups.setdefault((index, item if index is None else 0), []).append(item)
        rows = []
        for (index, _), items in groups.items():
            shape = None if index is None else shapes[index]
            together = self._tokens(tuple(asked[item] for item in items), shape, device)
            if together is not None:
                rows.append(Row(index, tuple(items), together))
                continue
            for item in items:
                alone = self._tokens((asked[item],), shape, device)
                assert alone is not None
                rows.append(Row(index, (item,), alone))
        return rows

    def _tokens(
        self, asked: tuple[Asked, ...], shape: Shape | None, device: torch.device
    ) -> _Tokens | None:
        """Tokens of a row; nothing if these questions cannot share one."""
        key = (asked, shape, device)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = self._build(asked, shape, device)
        return self._kept[key]

    def _build(
        self, asked: tuple[Asked, ...], shape: Shape | None, device: torch.device
    ) -> _Tokens | None:
        prompts_ids = [self._prompt_ids(each, shape) for each in asked]
        shared = _common(prompts_ids) if len(asked) > 1 else 0
        repeated = self._tokenizer(self._repeated, add_special_tokens=False)["input_ids"]
        if len(asked) > 1 and any(repeated[0] in ids[shared:] for ids in prompts_ids):
            return None
        ids, positions, lasts = prompts_ids[0][:shared], [], []
        for each, own in zip(asked, prompts_ids, strict=True):
            ids = [*ids, *own[shared:]]
            lasts.append(len(ids) - 1)
            ids += [path[-1] for path in each.branches]
            positions.append(self._positions(own, each.branches, shape))
        begun = positions[0][:shared]
        tokens = torch.tensor(ids)
        sight = side_by_side(
            shared,
            [
                branched(len(own), each.branches)
                for each, own in zip(asked, prompts_ids, strict=True)
            ],
        )
        if self._sight is not None:
            sight |= self._sight(tokens)
        is_plain = self._sight is None and len(asked) == 1 and not asked[0].branches
        return _Tokens(
            tokens.to(device),
            torch.cat([begun, *(each[shared:] for each in positions)]).contiguous().to(device),
            lasts=tuple(lasts),
            sight=None if is_plain else sight.to(device),
        )

    def _prompt_ids(self, asked: Asked, shape: Shape | None) -> list[int]:
        words = (asked.question, asked.wording)
        return self.ids(self.text_alone(*words) if shape is None else self.text(*words, shape))

    def _positions(self, ids: list[int], branches: tuple[Path, ...], shape: Shape | None) -> Tensor:
        """``(L, axes)`` of a prompt and the branches behind it."""
        positions = self._position_ids(torch.tensor([ids]), shape)[:, 0]
        depths = torch.tensor([len(path) for path in branches], dtype=positions.dtype)
        return torch.cat([positions, positions[:, -1:] + depths], dim=1).T


def laid(rows: Sequence[Row]) -> Sequences:
    """Rows beneath each other: views of one if all are the same, else padded on the right."""
    tokens = [row.tokens for row in rows]
    device = tokens[0].input_ids.device
    placed = [
        (item, index, last)
        for index, row in enumerate(rows)
        for item, last in zip(row.items, row.tokens.lasts, strict=True)
    ]
    items, row, last = zip(*placed, strict=True)
    is_same = all(each is tokens[0] for each in tokens)
    input_ids, position_ids, mask = _repeat(tokens[0], len(tokens)) if is_same else _pad(tokens)
    return Sequences(
        input_ids,
        position_ids,
        mask,
        images=tuple(each.image for each in rows),
        items=items,
        row=torch.tensor(row, device=device),
        last=torch.tensor(last, device=device),
        tokens=sum(map(len, rows)),
    )


def _common(sequences: Sequence[Sequence[int]]) -> int:
    """Length of what all begin with; the last token of each stays its own."""
    most = min(map(len, sequences)) - 1
    alike = (len(set(tokens)) == 1 for tokens in zip(*sequences, strict=False))
    return next((index for index, same in enumerate(alike) if not same or index == most), most)


_Laid = tuple[Tensor, Tensor, Tensor | None]


def _repeat(row: _Tokens, count: int) -> _Laid:
    length, axes = row.position_ids.shape
    return (
        row.input_ids.expand(count, length),
        row.position_ids.T[:, None].expand(axes, count, length),
        None if row.sight is None else row.sight[None, None],
    )


def _pad(rows: list[_Tokens]) -> _Laid:
    # Padding is masked out and nothing is read there: zero serves for ids and positions.
    input_ids = pad_sequence([row.input_ids for row in rows], batch_first=True)
    positions = pad_sequence([row.position_ids for row in rows], batch_first=True)
    return input_ids, positions.permute(2, 0, 1).contiguous(), _mask(rows, input_ids)


def _mask(rows: list[_Tokens], input_ids: Tensor) -> Tensor | None:
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

"""The tokenizer of the embedded default: Qwen2's byte-level BPE from a word list, not a corpus.

Nothing is trained: merges are written down so that every word of `words.txt` (a line each; a
leading space belongs to the word) is exactly one token. Bytes cover everything else, so no text is
out of reach, only longer.
"""

import itertools
from pathlib import Path

from tokenizers import pre_tokenizers
from transformers import AddedToken, Qwen2Tokenizer

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

Merge = tuple[str, str]


def read_words(path: Path) -> list[str]:
    """Words of a list, in order, leading spaces kept."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]


def build(words: list[str], chat_template: str, *, max_length: int) -> Qwen2Tokenizer:
    """Tokenizer in which each of ``words`` is one token; the same list gives the same ids.

    Ids: 256 bytes in the order of their byte-level characters, then merges, then special tokens.
    """
    merges = _merges(words)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *("".join(merge) for merge in merges)]
    vocab = {token: index for index, token in enumerate(tokens)}
    # The special tokens take the next ids in this order, whatever order their roles have.
    vocab |= {token: len(tokens) + index for index, token in enumerate(SPECIAL_TOKENS)}
    tokenizer = Qwen2Tokenizer(
        vocab=vocab,
        merges=merges,  # pyright: ignore[reportArgumentType]
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=chat_template,
        model_max_length=max_length,
    )
    special: list[str | AddedToken] = [AddedToken(t, special=True) for t in SPECIAL_TOKENS]
    tokenizer.add_tokens(special)
    return tokenizer


def _merges(words: list[str]) -> list[Merge]:
    """Merges, in order of priority, that join each word from left to right.

    A new merge ranks below all earlier ones, so it cannot break a word that is joined already.
    """
    merges: dict[Merge, None] = {}
    for word in words:
        pieces = _apply(merges, _characters(word))
        while len(pieces) > 1:
            merges[pieces[0], pieces[1]] = None
            pieces = [pieces[0] + pieces[1], *pieces[2:]]
    return list(merges)


def _characters(word: str) -> list[str]:
    """Byte-level characters of ``word``: what byte-level BPE sees instead of its bytes."""
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return list(pre_tokenizer.pre_tokenize_str(word)[0][0])


def _apply(merges: dict[Merge, None], pieces: list[str]) -> list[str]:
    """``pieces`` after ordinary BPE: the first-ranked merge that occurs, until none does."""
    while True:
        pairs = set(itertools.pairwise(pieces))
        merge = next((pair for pair in merges if pair in pairs), None)
        if merge is None:
            return pieces
        pieces = _join(pieces, merge)


def _join(pieces: list[str], merge: Merge) -> list[str]:
    joined: list[str] = []
    index = 0
    while index < len(pieces):
        width = 2 if tuple(pieces[index : index + 2]) == merge else 1
        joined.append("".join(pieces[index : index + width]))
        index += width
    return joined

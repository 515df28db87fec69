"""Texts as the numbers an encoder reads: what its `tokenizer.json` says, whoever runs it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor


class Tokens(NamedTuple):
    """A batch, padded to the longest: ids and mask, int64 [texts, tokens] each; mask is 0 for padding."""

    ids: Tensor
    mask: Tensor


class TextTokenizer:
    """Cuts texts up as a `tokenizer.json` says, special tokens included."""

    def __init__(self, path: Path, max_tokens: int, padding: int) -> None:
        """Read a tokenizer.

        Args:
            max_tokens: where a text is cut, the special tokens included.
            padding: id of the padding token.
        """
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding(pad_id=padding)

    def __repr__(self) -> str:
        return f"TextTokenizer({self._tokenizer.get_vocab_size()} tokens)"

    def __call__(self, texts: Sequence[str]) -> Tokens:
        cut = self._tokenizer.encode_batch(list(texts))
        return Tokens(torch.tensor([one.ids for one in cut]), torch.tensor([one.attention_mask for one in cut]))

"""Texts as the numbers an encoder reads: what its `tokenizer.json` says, whoever runs it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from shared.model.unigram import UnigramTokenizer

_TOGETHER = 4096  # texts whose tokens are in memory at once


class Tokens(NamedTuple):
    """A batch, padded to the longest: ids and mask, int64 [texts, tokens] each; mask is 0 for padding."""

    ids: Tensor
    mask: Tensor


class TextTokenizer:
    """Cuts texts up as a `tokenizer.json` says, special tokens included."""

    def __init__(self, path: Path, max_tokens: int, padding: int, prompt: str = "") -> None:
        """Read a tokenizer.

        Args:
            path: of the tokenizer's JSON file.
            max_tokens: where a text is cut, the special tokens included.
            padding: id of the padding token.
            prompt: what every text begins with.
        """
        self._prompt = prompt
        content = json.loads(path.read_text(encoding="utf-8"))
        unigram = UnigramTokenizer.of(content, max_tokens, padding)
        self._tokenizer: Any  # both name what they give alike
        self._unknown: int | None
        if unigram is not None:
            self._tokenizer, self._unknown = unigram, unigram.unknown
        else:
            self._tokenizer = _read(path, max_tokens, padding)
            self._unknown = _unknown(self._tokenizer)

    def __repr__(self) -> str:
        return f"TextTokenizer({self._tokenizer.get_vocab_size()} tokens)"

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Token ids and attention mask of the texts, int64 [texts, tokens] each, padded to the longest."""
        cut = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        return Tokens(torch.tensor([one.ids for one in cut]), torch.tensor([one.attention_mask for one in cut]))

    def unknown_shares(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Share of each text's tokens that stand for something not in the vocabulary, float64 [texts].

        The prompt does not count. 0 for a text without tokens, and for a vocabulary that spells everything out.
        """
        unknown = self._unknown
        shares = np.zeros(len(texts))
        for start in range(0, len(texts) if unknown is not None else 0, _TOGETHER):
            for row, cut in enumerate(self._tokenizer.encode_batch(list(texts[start : start + _TOGETHER])), start):
                words = np.asarray(cut.ids)[np.asarray(cut.special_tokens_mask) == 0]
                shares[row] = np.mean(words == unknown) if len(words) else 0.0
        return shares


def _read(path: Path, max_tokens: int, padding: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=padding)
    return tokenizer


def _unknown(tokenizer: Tokenizer) -> int | None:
    """Id of the token that stands for what is unknown."""
    token = getattr(tokenizer.model, "unk_token", None)
    if token is not None:
        return tokenizer.token_to_id(token)
    unknown = json.loads(tokenizer.to_str())["model"].get("unk_id")  # a Unigram model has it there alone
    return None if unknown is None else int(unknown)

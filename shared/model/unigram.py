"""A unigram tokenizer in a tenth of the memory that `tokenizers` needs for a vocabulary of a quarter million pieces.

It cuts a word into the pieces whose log probabilities have the largest sum (Kudo 2018, "Subword Regularization",
arXiv:1804.10959), by Viterbi's algorithm. Pieces lie in one dictionary rather than in a tree of letters: 35 MB against
280 MB, in every process of a device that reads texts. What stands before and behind that, the normalisation of
characters and the blanks, is done by `tokenizers` itself.
"""

import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from tokenizers import Tokenizer

_UNKNOWN_PENALTY = 10.0  # below the least likely piece, as SentencePiece has it


class Encoded(NamedTuple):
    """One text, named as `tokenizers` names it: ids, 1 for all but padding, and 1 for what is of no text."""

    ids: list[int]
    attention_mask: list[int]
    special_tokens_mask: list[int]


class UnigramTokenizer:
    """Cuts texts up as a `tokenizer.json` with a unigram model says; see `of`.

    One thing is otherwise than in `tokenizers`: what somebody writes that looks like a special token is spelt out.

    Attributes:
        unknown: id of what is in no piece.
    """

    def __init__(self, content: Mapping[str, Any], max_tokens: int, padding: int) -> None:
        """Take a tokenizer that `of` found fit for it.

        Args:
            content: of a `tokenizer.json`.
            max_tokens: where a text is cut, the special tokens included.
            padding: id of the padding token.
        """
        vocabulary = content["model"]["vocab"]
        self.unknown = int(content["model"]["unk_id"])
        special = {token["id"] for token in content.get("added_tokens", ())}
        self._ids = {piece: place for place, (piece, _) in enumerate(vocabulary) if place not in special}
        self._scores = array("d", [score for _, score in vocabulary])
        self._unknown_score = min(self._scores) - _UNKNOWN_PENALTY
        self._longest: dict[str, int] = {}  # letters of the longest piece that begins with a letter
        for piece in self._ids:
            self._longest[piece[:1]] = max(len(piece), self._longest.get(piece[:1], 1))
        around = Tokenizer.from_str(
            json.dumps(
                {
                    **content,
                    "added_tokens": [],
                    "post_processor": None,
                    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0]]},
                }
            )
        )
        self._normalizer, self._pre_tokenizer = around.normalizer, around.pre_tokenizer
        self._before, self._behind = _template(content["post_processor"]) or ([], [])
        self._most = max(0, max_tokens - len(self._before) - len(self._behind))
        self._padding = padding

    def __repr__(self) -> str:
        return f"UnigramTokenizer({self.get_vocab_size()} pieces)"

    @classmethod
    def of(cls, content: Mapping[str, Any], max_tokens: int, padding: int) -> Self | None:
        """The tokenizer of a `tokenizer.json`; None where it does something that only `tokenizers` can."""
        model, around = content.get("model", {}), content.get("post_processor")
        fit = (
            model.get("type") == "Unigram"
            and type(model.get("unk_id")) is int
            and not model.get("byte_fallback")
            and content.get("pre_tokenizer") is not None
            and all(token.get("special") for token in content.get("added_tokens", ()))
            and _template(around) is not None
        )
        return cls(content, max_tokens, padding) if fit else None

    def encode_batch(self, texts: Sequence[str]) -> list[Encoded]:
        """Tokens of the texts, special ones included, padded to the longest."""
        cut = [self._pieces_of(text)[: self._most] for text in texts]
        longest = max(map(len, cut), default=0)
        before, behind = len(self._before), len(self._behind)
        return [
            Encoded(
                [*self._before, *ids, *self._behind, *[self._padding] * (longest - len(ids))],
                [1] * (before + len(ids) + behind) + [0] * (longest - len(ids)),
                [1] * before + [0] * len(ids) + [1] * (behind + longest - len(ids)),
            )
            for ids in cut
        ]

    def get_vocab_size(self) -> int:
        """How many pieces there are, special ones included."""
        return len(self._scores)

    def _pieces_of(self, text: str) -> list[int]:
        if self._normalizer is not None:
            text = self._normalizer.normalize_str(text)
        return [piece for word, _ in self._pre_tokenizer.pre_tokenize_str(text) for piece in self._cut(word)]

    def _cut(self, word: str) -> list[int]:
        """The likeliest pieces of a word; what is in none, side by side, is one unknown one."""
        ids, scores, unknown = self._ids, self._scores, self.unknown
        best = [float("-inf")] * (len(word) + 1)
        best[0] = 0.0
        origin, last = [0] * (len(word) + 1), [unknown] * (len(word) + 1)
        for start, letter in enumerate(word):
            alone = False
            for end in range(start + 1, min(len(word), start + self._longest.get(letter, 0)) + 1):
                piece = ids.get(word[start:end])
                if piece is None:
                    continue
                alone = alone or end == start + 1
                if best[start] + scores[piece] > best[end]:
                    best[end], origin[end], last[end] = best[start] + scores[piece], start, piece
            if not alone and best[start] + self._unknown_score > best[start + 1]:
                best[start + 1], origin[start + 1] = best[start] + self._unknown_score, start
                last[start + 1] = unknown
        pieces: list[int] = []
        at = len(word)
        while at:
            if last[at] != unknown or not pieces or pieces[-1] != unknown:
                pieces.append(last[at])
            at = origin[at]
        return pieces[::-1]


def _template(post_processor: Any) -> tuple[list[int], list[int]] | None:
    """Ids of the special tokens before and behind a text; None where it is no such template."""
    if post_processor is None:
        return [], []
    if post_processor.get("type") != "TemplateProcessing":
        return None
    parts: tuple[list[int], list[int]] = [], []
    behind = False
    for part in post_processor["single"]:
        if "Sequence" in part:
            behind = True
        else:
            parts[behind].extend(post_processor["special_tokens"][part["SpecialToken"]["id"]]["ids"])
    return parts

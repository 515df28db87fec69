"""The tokenizer of large vocabularies against the library's own, token for token."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from shared.model.tokens import TextTokenizer
from shared.model.unigram import UnigramTokenizer

PIECES = ["▁", "▁a", "a", "b", "c", "ab", "abc", "bc", "▁ab", "ca", "玫", "玫瑰", "瑰花", "花", "é", "▁玫瑰"]


def library(max_tokens: int = 12) -> Tokenizer:
    """A small unigram tokenizer, as encoders of many languages have a large one."""
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    scored = [(piece, -1.0 - 0.37 * place % 3.1) for place, piece in enumerate(PIECES)]
    tokenizer = Tokenizer(models.Unigram([*special, *scored], unk_id=3))
    tokenizer.add_special_tokens([name for name, _ in special])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    blanks = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), blanks])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=1)
    return tokenizer


def ours(max_tokens: int = 12) -> UnigramTokenizer:
    made = UnigramTokenizer.of(json.loads(library().to_str()), max_tokens, 1)
    assert made is not None
    return made


@given(st.lists(st.text("ab c玫瑰花é\u0301Ａ\u3000xyz🥁", max_size=30), min_size=1, max_size=4))
def test_texts_are_cut_as_the_library_cuts_them(texts: list[str]) -> None:
    for mine, its in zip(ours().encode_batch(texts), library().encode_batch(texts), strict=True):
        assert mine.ids == its.ids
        assert mine.attention_mask == its.attention_mask
        assert mine.special_tokens_mask == its.special_tokens_mask


def test_a_long_text_is_cut_with_its_last_token_special() -> None:
    (cut,) = ours(5).encode_batch(["abc " * 30])
    assert len(cut.ids) == 5
    assert (cut.ids[0], cut.ids[-1]) == (0, 2)


def test_what_looks_like_a_special_token_is_spelt_out() -> None:
    assert {0, 2} == {token for token in ours().encode_batch(["</s> <s> <pad>"])[0].ids if token < 3}
    assert ours().encode_batch(["</s>"])[0].ids == [0, 4, 3, 2]  # a blank, and one run of what is unknown


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"type": "BPE"}},
        {"model": {"type": "Unigram", "unk_id": None, "vocab": []}},
        {"model": {"type": "Unigram", "unk_id": 3, "vocab": [["a", 0.0]], "byte_fallback": True}},
        {"pre_tokenizer": None},
        {"post_processor": {"type": "BertProcessing"}},
        {"added_tokens": [{"id": 0, "content": "rose", "special": False}]},
    ],
)
def test_what_only_the_library_can_is_left_to_it(change: dict[str, object]) -> None:
    assert UnigramTokenizer.of({**json.loads(library().to_str()), **change}, 12, 1) is None


def test_an_encoder_is_read_with_it(tmp_path: Path) -> None:
    library().save(str(tmp_path / "tokenizer.json"))
    tokenizer = TextTokenizer(tmp_path / "tokenizer.json", 12, 1)
    assert repr(tokenizer) == "TextTokenizer(20 tokens)"
    assert isinstance(tokenizer._tokenizer, UnigramTokenizer)
    tokens = tokenizer(["abc", "a 玫瑰花"])
    assert tokens.ids.tolist() == [its.ids for its in library().encode_batch(["abc", "a 玫瑰花"])]
    assert tokens.mask.sum(1).tolist() == [
        its.attention_mask.count(1) for its in library().encode_batch(["abc", "a 玫瑰花"])
    ]
    assert tokenizer.unknown_shares(["abc", "鼓", ""]).tolist() == [0.0, 0.5, 0.0]

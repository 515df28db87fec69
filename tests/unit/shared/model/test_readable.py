"""Whether an encoder can read a catalogue: shares of unknown tokens, and the refusal that names the cure."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured
from shared.model import Encoder, check_readable
from shared.model.backbone import find_backbone
from shared.model.tokens import TextTokenizer
from tests.support.tiny import Tiny, catalogue


def kept(tokenizer: Tokenizer, path: Path) -> TextTokenizer:
    tokenizer.save(str(path))
    return TextTokenizer(path, 16, 0)


@pytest.fixture(scope="module")
def encoder(tiny: Tiny) -> Encoder:
    return tiny.model().encoder


def test_the_share_of_unknown_tokens_is_counted_by_hand(encoder: Encoder) -> None:
    texts = ["a rose", "a zeppelin", "zeppelin zeppelin", "", "rose zeppelin with a"]
    assert encoder.unknown_shares(texts).tolist() == [0.0, 0.5, 1.0, 0.0, 0.25]


def test_tokens_behind_the_cut_do_not_count(encoder: Encoder) -> None:
    assert encoder.unknown_shares(["rose " * 14 + "zeppelin " * 50]).tolist() == [0.0]


def test_a_vocabulary_that_spells_everything_out_knows_everything(tmp_path: Path) -> None:
    spelling = Tokenizer(models.BPE({letter: place for place, letter in enumerate("abc")}, []))
    assert kept(spelling, tmp_path / "bpe.json").unknown_shares(["abc", "xyz"]).tolist() == [0.0, 0.0]


def test_a_unigram_vocabulary_has_its_unknown_token_too(tmp_path: Path) -> None:
    unigram = Tokenizer(models.Unigram([("<pad>", 0.0), ("<unk>", -9.0), ("rose", -1.0)], unk_id=1))
    unigram.pre_tokenizer = pre_tokenizers.Whitespace()
    assert kept(unigram, tmp_path / "unigram.json").unknown_shares(["rose", "rose 玫瑰"]).tolist() == [0.0, 0.5]


def test_the_packaged_encoder_knows_english_and_neither_chinese_nor_khmer() -> None:
    tokenizer = TextTokenizer(find_backbone("all-MiniLM-L6-v2") / "tokenizer.json", 64, 0)
    english, chinese, khmer = tokenizer.unknown_shares(
        ["Queen Elizabeth has died", "伊丽莎白女王逝世后的第二天", "ព័ត៌មានសង្គ្រាមថ្ងៃនេះ"]
    )
    assert english == 0.0
    assert chinese > 0.2
    assert khmer == 1.0


def test_up_to_a_fifth_unknown_is_read_and_more_is_refused_with_the_cure(encoder: Encoder) -> None:
    known = [Item(f"known-{n}", "Rose", "a rose for the garden") for n in range(4)]
    unknown = Item("n1", "伊麗莎白女王逝世" * 9, "伊麗莎白")
    check_readable(encoder, Catalogue([*known, unknown]))
    check_readable(encoder, catalogue())
    with pytest.raises(Misconfigured) as raised:
        check_readable(encoder, Catalogue([*known[:3], unknown]))
    said = str(raised.value)
    assert f"the encoder {encoder.name} can read" in said
    assert "25% are unknown to it (at most 20% may be)" in said
    assert "item 'n1', '伊麗莎白" in said
    assert said.count("女王") < 9
    assert "set backbone.name to multilingual-e5-small" in said
    assert said.endswith('to its digests, or to ""')


def test_every_item_weighs_the_same_however_long_it_is(encoder: Encoder) -> None:
    """A script without blanks is one unknown token a phrase: beside long texts it would hardly count."""
    long = [Item(f"long-{n}", "Rose", "a rose for the garden with the soil") for n in range(2)]
    with pytest.raises(Misconfigured, match="33%"):
        check_readable(encoder, Catalogue([*long, Item("short", "ព័ត៌មាន", "ព័ត៌មាន")]))

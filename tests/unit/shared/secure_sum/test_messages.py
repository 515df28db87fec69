"""Messages survive their bytes and no others: one contract for every codec."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum import (
    PRIME,
    Advert,
    Agreements,
    Certificate,
    Inbox,
    MaskedVector,
    Roster,
    ShareKind,
    ShareMessage,
    UnmaskShare,
    UnmaskShares,
    agree_statement,
    decode_bitmap,
    encode_bitmap,
    mask_statement,
)

DIMENSION = 5
MEMBERS = st.integers(0, 2**16 - 1)


def exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def entries(width: int) -> st.SearchStrategy[tuple[tuple[int, bytes], ...]]:
    return st.dictionaries(MEMBERS, exactly(width), max_size=6).map(lambda found: tuple(sorted(found.items())))


ADVERTS = st.builds(
    Advert,
    device=exactly(16),
    device_public_key=exactly(32),
    certificate=st.builds(Certificate, st.integers(0, 2**64 - 1), exactly(64)),
    encryption_key=exactly(32),
    mask_key=exactly(32),
    commitment=exactly(32),
    signature=exactly(64),
)


def have_different_keys(adverts: list[Advert]) -> bool:
    return len({key for advert in adverts for key in (advert.encryption_key, advert.mask_key)}) == 2 * len(adverts)


ROSTERS = (
    st.lists(ADVERTS, min_size=1, max_size=5, unique_by=lambda advert: advert.device)
    .filter(have_different_keys)
    .map(lambda adverts: Roster(tuple(sorted(adverts, key=lambda advert: advert.device))))
)
UNMASK_SHARES = st.dictionaries(
    MEMBERS, st.tuples(st.sampled_from(ShareKind), st.integers(0, PRIME - 1)), max_size=6
).map(lambda found: UnmaskShares(tuple(UnmaskShare(member, *rest) for member, rest in sorted(found.items()))))


@dataclass(frozen=True)
class Codec:
    """A message type; `unit` is what its length is a multiple of, 0 where the length is fixed."""

    messages: st.SearchStrategy[Any]
    decode: Callable[[bytes], Any]
    unit: int = 0


CODECS = {
    "advert": Codec(ADVERTS, Advert.decode),
    "roster": Codec(ROSTERS, Roster.decode, 280),
    "share message": Codec(st.builds(ShareMessage, entries(80)), ShareMessage.decode, 82),
    "inbox": Codec(st.builds(Inbox, entries(80)), Inbox.decode, 82),
    "masked vector": Codec(
        st.builds(
            MaskedVector,
            exactly(4 * DIMENSION).map(lambda content: np.frombuffer(content, np.uint32)),
            exactly(64),
        ),
        lambda content: MaskedVector.decode(content, DIMENSION),
    ),
    "agreements": Codec(st.builds(Agreements, entries(64)), Agreements.decode, 66),
    "unmask shares": Codec(UNMASK_SHARES, UnmaskShares.decode, 35),
}

each_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())


@each_codec
@given(data=st.data())
def test_a_message_survives_its_bytes(codec, data):
    message = data.draw(codec.messages)
    content = message.encode()
    again = codec.decode(content)
    assert again.encode() == content
    assert type(again) is type(message)
    if not isinstance(message, MaskedVector):
        assert again == message


@each_codec
@given(data=st.data())
def test_bytes_missing_or_left_over_are_corrupt(codec, data):
    content = data.draw(codec.messages).encode()
    cut, more = data.draw(st.integers(0, len(content))), data.draw(st.binary(min_size=1, max_size=300))
    for wrong in (content[:cut], content + more):
        if len(wrong) != len(content) and (codec.unit == 0 or len(wrong) % codec.unit):
            with pytest.raises(Corrupt, match="expected"):
                codec.decode(wrong)


@each_codec
@given(data=st.data())
def test_random_bytes_are_a_message_in_its_one_form_or_corrupt(codec, data):
    size = codec.unit * data.draw(st.integers(0, 3)) if codec.unit else len(data.draw(codec.messages).encode())
    content = data.draw(exactly(size) | st.binary(max_size=700))
    try:
        message = codec.decode(content)
    except Corrupt:
        return
    assert message.encode() == content


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        (Advert(bytes(16), bytes(32), Certificate(7, bytes(64)), *[bytes(32)] * 3, bytes(64)), "Advert(280 bytes)"),
        (ShareMessage(((3, bytes(80)),)), "ShareMessage(1 envelopes)"),
        (Inbox(((3, bytes(80)),)), "Inbox(1 envelopes)"),
        (MaskedVector(np.ones(6, np.uint32), bytes(64)), "MaskedVector(6 words)"),
        (Agreements(((3, bytes(64)), (4, bytes(64)))), "Agreements(2 signatures)"),
        (UnmaskShare(3, ShareKind.SELF, 123456), "UnmaskShare(35 bytes)"),
        (UnmaskShares((UnmaskShare(3, ShareKind.SELF, 123456),)), "UnmaskShares(1 shares)"),
    ],
)
def test_a_message_prints_its_type_and_size_only(message, printed):
    assert repr(message) == printed


@pytest.mark.parametrize(("kind", "width"), [(ShareMessage, 80), (Inbox, 80), (Agreements, 64)])
@pytest.mark.parametrize("members", [(1, 1), (2, 1), (0, 3, 2)])
def test_members_out_of_order_or_twice_are_corrupt(kind, width, members):
    with pytest.raises(Corrupt, match="ascending order, each once"):
        kind.decode(b"".join(member.to_bytes(2, "little") + bytes(width) for member in members))
    with pytest.raises(Corrupt, match="ascending order, each once"):
        kind(tuple((member, bytes(width)) for member in members))


@pytest.mark.parametrize(("kind", "width"), [(ShareMessage, 80), (Inbox, 80), (Agreements, 64)])
def test_an_entry_of_another_length_or_member_is_corrupt(kind, width):
    for member, length in ((1, width - 1), (2**16, width), (-1, width)):
        with pytest.raises(Corrupt, match=f"expected a u16 and {width} bytes"):
            kind(((member, bytes(length)),))


def test_of_each_member_one_share_is_revealed_and_never_both():
    both = bytes([3, 0, 0]) + bytes(32) + bytes([3, 0, 1]) + bytes(32)
    with pytest.raises(Corrupt, match="each once"):
        UnmaskShares.decode(both)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (bytes([2]) + bytes(32), "expected kind 0 or 1, got 2"),
        (bytes([0]) + PRIME.to_bytes(32, "little"), "a share below"),
        (bytes([1]) + b"\xff" * 32, "a share below"),
    ],
)
def test_a_revealed_share_that_cannot_be_is_corrupt_and_not_printed(body, why):
    with pytest.raises(Corrupt, match=why) as caught:
        UnmaskShares.decode(bytes([3, 0]) + body)
    assert str(PRIME) not in str(caught.value)


def test_a_vector_is_words_of_32_bits():
    for words in (np.zeros(3, np.int64), np.zeros((3, 1), np.uint32)):
        with pytest.raises(Corrupt, match="expected a uint32 vector"):
            MaskedVector(words, bytes(64))
    with pytest.raises(Corrupt, match="and 63 bytes"):
        MaskedVector(np.zeros(3, np.uint32), bytes(63))


@given(st.data())
def test_a_set_survives_its_bitmap(data):
    n = data.draw(st.integers(1, 70))
    members = data.draw(st.frozensets(st.integers(0, n - 1)))
    content = encode_bitmap(members, n)
    assert len(content) == -(-n // 8)
    assert decode_bitmap(content, n) == members


@given(st.binary(max_size=6), st.integers(0, 50))
def test_random_bytes_are_a_bitmap_in_its_one_form_or_corrupt(content, n):
    try:
        members = decode_bitmap(content, n)
    except Corrupt:
        return
    assert encode_bitmap(members, n) == content


def test_the_first_member_is_the_lowest_bit():
    assert encode_bitmap({0, 1, 2, 3, 4}, 5) == b"\x1f"
    assert encode_bitmap({8}, 9) == b"\x00\x01"
    assert decode_bitmap(b"\x0f", 5) == {0, 1, 2, 3}


def test_a_bit_beyond_the_last_member_is_refused():
    with pytest.raises(Corrupt, match="got a bit at 5"):
        decode_bitmap(b"\x20", 5)
    for members in ({5}, {-1}):
        with pytest.raises(Misconfigured, match="members from 0 to 4"):
            encode_bitmap(members, 5)


def test_statements_differ_by_their_purpose_and_hold_the_sets():
    assert mask_statement(b"c" * 32, b"\x1f") == b"FEDREC-SA/1 mask" + b"c" * 32 + b"\x1f"
    assert agree_statement(b"c" * 32, b"\x1f", b"\x0f") == b"FEDREC-SA/1 agree" + b"c" * 32 + b"\x1f\x0f"

"""Seals: events come back as they were, and nothing opens anywhere but where it was sealed."""

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from client.store.seal import Seals, decode_event, encode_event
from shared.behaviour import Event, EventKind
from shared.errors import Corrupt, Misconfigured

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(min_size=1)
events = st.builds(
    Event,
    time_seconds=finite,
    kind=st.sampled_from(EventKind),
    item=names,
    text=st.text(),
    value=st.none() | finite,
    shown=st.lists(names).map(tuple),
    context=st.lists(st.tuples(names, names)).map(tuple),
    propensity=st.none() | st.floats(0, 1, exclude_min=True),
) | st.builds(Event, finite, st.just(EventKind.SEARCH), st.none(), names)


@given(events)
def test_an_event_comes_back_as_it_was(event):
    again = decode_event(encode_event(event))
    assert again == event
    assert repr(again.time_seconds) == repr(float(event.time_seconds))
    assert encode_event(again) == encode_event(event)


@given(st.binary(), st.text(alphabet="abc", min_size=1), st.binary(max_size=24))
def test_what_is_sealed_opens_in_its_place_and_is_never_sealed_alike_twice(content, table, row):
    seals = Seals(bytes(32))
    one, other = seals.seal(content, table, row), seals.seal(content, table, row)
    assert one != other
    assert seals.open(one, table, row) == seals.open(other, table, row) == content
    if len(content) >= 8:
        assert content not in one


def test_another_key_table_row_or_a_changed_byte_does_not_open():
    seals = Seals(bytes(32))
    sealed = seals.seal(b"content", "events", b"\x01")
    for opener, changed, table, row in (
        (Seals(b"\x01" * 32), sealed, "events", b"\x01"),
        (seals, sealed, "controls", b"\x01"),
        (seals, sealed, "events", b"\x02"),
        (seals, sealed, "events", b"\x01\x00"),
        (seals, sealed[:-1], "events", b"\x01"),
        (seals, b"", "events", b"\x01"),
        *(
            (seals, sealed[:k] + bytes([sealed[k] ^ 1]) + sealed[k + 1 :], "events", b"\x01")
            for k in range(len(sealed))
        ),
    ):
        with pytest.raises(InvalidTag):
            opener.open(changed, table, row)


@given(st.binary() | st.sampled_from([b"[]", b"{}", b"null", b'[1,"click",null,"",null,[],[],null]', b"[" * 100_000]))
def test_what_is_no_event_is_corrupt_and_not_quoted(content):
    with pytest.raises(Corrupt) as caught:
        decode_event(content)
    assert str(caught.value) == "event: expected the fields of an event, got something else"


def test_a_tag_says_nothing_of_the_name_and_differs_by_key():
    assert Seals(bytes(32)).tag("knee pain") == Seals(bytes(32)).tag("knee pain")
    assert Seals(bytes(32)).tag("knee pain") != Seals(b"\x01" * 32).tag("knee pain")
    assert Seals(bytes(32)).tag("knee pain") != Seals(bytes(32)).tag("knee")


def test_a_key_of_another_size_is_refused_and_no_key_is_printed():
    with pytest.raises(Misconfigured, match="32 bytes, got 16"):
        Seals(bytes(16))
    assert repr(Seals(b"k" * 32)) == "Seals(32 bytes)"

"""Envelopes open for whom they were sealed, and for nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum import open_envelope, seal

KEY, SESSION, SHARES = bytes(range(32)), b"s" * 32, bytes(range(64))


@given(st.binary(min_size=32, max_size=32), st.integers(0, 65535), st.integers(0, 65535))
def test_what_was_sealed_opens(key, sender, receiver):
    envelope = seal(key, sender, receiver, SESSION, SHARES)
    assert len(envelope) == 80
    assert open_envelope(key, sender, receiver, SESSION, envelope) == SHARES


@pytest.mark.parametrize(
    "opened_with",
    [(bytes(32), 1, 2, SESSION), (KEY, 2, 1, SESSION), (KEY, 1, 3, SESSION), (KEY, 1, 2, bytes(32))],
)
def test_another_key_direction_member_or_session_does_not_open_it(opened_with):
    with pytest.raises(Corrupt, match="expected one sealed for") as caught:
        open_envelope(*opened_with, seal(KEY, 1, 2, SESSION, SHARES))
    assert KEY.hex() not in str(caught.value)


@pytest.mark.parametrize("place", range(80))
def test_an_altered_envelope_does_not_open(place):
    envelope = bytearray(seal(KEY, 1, 2, SESSION, SHARES))
    envelope[place] ^= 1
    with pytest.raises(Corrupt):
        open_envelope(KEY, 1, 2, SESSION, bytes(envelope))


@given(st.binary(max_size=100))
def test_random_bytes_do_not_open(content):
    with pytest.raises(Corrupt):
        open_envelope(KEY, 1, 2, SESSION, content)


def test_only_two_shares_are_sealed():
    with pytest.raises(Misconfigured, match="expected 64 bytes of shares, got 63"):
        seal(KEY, 1, 2, SESSION, bytes(63))

"""The keystream, against the published vectors of the private sum."""

import hashlib
import os

import numpy as np
import pytest

from shared.errors import Misconfigured
from shared.privacy import Keystream

KEY = bytes(range(32))


def test_the_stream_is_that_of_the_vectors(vectors):
    words = np.frombuffer(Keystream(KEY)(4 * 40_000), "<u4")
    assert words[:8].tolist() == vectors["prg"]["first8_u32"]
    assert words[39_999] == vectors["prg"]["u32_at_39999"]
    assert hashlib.sha256(words.tobytes()).hexdigest() == vectors["prg"]["sha256_of_40000_words"]


def test_a_stream_goes_on_where_it_stopped():
    stream = Keystream(KEY)
    assert b"".join(stream(length) for length in (0, 1, 15, 17, 100)) == Keystream(KEY)(133)


def test_words_at_places_are_those_of_the_stream_and_leave_it_where_it_is():
    words, stream = np.frombuffer(Keystream(KEY)(4 * 1000), "<u4"), Keystream(KEY)
    places = np.array([999, 0, 1, 4, 7, 8, 500])
    assert stream.words_at(places).tolist() == words[places].tolist()
    assert stream.words_at(places[:0]).tolist() == []
    assert stream(16) == words[:4].tobytes()


def test_a_drawn_key_comes_from_the_given_source_and_else_from_the_system():
    assert Keystream.drawn(lambda length: bytes(range(length)))(8) == Keystream(KEY)(8)
    assert Keystream.drawn()(16) != Keystream.drawn()(16)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused_and_not_quoted(length):
    key = os.urandom(length)
    with pytest.raises(Misconfigured, match=f"expected a key of 32 bytes, got {length}") as error:
        Keystream(key)
    assert not key or key.hex() not in str(error.value)


def test_a_stream_prints_no_key():
    assert repr(Keystream(KEY)) == "Keystream(AES-256-CTR)"

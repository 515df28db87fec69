"""Masks, against the published vectors and the plain key stream."""

import hashlib

import numpy as np
import pytest

from shared.errors import Misconfigured
from shared.secure_sum import add_mask, mask_words

KEY = bytes(range(32))


def test_words_are_those_of_the_vectors(vectors):
    words = mask_words(KEY, 40_000)
    assert words.dtype == np.uint32
    assert words[:8].tolist() == vectors["prg"]["first8_u32"]
    assert words[39_999] == vectors["prg"]["u32_at_39999"]
    assert hashlib.sha256(words.astype("<u4").tobytes()).hexdigest() == vectors["prg"]["sha256_of_40000_words"]


@pytest.mark.parametrize("length", [0, 1, 16_383, 16_384, 16_385, 100_000])
def test_a_mask_added_in_parts_is_the_mask_added_at_once(length):
    start = np.random.default_rng(1).integers(0, 2**32, length, dtype=np.uint32)
    vector = start.copy()
    add_mask(vector, KEY, 1)
    assert np.array_equal(vector, start + mask_words(KEY, length))
    add_mask(vector, KEY, -1)
    assert np.array_equal(vector, start)
    add_mask(vector, KEY, -1)
    assert np.array_equal(vector, start - mask_words(KEY, length))


def test_another_key_gives_another_mask():
    assert not np.array_equal(mask_words(KEY, 8), mask_words(bytes(32), 8))


@pytest.mark.parametrize(
    ("vector", "sign"),
    [(np.zeros(4, np.int32), 1), (np.zeros((2, 2), np.uint32), 1), (np.zeros(4, np.uint32), 2)],
)
def test_a_vector_that_cannot_be_masked_is_refused(vector, sign):
    with pytest.raises(Misconfigured, match="expected a uint32 vector"):
        add_mask(vector, KEY, sign)

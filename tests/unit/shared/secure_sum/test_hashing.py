"""Labelled hashing, against the published vectors and hashlib."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from shared.secure_sum import derive, device_id, digest


def test_the_labelled_hash_is_that_of_the_vectors(vectors):
    given_parts = [bytes.fromhex(part) for part in vectors["H"]["parts"]]
    assert digest(vectors["H"]["label"], *given_parts).hex() == vectors["H"]["out"]


def test_key_derivation_is_that_of_the_vectors(vectors):
    ikm, salt = (bytes.fromhex(vectors["hkdf"][name]) for name in ("ikm", "salt"))
    assert derive(ikm, salt, vectors["hkdf"]["info"].encode()).hex() == vectors["hkdf"]["out"]


def test_a_device_id_is_the_first_half_of_a_hash_of_its_key():
    assert device_id(bytes(32)) == hashlib.sha256(b"FEDREC-SA/1 device-id" + bytes(32)).digest()[:16]


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_parts_cannot_be_cut_another_way_to_the_same_hash(parts, others):
    assert (digest("x", *parts) == digest("x", *others)) == (parts == others)

"""Keys that two sides agree on; the values of the vectors are checked in test_round.py."""

import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import Corrupt
from shared.secure_sum import (
    commitment,
    mask_secret,
    pair_key,
    public_key,
    self_key,
    share_key,
    shared_secret,
)

SESSION, A, B = bytes(range(32)), b"a" * 16, b"b" * 16


def test_both_sides_reach_the_same_secret_and_pair_key():
    one, other = os.urandom(32), mask_secret(5)
    shared = shared_secret(one, public_key(other))
    assert shared == shared_secret(other, public_key(one))
    assert pair_key(shared, SESSION, A, B) == pair_key(shared, SESSION, B, A)


def test_each_direction_session_device_and_purpose_has_its_own_key():
    shared = bytes([1]) * 32
    keys = {
        share_key(shared, SESSION, A, B),
        share_key(shared, SESSION, B, A),
        share_key(shared, bytes(32), A, B),
        pair_key(shared, SESSION, A, B),
        pair_key(shared, bytes(32), A, B),
        self_key(int.from_bytes(shared, "little"), SESSION, A),
        self_key(int.from_bytes(shared, "little"), SESSION, B),
        self_key(int.from_bytes(shared, "little"), bytes(32), A),
        mask_secret(int.from_bytes(shared, "little")),
    }
    assert len(keys) == 9
    assert all(len(key) == 32 for key in keys)


def test_a_mask_secret_is_derived_as_written():
    plain = HKDF(hashes.SHA256(), 32, bytes(32), b"FEDREC-SA/1 mask-sk").derive((7).to_bytes(32, "little"))
    assert mask_secret(7) == plain


@pytest.mark.parametrize("peer", [bytes(32), (1).to_bytes(32, "little"), bytes(31), b""])
def test_a_peers_key_that_fixes_the_secret_or_is_none_is_corrupt(peer):
    secret = os.urandom(32)
    with pytest.raises(Corrupt, match="expected a 32-byte X25519 public key") as caught:
        shared_secret(secret, peer)
    assert secret.hex() not in str(caught.value)


def test_a_commitment_is_to_one_value_of_one_device_in_one_round():
    made = [
        commitment(SESSION, A, 1),
        commitment(SESSION, A, 2),
        commitment(SESSION, B, 1),
        commitment(bytes(32), A, 1),
    ]
    assert len(set(made)) == 4

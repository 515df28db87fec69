"""Device keys and the registry's certificates."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum import Certificate, Identity, identity, issue_certificate, verify_certificate, verify_signature

REGISTRY = Ed25519PrivateKey.from_private_bytes(b"\xaa" * 32)
REGISTRY_KEY = REGISTRY.public_key().public_bytes_raw()
DEVICE = Identity(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
OTHER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))


def test_the_registrys_key_is_that_of_the_vectors(vectors):
    assert REGISTRY_KEY.hex() == vectors["round"]["registry_pk"]


def test_a_certificate_holds_for_its_device_until_it_expires():
    certificate = issue_certificate(REGISTRY, DEVICE.public_key, 1000)
    verify_certificate(REGISTRY_KEY, DEVICE.public_key, certificate, 999)
    with pytest.raises(Corrupt, match="expired at second 1000"):
        verify_certificate(REGISTRY_KEY, DEVICE.public_key, certificate, 1000)


@pytest.mark.parametrize(
    ("registry", "device", "change"),
    [
        (REGISTRY_KEY, OTHER.public_key, {}),
        (OTHER.public_key, DEVICE.public_key, {}),
        (REGISTRY_KEY, DEVICE.public_key, {"expiry_seconds": 2000}),
        (REGISTRY_KEY, DEVICE.public_key, {"signature": bytes(64)}),
        (REGISTRY_KEY[:31], DEVICE.public_key, {}),
    ],
)
def test_a_certificate_holds_for_nothing_else(registry, device, change):
    certificate = replace(issue_certificate(REGISTRY, DEVICE.public_key, 1000), **change)
    with pytest.raises(Corrupt, match="expected the registry's signature"):
        verify_certificate(registry, device, certificate, 0)


@given(st.integers(0, 2**64 - 1), st.binary(min_size=64, max_size=64), st.binary(min_size=1, max_size=9))
def test_a_certificate_survives_its_bytes_and_no_others(expiry, signature, more):
    certificate = Certificate(expiry, signature)
    content = certificate.encode()
    assert Certificate.decode(content) == certificate
    for wrong in (content + more, content[: -len(more)], b""):
        with pytest.raises(Corrupt, match="expected 72 bytes"):
            Certificate.decode(wrong)


def test_a_certificate_for_no_key_is_refused():
    with pytest.raises(Misconfigured, match="expected a key of 32 bytes"):
        issue_certificate(REGISTRY, bytes(31), 1)
    with pytest.raises(Misconfigured, match="a u64 of seconds"):
        issue_certificate(REGISTRY, bytes(32), 2**64)
    with pytest.raises(Corrupt, match="a u64"):
        Certificate(-1, bytes(64))


def test_only_the_signed_message_verifies():
    signature = DEVICE.sign(b"yes")
    assert verify_signature(DEVICE.public_key, signature, b"yes")
    assert not verify_signature(DEVICE.public_key, signature, b"no")
    assert not verify_signature(OTHER.public_key, signature, b"yes")
    assert not verify_signature(DEVICE.public_key, signature[:63], b"yes")
    assert not verify_signature(bytes(5), signature, b"yes")


def test_a_signature_that_held_is_not_computed_again_and_one_that_failed_is(monkeypatch):
    checked = []

    class Counting:
        @staticmethod
        def from_public_bytes(key):
            checked.append(key)
            return ed25519.Ed25519PublicKey.from_public_bytes(key)

    monkeypatch.setattr(identity, "Ed25519PublicKey", Counting)
    monkeypatch.setattr(identity, "_verified", identity._Recent(2))
    signatures = [DEVICE.sign(bytes([number])) for number in range(3)]
    assert verify_signature(DEVICE.public_key, signatures[0], b"\0")
    assert verify_signature(DEVICE.public_key, signatures[0], b"\0")
    assert len(checked) == 1
    for _ in range(2):
        assert not verify_signature(DEVICE.public_key, signatures[0], b"\1")
    assert len(checked) == 3
    for number in (1, 2):
        assert verify_signature(DEVICE.public_key, signatures[number], bytes([number]))
    assert verify_signature(DEVICE.public_key, signatures[0], b"\0")  # the oldest of three was forgotten
    assert len(checked) == 6


def test_neither_an_identity_nor_a_certificate_prints_what_it_holds():
    assert repr(DEVICE) == "Identity(32 bytes)"
    assert repr(issue_certificate(REGISTRY, DEVICE.public_key, 7)) == "Certificate(72 bytes)"

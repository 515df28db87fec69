"""Requests that carry a device's signature."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.enrolment import SignedRequest, authorization, parse_authorization
from shared.errors import Corrupt, Refused
from shared.secure_sum import Identity

DEVICE = Identity(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
OTHER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
PATH = "/v1/releases/chain?after=3"
NOW = 1_800_000_000


def test_a_request_holds_for_its_device_its_path_and_five_minutes():
    request = parse_authorization(authorization(DEVICE, "GET", PATH, NOW + 0.9))
    assert (request.device, request.seconds) == (DEVICE.device, NOW)
    for now in (NOW, NOW - 300, NOW + 300):
        request.verify(DEVICE.public_key, "get", PATH, now)
    for now in (NOW - 301, NOW + 301):
        with pytest.raises(Refused, match="set the device's clock"):
            request.verify(DEVICE.public_key, "GET", PATH, now)
    for key, method, path in (
        (OTHER.public_key, "GET", PATH),
        (DEVICE.public_key, "POST", PATH),
        (DEVICE.public_key, "GET", "/v1/releases/chain?after=4"),
        (DEVICE.public_key, "GET", "\udcff"),
        (bytes(3), "GET", PATH),
    ):
        with pytest.raises(Corrupt, match="expected a signature of device"):
            request.verify(key, method, path, NOW)


def test_a_device_does_not_pass_under_another_ones_name():
    header = authorization(OTHER, "GET", PATH, NOW).replace(OTHER.device.hex(), DEVICE.device.hex())
    for key in (DEVICE.public_key, OTHER.public_key):
        with pytest.raises(Corrupt):
            parse_authorization(header).verify(key, "GET", PATH, NOW)


def test_method_and_path_do_not_run_into_each_other():
    request = parse_authorization(authorization(DEVICE, "GET", "/a", NOW))
    with pytest.raises(Corrupt):
        request.verify(DEVICE.public_key, "GET/", "a", NOW)


@given(st.text() | st.text(alphabet="Hushrec .0123456789abcdefAZ-_", max_size=150))
def test_garbage_is_corrupt_and_nothing_else(header):
    with pytest.raises(Corrupt, match="Authorization: Hushrec DEVICE"):
        parse_authorization(header)


@given(st.integers(0, 10**12 - 1), st.data())
def test_a_header_with_one_character_changed_never_passes(seconds, data):
    header = authorization(DEVICE, "GET", PATH, seconds)
    place = data.draw(st.integers(0, len(header) - 1))
    character = data.draw(st.characters().filter(lambda other: other != header[place]))
    with pytest.raises((Corrupt, Refused)):
        parse_authorization(header[:place] + character + header[place + 1 :]).verify(
            DEVICE.public_key, "GET", PATH, seconds
        )


def test_a_printed_request_shows_no_signature():
    assert repr(SignedRequest(bytes(16), 1, bytes(64))) == f"SignedRequest(device {'0' * 32})"

"""Authority, offer, join request, answer, revocations and receipt: real keys, strict decoders."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.enrolment import (
    JoinAnswer,
    JoinRequest,
    Offer,
    OfferRequest,
    RejoinRequest,
    Revocations,
    SignedAuthority,
    SignedOffer,
    fingerprint,
    sign_authority,
    sign_offer,
    sign_receipt,
    sign_revocations,
)
from shared.errors import Corrupt
from shared.secure_sum import Identity, issue_certificate

OPERATOR = Ed25519PrivateKey.from_private_bytes(b"\x0a" * 32)
REGISTRY = Ed25519PrivateKey.from_private_bytes(b"\xaa" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x0b" * 32)
DEVICE = Identity(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
NODE = ec.generate_private_key(ec.SECP384R1())
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def public(key):
    return key.public_key().public_bytes_raw()


def offer(**changes):
    fields = {
        "federation": 'name = "films"\n',
        "registry": public(REGISTRY),
        "operator": public(OPERATOR),
        "certificate_days": 365,
        "server": "Films",
        **changes,
    }
    return Offer(**fields)


EXAMPLES = [
    sign_authority(OPERATOR, PEM),
    offer(),
    sign_offer(OPERATOR, offer()),
    OfferRequest(code=bytes(range(16))),
    JoinRequest.make(bytes(16), DEVICE, NODE),
    RejoinRequest.make(issue_certificate(REGISTRY, DEVICE.public_key, 9).encode(), DEVICE, NODE),
    JoinAnswer(certificate=issue_certificate(REGISTRY, DEVICE.public_key, 9).encode()),
    sign_revocations(REGISTRY, 3, [bytes(16), DEVICE.device]),
    sign_receipt(OPERATOR, DEVICE.device, {"update": (3, 12), "statistics": (1, 0)}, 5),
]
TEXTS = {"authority", "federation", "server", "offer", "node_key"}
each_message = pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.noun)


@each_message
def test_a_message_survives_its_bytes(message):
    again = type(message).decode(message.encode())
    assert again == message
    assert again.encode() == message.encode()


@each_message
def test_a_message_with_a_key_more_a_key_less_or_another_type_is_corrupt(message):
    content = json.loads(message.encode())
    wrong = [{**content, "more": 1}, [content], None]
    for name in content:
        wrong.append({key: value for key, value in content.items() if key != name})
        others = (None, {}, 1.5, True, "", [1], -1)
        wrong += [{**content, name: value} for value in others if (name, value) != ("answers", {})]
        if name not in TEXTS:
            wrong += [{**content, name: value} for value in ("=", "=" * 44, "\u00e4" * 44)]
    for each in wrong:
        with pytest.raises(Corrupt, match=f"^{message.noun}: expected"):
            type(message).decode(json.dumps(each).encode())


@each_message
def test_too_many_bytes_are_corrupt_before_they_are_read(message):
    padded = message.encode() + b" " * type(message).largest_bytes
    with pytest.raises(Corrupt, match="expected at most"):
        type(message).decode(padded)


@given(st.binary(max_size=200), st.sampled_from(EXAMPLES))
def test_garbage_is_corrupt_and_nothing_else(content, message):
    with pytest.raises(Corrupt):
        type(message).decode(content)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(EXAMPLES))
def test_a_flipped_byte_is_corrupt_or_is_the_new_message_said_once(data, message):
    content = bytearray(message.encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = type(message).decode(bytes(content))
    except Corrupt:
        return
    assert type(message).decode(decoded.encode()) == decoded


@each_message
def test_a_printed_message_shows_its_size_only(message):
    assert repr(message) == str(message) == f"{type(message).__name__}({len(message.encode())} bytes)"


def test_bytes_have_one_spelling_in_json():
    content = json.loads(JoinAnswer(certificate=b"\xff" * 72).encode())
    assert content == {"certificate": base64.b64encode(b"\xff" * 72).decode()}
    for spelling in (
        base64.urlsafe_b64encode(b"\xff" * 72).decode(),
        content["certificate"] + "\n",
        base64.b64encode(b"\xff" * 71).decode(),
    ):
        with pytest.raises(Corrupt):
            JoinAnswer.decode(json.dumps({"certificate": spelling}).encode())


def test_an_authority_holds_under_the_fingerprint_of_the_operator_who_signed_it():
    authority = sign_authority(OPERATOR, PEM)
    authority.verify(fingerprint(public(OPERATOR)))
    with pytest.raises(Corrupt, match="not the server that the invitation names"):
        authority.verify(fingerprint(public(STRANGER)))
    for change in ({"authority": PEM + " "}, {"signature": STRANGER.sign(b"x")}):
        with pytest.raises(Corrupt, match="expected the operator's signature"):
            authority.model_copy(update=change).verify(fingerprint(public(OPERATOR)))
    impostor = sign_authority(STRANGER, PEM).model_copy(update={"operator": public(OPERATOR)})
    with pytest.raises(Corrupt, match="expected the operator's signature"):
        impostor.verify(fingerprint(public(OPERATOR)))


def test_an_offer_is_read_once_its_signature_holds():
    assert sign_offer(OPERATOR, offer()).verify(public(OPERATOR)) == offer()
    changed = sign_offer(OPERATOR, offer()).offer.replace("365", "366")
    with pytest.raises(Corrupt, match="expected the operator's signature"):
        SignedOffer(offer=changed, signature=sign_offer(OPERATOR, offer()).signature).verify(public(OPERATOR))
    with pytest.raises(Corrupt, match="expected the operator's signature"):
        sign_offer(OPERATOR, offer()).verify(public(STRANGER))
    with pytest.raises(Corrupt, match="to name the operator who signed it"):
        sign_offer(STRANGER, offer()).verify(public(STRANGER))


def test_the_signature_of_one_kind_of_message_is_none_of_another():
    text = sign_offer(OPERATOR, offer()).offer
    crossed = SignedOffer(offer=text, signature=sign_authority(OPERATOR, text).signature)
    with pytest.raises(Corrupt, match="expected the operator's signature"):
        crossed.verify(public(OPERATOR))


def test_a_join_request_proves_that_both_keys_are_held():
    request = JoinRequest.decode(JoinRequest.make(b"c" * 16, DEVICE, NODE).encode())
    request.verify()
    assert request.device_key == DEVICE.public_key
    assert serialization.load_ssh_public_key(request.node_key.encode()).public_numbers() == (
        NODE.public_key().public_numbers()
    )
    other_node = JoinRequest.make(b"c" * 16, DEVICE, ec.generate_private_key(ec.SECP384R1()))
    other_device = JoinRequest.make(b"c" * 16, Identity(STRANGER), NODE)
    for change in (
        {"code": b"d" * 16},
        {"device_key": other_device.device_key},
        {"device_signature": other_device.device_signature},
        {"node_key": other_node.node_key},
        {"node_signature": other_node.node_signature},
        {"node_signature": bytes(70)},
    ):
        with pytest.raises(Corrupt, match="join request: expected a signature of the"):
            request.model_copy(update=change).verify()


def test_a_rejoin_request_proves_both_keys_and_the_registrys_word_however_old():
    certificate = issue_certificate(REGISTRY, DEVICE.public_key, 0).encode()
    request = RejoinRequest.decode(RejoinRequest.make(certificate, DEVICE, NODE).encode())
    request.verify()
    request.verify_certified(public(REGISTRY))
    with pytest.raises(Corrupt, match="expected the registry's signature"):
        request.verify_certified(public(STRANGER))
    other = RejoinRequest.make(certificate, Identity(STRANGER), NODE)
    for change in (
        {"certificate": bytes(72)},
        {"device_key": other.device_key},
        {"device_signature": other.device_signature},
        {"node_signature": JoinRequest.make(b"c" * 16, DEVICE, NODE).node_signature},
    ):
        with pytest.raises(Corrupt, match="rejoin request: expected a signature of the"):
            request.model_copy(update=change).verify()


def _ssh(key):
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    "line",
    [
        _ssh(NODE) + " someone@somewhere",
        _ssh(NODE) + "\n",
        _ssh(NODE)[:-5],
        _ssh(ec.generate_private_key(ec.SECP256R1())),
        _ssh(STRANGER),
        "x" * 40,
        "ecdsa-sha2-nistp384 " + "\u00e4" * 40,
    ],
)
def test_a_node_key_is_p384_in_one_spelling(line):
    request = JoinRequest.make(b"c" * 16, DEVICE, NODE).model_copy(update={"node_key": line})
    with pytest.raises(Corrupt, match="expected a P-384 node key as one OpenSSH line"):
        request.verify()


@given(st.text(min_size=32, max_size=200))
def test_any_text_for_a_node_key_is_corrupt_and_nothing_else(line):
    request = JoinRequest.make(b"c" * 16, DEVICE, NODE).model_copy(update={"node_key": line})
    with pytest.raises(Corrupt):
        request.verify()


@given(st.integers(0, 2**53 - 1), st.frozensets(st.binary(min_size=16, max_size=16), max_size=9))
def test_revocations_survive_their_bytes_and_hold_for_the_registry_alone(sequence, devices):
    revocations = Revocations.decode(sign_revocations(REGISTRY, sequence, devices).encode())
    assert (revocations.sequence, revocations.devices) == (sequence, devices)
    revocations.verify(public(REGISTRY))
    for change in ({"sequence": sequence + 1}, {"devices": devices ^ {bytes(16)}}):
        with pytest.raises(Corrupt, match="expected the registry's signature"):
            revocations.model_copy(update=change).verify(public(REGISTRY))
    with pytest.raises(Corrupt, match="expected the registry's signature"):
        revocations.verify(public(STRANGER))


@pytest.mark.parametrize(
    "devices",
    [["00" * 16, "00" * 16], ["11" * 16, "00" * 16], ["AA" * 16], ["00" * 15], ["0" * 31 + "\u0663"], [[0] * 16]],
)
def test_a_list_of_devices_has_one_spelling(devices):
    content = json.loads(sign_revocations(REGISTRY, 1, []).encode())
    with pytest.raises(Corrupt):
        Revocations.decode(json.dumps({**content, "devices": devices}).encode())


def test_ten_years_of_revocations_fit():
    devices = [number.to_bytes(16, "big") for number in range(200_000)]
    content = sign_revocations(REGISTRY, 200_000, devices).encode()
    assert len(content) < Revocations.largest_bytes
    assert len(Revocations.decode(content).devices) == 200_000


def test_a_signed_authority_is_the_json_that_strangers_may_read():
    assert set(json.loads(EXAMPLES[0].encode())) == {"operator", "authority", "signature"}
    assert isinstance(EXAMPLES[0], SignedAuthority)

"""A device's request to join, in which both of its keys prove that it holds them, and the registry's answer."""

from typing import Annotated, ClassVar, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field

from shared.enrolment.wire import CertificateBytes, Code, EcdsaSignature, Key, Message, Signature, statement
from shared.errors import Corrupt
from shared.secure_sum import Identity, verify_signature

_HASH = ec.ECDSA(hashes.SHA384())


class JoinRequest(Message):
    """Asks for a certificate.

    Attributes:
        code: of the invitation, 16 bytes.
        device_key: Ed25519 public key that signs in rounds, 32 bytes.
        node_key: P-384 public key that Flower knows the device by, one line of OpenSSH without a comment.
        device_signature: of the device key, 64 bytes.
        node_signature: of the node key, ECDSA in DER.
    """

    noun: ClassVar[str] = "join request"
    largest_bytes: ClassVar[int] = 4096

    code: Code
    device_key: Key
    node_key: Annotated[str, Field(min_length=32, max_length=512)]
    device_signature: Signature
    node_signature: EcdsaSignature

    @classmethod
    def make(cls, code: bytes, identity: Identity, node_key: ec.EllipticCurvePrivateKey) -> Self:
        """The request of a device that holds both private keys."""
        line = _line(node_key.public_key())
        signed = _signed(code, identity.public_key, line)
        return cls(
            code=code,
            device_key=identity.public_key,
            node_key=line,
            device_signature=identity.sign(signed),
            node_signature=node_key.sign(signed, _HASH),
        )

    def verify(self) -> None:
        """Check that whoever asks holds both private keys.

        Raises:
            Corrupt: a signature fails, or the node key is not P-384 in its one spelling.
        """
        signed = _signed(self.code, self.device_key, self.node_key)
        node_key = _read_line(self.node_key)
        if not verify_signature(self.device_key, self.device_signature, signed):
            raise Corrupt("join request: expected a signature of the device key, got another")
        try:
            node_key.verify(self.node_signature, signed, _HASH)
        except InvalidSignature:
            raise Corrupt("join request: expected a signature of the node key, got another") from None


class OfferRequest(Message):
    """Asks what joining would mean.

    Attributes:
        code: of the invitation, 16 bytes.
    """

    noun: ClassVar[str] = "offer request"
    largest_bytes: ClassVar[int] = 1024

    code: Code


class JoinAnswer(Message):
    """The registry's answer to joining and to renewing.

    Attributes:
        certificate: `shared.secure_sum.Certificate`, encoded, 72 bytes.
    """

    noun: ClassVar[str] = "join answer"
    largest_bytes: ClassVar[int] = 1024

    certificate: CertificateBytes


def _signed(code: bytes, device_key: bytes, node_key: str) -> bytes:
    return statement("join", code, device_key, node_key.encode())


def _line(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _read_line(line: str) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1) or _line(key) != line:
        raise Corrupt("join request: expected a P-384 node key as one OpenSSH line without a comment, got another")
    return key

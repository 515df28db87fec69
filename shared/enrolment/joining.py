"""A device's request to join, in which both of its keys prove that it holds them, and the registry's answer."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field

from shared.enrolment.wire import CertificateBytes, Code, EcdsaSignature, Key, Message, Signature, statement
from shared.errors import Corrupt
from shared.secure_sum import Certificate, Identity, verify_certificate, verify_signature

_HASH = ec.ECDSA(hashes.SHA384())


class _KeyProof(Message):
    """Signatures of both of a device's keys over what it shows besides."""

    largest_bytes: ClassVar[int] = 4096

    device_key: Key
    node_key: Annotated[str, Field(min_length=32, max_length=512)]
    device_signature: Signature
    node_signature: EcdsaSignature

    @abstractmethod
    def _signed(self) -> bytes:
        """What both keys sign."""

    def verify(self) -> None:
        """Check that whoever asks holds both private keys.

        Raises:
            Corrupt: a signature fails, or the node key is not P-384 in its one spelling.
        """
        signed, node_key = self._signed(), _read_line(self.node_key)
        if not verify_signature(self.device_key, self.device_signature, signed):
            raise Corrupt(f"{self.noun}: expected a signature of the device key, got another")
        try:
            node_key.verify(self.node_signature, signed, _HASH)
        except InvalidSignature:
            raise Corrupt(f"{self.noun}: expected a signature of the node key, got another") from None


class JoinRequest(_KeyProof):
    """Asks for a certificate.

    Attributes:
        code: of the invitation, 16 bytes.
        device_key: Ed25519 public key that signs in rounds, 32 bytes.
        node_key: P-384 public key that Flower knows the device by, one line of OpenSSH without a comment.
        device_signature: of the device key, 64 bytes.
        node_signature: of the node key, ECDSA in DER.
    """

    noun: ClassVar[str] = "join request"

    code: Code

    @classmethod
    def make(cls, code: bytes, identity: Identity, node_key: ec.EllipticCurvePrivateKey) -> Self:
        """The request of a device that holds both private keys."""
        line = _line(node_key.public_key())
        signed = statement("join", code, identity.public_key, line.encode())
        return cls(
            code=code,
            device_key=identity.public_key,
            node_key=line,
            device_signature=identity.sign(signed),
            node_signature=node_key.sign(signed, _HASH),
        )

    def _signed(self) -> bytes:
        return statement("join", self.code, self.device_key, self.node_key.encode())


class RejoinRequest(_KeyProof):
    """Asks a server that was restored from a copy, and does not know this device, to take it for a member again.

    Attributes:
        certificate: that this server's registry gave the device, 72 bytes.
        device_key, node_key, device_signature, node_signature: as of a `JoinRequest`.
    """

    noun: ClassVar[str] = "rejoin request"

    certificate: CertificateBytes

    @classmethod
    def make(cls, certificate: bytes, identity: Identity, node_key: ec.EllipticCurvePrivateKey) -> Self:
        """The request of a device that holds both private keys."""
        line = _line(node_key.public_key())
        signed = statement("rejoin", certificate, identity.public_key, line.encode())
        return cls(
            certificate=certificate,
            device_key=identity.public_key,
            node_key=line,
            device_signature=identity.sign(signed),
            node_signature=node_key.sign(signed, _HASH),
        )

    def verify_certified(self, registry_public_key: bytes) -> None:
        """Check that the registry has certified the device key, until whenever: an expired certificate is renewed.

        Raises:
            Corrupt: it has not.
        """
        verify_certificate(registry_public_key, self.device_key, Certificate.decode(self.certificate), now_seconds=-1)

    def _signed(self) -> bytes:
        return statement("rejoin", self.certificate, self.device_key, self.node_key.encode())


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

"""The server's TLS authority under the operator's signature: what a device pins before it sends anything."""

from typing import Annotated, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from shared.enrolment.invitation import fingerprint, fingerprint_text
from shared.enrolment.wire import Key, Message, Signature, statement
from shared.errors import Corrupt
from shared.secure_sum import verify_signature


class SignedAuthority(Message):
    """A certificate authority and who vouches for it.

    Attributes:
        operator: Ed25519 public key, 32 bytes.
        authority: certificate in PEM.
        signature: of the operator, 64 bytes.
    """

    noun: ClassVar[str] = "authority"

    operator: Key
    authority: Annotated[str, Field(min_length=1, max_length=16_384)]
    signature: Signature

    def verify(self, expected: bytes) -> None:
        """Check that the operator whose fingerprint is `expected` (32 bytes) signed this authority.

        Raises:
            Corrupt: another operator, or no signature of theirs.
        """
        if fingerprint(self.operator) != expected:
            raise Corrupt(
                f"authority: expected the operator with fingerprint {fingerprint_text(expected)}, got "
                f"{fingerprint_text(fingerprint(self.operator))}; this is not the server that the invitation names"
            )
        if not verify_signature(self.operator, self.signature, _signed(self.authority)):
            raise Corrupt("authority: expected the operator's signature, got another; do not trust this server")


def sign_authority(operator_key: Ed25519PrivateKey, pem: str) -> SignedAuthority:
    """Vouch for a certificate authority in PEM."""
    return SignedAuthority(
        operator=operator_key.public_key().public_bytes_raw(),
        authority=pem,
        signature=operator_key.sign(_signed(pem)),
    )


def _signed(pem: str) -> bytes:
    return statement("authority", pem.encode())

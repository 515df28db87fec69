"""What a server promises to a device that may join, under the operator's signature. Joining means agreeing to it."""

from typing import Annotated, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from shared.enrolment.wire import Key, Message, Signature, statement
from shared.errors import Corrupt
from shared.secure_sum import verify_signature


class Offer(Message):
    """The terms of joining.

    Attributes:
        federation: the federation file, as TOML.
        registry: Ed25519 public key that signs device certificates, 32 bytes.
        operator: Ed25519 public key that signs releases and this offer, 32 bytes.
        certificate_days: how long a device's certificate holds until it is renewed.
        server: what the server calls itself.
    """

    noun: ClassVar[str] = "offer"
    largest_bytes: ClassVar[int] = 131_072

    federation: Annotated[str, Field(min_length=1, max_length=65_536)]
    registry: Key
    operator: Key
    certificate_days: Annotated[int, Field(ge=1, le=3660)]
    server: Annotated[str, Field(min_length=1, max_length=64)]


class SignedOffer(Message):
    """An offer as text, so that its signature covers exactly the bytes that are read.

    Attributes:
        offer: JSON of an `Offer`.
        signature: of the operator, 64 bytes.
    """

    noun: ClassVar[str] = "signed offer"
    largest_bytes: ClassVar[int] = 262_144

    offer: Annotated[str, Field(min_length=2, max_length=131_072)]
    signature: Signature

    def verify(self, operator_public_key: bytes) -> Offer:
        """The offer, once its signature holds.

        Raises:
            Corrupt: the operator did not sign this, or signed something that is no offer of theirs.
        """
        if not verify_signature(operator_public_key, self.signature, _signed(self.offer)):
            raise Corrupt("offer: expected the operator's signature, got another; do not join this server")
        offer = Offer.decode(self.offer.encode())
        if offer.operator != operator_public_key:
            raise Corrupt("offer: expected it to name the operator who signed it, got another key")
        return offer


def sign_offer(operator_key: Ed25519PrivateKey, offer: Offer) -> SignedOffer:
    """Sign an offer that names this operator."""
    text = offer.encode().decode()
    return SignedOffer(offer=text, signature=operator_key.sign(_signed(text)))


def _signed(text: str) -> bytes:
    return statement("offer", text.encode())

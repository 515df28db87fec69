"""Who asks: a device by its signed request, a node by Flower's signed headers. Revoked ones are strangers.

A stranger learns nothing: the same answer, after the same work, whether the device it names exists or not.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.gateway.responses import HttpError
from server.registry import DeviceRow, Registry
from shared.enrolment import authorization, parse_authorization
from shared.errors import Corrupt, Refused
from shared.secure_sum import Identity

KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER = b"flwr-public-key", b"flwr-signature", b"flwr-timestamp"
_TOLERANCE_SECONDS = 300.0  # as Flower has it
_LARGEST_HEADER = 1024


class Members:
    """Tells members from strangers. Its methods read the registry, so they belong into a worker thread."""

    def __init__(self, registry: Registry, clock: Callable[[], float]) -> None:
        """Make a decoy key, which strangers are checked against.

        Args:
            registry: the devices that are members.
            clock: seconds since 1970 UTC.
        """
        self._registry, self._clock = registry, clock
        nobody = Identity(Ed25519PrivateKey.generate())
        self._decoy = parse_authorization(authorization(nobody, "GET", "/", 0)), nobody.public_key

    def device(self, method: str, path_with_query: str, header: str) -> DeviceRow:
        """The member that signed this request.

        Raises:
            HttpError: 403 to strangers; 401 to a member whose clock is wrong.
        """
        try:
            request = parse_authorization(header)
        except Corrupt:
            raise HttpError(403) from None
        row = self._registry.device(request.device.hex())
        if row is None:
            decoy, key = self._decoy
            decoy.verify(key, "GET", "/", 0)  # to have done it in no time would say that there is no such device
            raise HttpError(403)
        late = False
        try:
            request.verify(row.public_key, method, path_with_query, self._clock(), _TOLERANCE_SECONDS)
        except Corrupt:
            raise HttpError(403) from None
        except Refused:
            late = True
        if row.revoked_seconds is not None:
            raise HttpError(403)
        if late:
            raise HttpError(401)
        return row

    def node(self, headers: Mapping[bytes, bytes]) -> DeviceRow:
        """The member whose node signed Flower's headers; its certificate may have expired, its part may not.

        Raises:
            HttpError: 403 to everyone else.
        """
        try:
            if any(len(headers[name]) > _LARGEST_HEADER for name in (KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER)):
                raise HttpError(403)
            line, key = _node_key(headers[KEY_HEADER])
            signed = datetime.fromisoformat(headers[TIME_HEADER].decode("ascii"))
            if signed.tzinfo is None or abs(signed.astimezone(UTC).timestamp() - self._clock()) > _TOLERANCE_SECONDS:
                raise HttpError(403)
            signature = base64.b64decode(headers[SIGNATURE_HEADER], validate=True)
            key.verify(signature, headers[TIME_HEADER], ec.ECDSA(hashes.SHA256()))
        except (KeyError, ValueError, OverflowError, InvalidSignature):
            raise HttpError(403) from None
        row = self._registry.device_of_node(line)
        if row is None or row.revoked_seconds is not None:
            raise HttpError(403)
        return row


@lru_cache(maxsize=4096)
def _node_key(header: bytes) -> tuple[str, ec.EllipticCurvePublicKey]:
    """A node's public key as the registry spells it, and itself.

    Raises:
        ValueError: it is no P-384 key.
    """
    try:
        key = serialization.load_pem_public_key(base64.b64decode(header, validate=True))
    except (binascii.Error, UnsupportedAlgorithm):
        raise ValueError("no key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError("no node key")
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode(), key

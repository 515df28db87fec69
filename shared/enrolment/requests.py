"""Requests that a member signs with its device key: the header Authorization of everything that is not for strangers.

The body is not covered: what a member asks for stands in the method and the path alone.
"""

import re
from dataclasses import dataclass

from shared.enrolment.wire import decode_urlsafe, encode_urlsafe, statement
from shared.errors import Corrupt, Refused
from shared.secure_sum import Identity, device_id, verify_signature

_HEADER = re.compile(
    r"Hushrec (?P<device>[0-9a-f]{32})\.(?P<seconds>0|[1-9][0-9]{0,11})\.(?P<signature>[A-Za-z0-9_-]{86})", re.ASCII
)


@dataclass(frozen=True, slots=True, repr=False)
class SignedRequest:
    """Who asks, and when.

    Attributes:
        device: id, 16 bytes.
        seconds: when it was signed, seconds since 1970 UTC.
        signature: of the device key over method, path and time, 64 bytes.
    """

    device: bytes
    seconds: int
    signature: bytes

    def __repr__(self) -> str:
        return f"SignedRequest(device {self.device.hex()})"

    def verify(
        self,
        public_key: bytes,
        method: str,
        path_with_query: str,
        now_seconds: float,
        tolerance_seconds: float = 300,
    ) -> None:
        """Check that the device with this 32-byte public key asks for exactly this, now.

        Raises:
            Corrupt: another key, method or path was signed.
            Refused: it was signed too long ago, or in the future.
        """
        signed = _signed(method, path_with_query, self.seconds)
        if device_id(public_key) != self.device or not verify_signature(public_key, self.signature, signed):
            raise Corrupt(f"request: expected a signature of device {self.device.hex()}, got another")
        if abs(now_seconds - self.seconds) > tolerance_seconds:
            raise Refused(
                f"request: expected one signed within {tolerance_seconds:g} s, got one "
                f"{abs(now_seconds - self.seconds):.0f} s off; set the device's clock",
                code="clock-off",
            )


def authorization(identity: Identity, method: str, path_with_query: str, now_seconds: float) -> str:
    """The value of the header Authorization for one request of this device."""
    seconds = int(now_seconds)
    signature = identity.sign(_signed(method, path_with_query, seconds))
    return f"Hushrec {identity.device.hex()}.{seconds}.{encode_urlsafe(signature)}"


def parse_authorization(header: str) -> SignedRequest:
    """Read what `authorization` wrote.

    Raises:
        Corrupt: anything else.
    """
    found = _HEADER.fullmatch(header)
    try:
        signature = decode_urlsafe(found["signature"]) if found else b""
    except ValueError:
        signature = b""
    if not found or not signature:
        raise Corrupt("request: expected the header Authorization: Hushrec DEVICE.SECONDS.SIGNATURE, got another")
    return SignedRequest(bytes.fromhex(found["device"]), int(found["seconds"]), signature)


def _signed(method: str, path_with_query: str, seconds: int) -> bytes:
    texts = (text.encode("utf-8", "surrogatepass") for text in (method.upper(), path_with_query))
    return statement("request", *texts, seconds.to_bytes(8, "little"))

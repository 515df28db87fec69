"""The one-time invitation that an operator hands to a person. It is a secret until it is used, so it never prints."""

import hashlib
import ipaddress
import re
from dataclasses import dataclass

from shared.enrolment.wire import decode_urlsafe, encode_urlsafe
from shared.errors import Corrupt

CODE_BYTES = 16
_FINGERPRINT_BYTES = 32
_LARGEST_TEXT = 512
_URL = re.compile(r"https://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[1-9][0-9]{0,4})", re.ASCII)
_SECONDS = re.compile(r"0|[1-9][0-9]{0,11}", re.ASCII)
_EXPECTED = "invitation: expected hushrec://HOST:PORT/#KEY.CODE.SECONDS as the server printed it, got"


def fingerprint(public_key: bytes) -> bytes:
    """The 32 bytes by which people compare an operator's Ed25519 public key: its SHA-256."""
    return hashlib.sha256(public_key).digest()


def fingerprint_text(digest: bytes) -> str:
    """A fingerprint of 32 bytes as both sides print it, to be read aloud: hexadecimal digits in groups of four.

    Example:
        >>> fingerprint_text(fingerprint(bytes(32)))[:19]
        '6668 7aad f862 bd77'
    """
    return digest.hex(" ", 2)


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """Where to join, whom to trust there, and the right to join once.

    Attributes:
        url: `https://HOST:PORT` of the gateway.
        operator: fingerprint of the operator's public key, 32 bytes.
        code: 16 random bytes, good for one device.
        expires_seconds: end of validity, seconds since 1970 UTC.
    """

    url: str
    operator: bytes
    code: bytes
    expires_seconds: int

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise Corrupt("invitation: expected a server's address https://HOST:PORT, got another text")
        if len(self.operator) != _FINGERPRINT_BYTES or len(self.code) != CODE_BYTES:
            raise Corrupt(
                f"invitation: expected a fingerprint of {_FINGERPRINT_BYTES} bytes and a code of {CODE_BYTES}, got "
                f"{len(self.operator)} and {len(self.code)}"
            )
        if not 0 <= self.expires_seconds < 10**12:
            raise Corrupt("invitation: expected seconds since 1970 with at most 12 digits, got others")

    def __repr__(self) -> str:
        return f"Invitation({self.url}, code of {len(self.code)} bytes)"

    def encode(self) -> str:
        """The text that a person passes on, printable ASCII without spaces."""
        parts = (encode_urlsafe(self.operator), encode_urlsafe(self.code), str(self.expires_seconds))
        return f"hushrec{self.url.removeprefix('https')}/#{'.'.join(parts)}"

    @classmethod
    def decode(cls, text: str) -> "Invitation":
        """Read what `encode` wrote; space around it, as pasting leaves it, does not matter.

        Raises:
            Corrupt: anything else. The message does not repeat the text.
        """
        text = text.strip()
        if len(text) > _LARGEST_TEXT:
            raise Corrupt(f"{_EXPECTED} more than {_LARGEST_TEXT} characters")
        place, _, secret = text.partition("/#")
        parts = secret.split(".")
        if not place.startswith("hushrec://") or len(parts) != 3 or not _SECONDS.fullmatch(parts[2]):
            raise Corrupt(f"{_EXPECTED} another text of {len(text)} characters; copy it whole, in quotes")
        try:
            operator, code = decode_urlsafe(parts[0]), decode_urlsafe(parts[1])
        except ValueError:
            raise Corrupt(f"{_EXPECTED} a text with letters changed; copy it again") from None
        return cls(f"https{place.removeprefix('hushrec')}", operator, code, int(parts[2]))


def _is_address(url: str) -> bool:
    found = _URL.fullmatch(url)
    if not found or int(found["port"]) > 65_535:
        return False
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(found["host"][1:-1])
        except ValueError:
            return False
    return True

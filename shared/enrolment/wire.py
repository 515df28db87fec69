"""What the JSON messages of enrolment have in common: strict, bounded, bytes as base64 in its one canonical form."""

import base64
import binascii
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from shared.errors import Corrupt


def statement(kind: str, *parts: bytes) -> bytes:
    """What is signed for a message of one kind: no two kinds or lists of parts give the same bytes.

    Its first bytes keep it apart from everything FEDREC-SA/1 signs with the same keys.
    """
    prefixed = (len(part).to_bytes(4, "little") + part for part in parts)
    return b"HUSHREC-ENROL/1 " + kind.encode("ascii") + b"\n" + b"".join(prefixed)


def encode_urlsafe(content: bytes) -> str:
    """Base64 for URLs and headers, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def decode_urlsafe(text: str) -> bytes:
    """Read what `encode_urlsafe` wrote.

    Raises:
        ValueError: any other text, a second spelling of the same bytes included.
    """
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("no base64") from None
    if encode_urlsafe(content) != text:
        raise ValueError("no canonical base64")
    return content


def _from_base64(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("expected base64")
    content = base64.b64decode(value.encode("ascii"), validate=True)
    if _to_base64(content) != value:
        raise ValueError("no canonical base64")
    return content


def _to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


_BASE64 = (BeforeValidator(_from_base64), PlainSerializer(_to_base64, return_type=str))

Device = Annotated[bytes, Field(min_length=16, max_length=16), *_BASE64]
Code = Annotated[bytes, Field(min_length=16, max_length=16), *_BASE64]
Key = Annotated[bytes, Field(min_length=32, max_length=32), *_BASE64]
Signature = Annotated[bytes, Field(min_length=64, max_length=64), *_BASE64]
CertificateBytes = Annotated[bytes, Field(min_length=72, max_length=72), *_BASE64]
EcdsaSignature = Annotated[bytes, Field(min_length=8, max_length=128), *_BASE64]


class Message(BaseModel):
    """One JSON object. Fields of bytes hold bytes here and base64 in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    largest_bytes: ClassVar[int] = 65_536
    noun: ClassVar[str]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.encode())} bytes)"

    __str__ = __repr__

    def encode(self) -> bytes:
        """UTF-8 JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Read what `encode` wrote.

        Raises:
            Corrupt: anything else, or more bytes than such a message may have. The message quotes none of it.
        """
        if len(content) > cls.largest_bytes:
            raise Corrupt(f"{cls.noun}: expected at most {cls.largest_bytes} bytes, got {len(content)}")
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            raise Corrupt(
                f"{cls.noun}: expected a JSON object of {', '.join(cls.model_fields)}, got something else; "
                "both sides have to run the same version of Hushrec"
            ) from None

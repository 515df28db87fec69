"""What an operator publishes, one link after another: which release counts now, file by file, under their signature.

Each link names the digest of the one before it, so whoever holds a link holds all before it: none can be taken out or
swapped afterwards. A rollback is a new link that names an older release again: the numbers only grow.

A server that was restored from a copy has lost links that devices hold. Its chain goes on with links in their place, up
to one that supersedes the lost one by name under a number that is no smaller; a device that holds that one goes on from
there, and keeps what was superseded. So whoever holds the operator's key can show two devices two pasts, but not
silently: they part behind a common beginning, and one becomes the other by such a link alone.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import Corrupt
from shared.secure_sum import verify_signature

MANIFEST = "manifest.json"
LARGEST_BYTES = 32_768
_LABEL = b"HUSHREC-RELEASE/1 publication\n"

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class FileEntry(BaseModel):
    """One file of a release."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sha256: _Digest
    size_bytes: _Count

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The entry of a file with this content."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


class Publication(BaseModel):
    """One link of the chain.

    Attributes:
        sequence: 1 for the first.
        parent: digest of the link before it; "" for the first.
        release: `Release.digest()`, which is the SHA-256 of the release's manifest.
        federation: digest of the federation file in it.
        files: every file of the release's folder by name, the manifest included.
        published_seconds: since 1970 UTC.
        why: the operator's words.
        supersedes: digest of a link of a past that this chain has lost; "" where nothing is superseded.
        signature: Ed25519, 128 hexadecimal digits; "" while it is unsigned.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sequence: Annotated[int, Field(ge=1, lt=2**53)]
    parent: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    release: _Digest
    federation: _Digest
    files: Annotated[dict[_FileName, FileEntry], Field(min_length=1, max_length=64)]
    published_seconds: _Count
    why: Annotated[str, Field(max_length=200)]
    supersedes: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    signature: Annotated[str, Field(pattern=r"^([0-9a-f]{128})?$")] = ""

    @model_validator(mode="after")
    def _the_manifest_names_the_release(self) -> Self:
        if MANIFEST not in self.files or self.files[MANIFEST].sha256 != self.release:
            raise ValueError(f"files: expected {MANIFEST} with the digest of the release")
        return self

    @classmethod
    def after(
        cls,
        previous: "Publication | None",
        release: str,
        federation: str,
        files: Mapping[str, FileEntry],
        published_seconds: int,
        why: str,
        supersedes: str = "",
    ) -> "Publication":
        """The link that comes after `previous`, unsigned; the first of a chain after None."""
        return cls(
            sequence=1 if previous is None else previous.sequence + 1,
            parent="" if previous is None else previous.digest(),
            release=release,
            federation=federation,
            files=dict(files),
            published_seconds=published_seconds,
            why=why,
            supersedes=supersedes,
        )

    @property
    def size_bytes(self) -> int:
        """Of all files of the release together."""
        return sum(entry.size_bytes for entry in self.files.values())

    def encode(self) -> bytes:
        """UTF-8 JSON in one line, keys sorted, no spaces: the only form that `decode` reads."""
        return self._canonical("")

    @classmethod
    def decode(cls, content: bytes) -> "Publication":
        """Read what `encode` wrote.

        Raises:
            Corrupt: anything else, another spelling of the same included.
        """
        if len(content) > LARGEST_BYTES:
            raise Corrupt(f"publication: expected at most {LARGEST_BYTES} bytes, got {len(content)}")
        try:
            publication = cls.model_validate_json(content)
            canonical = publication.encode() == content
        except (ValidationError, UnicodeEncodeError):
            canonical = False
        if not canonical:
            raise Corrupt(
                "publication: expected the canonical JSON of one link, got something else; both sides have to run the "
                "same version of Hushrec"
            )
        return publication

    def digest(self) -> str:
        """SHA-256 of everything but the signature, in hexadecimal: names the link and all before it."""
        return hashlib.sha256(self._signed()).hexdigest()

    def sign(self, operator_key: Ed25519PrivateKey) -> "Publication":
        """The same link, signed."""
        return self.model_copy(update={"signature": operator_key.sign(self._signed()).hex()})

    def verify(self, operator_public_key: bytes) -> None:
        """Check that the operator published this.

        Raises:
            Corrupt: they did not.
        """
        if not verify_signature(operator_public_key, bytes.fromhex(self.signature), self._signed()):
            raise Corrupt(
                f"publication {self.sequence}: expected the operator's signature, got another; "
                "keep the release you have"
            )

    def follows(self, previous: "Publication | None") -> None:
        """Check that this is the link right after `previous`, or the first after None.

        Raises:
            Corrupt: it is not.
        """
        expected = 1 if previous is None else previous.sequence + 1
        if self.sequence != expected:
            raise Corrupt(f"publication: expected number {expected}, got {self.sequence}; keep the release you have")
        if self.parent != ("" if previous is None else previous.digest()):
            raise Corrupt(
                f"publication {self.sequence}: expected it to name the one before it, got another past; keep the "
                "release you have"
            )

    def continues(self, held: "Publication") -> bool:
        """Whether a chain with this link goes on for whoever holds another: it is that one, or supersedes it.

        The number of what supersedes is no smaller, so that the numbers only grow on each device too.
        """
        digest = held.digest()
        return digest == self.digest() or (digest == self.supersedes and self.sequence >= held.sequence)

    def _signed(self) -> bytes:
        return _LABEL + self._canonical("signature")

    def _canonical(self, left_out: str) -> bytes:
        content = self.model_dump(exclude={left_out, "" if self.supersedes else "supersedes"})
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

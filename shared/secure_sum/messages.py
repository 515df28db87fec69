"""What members and server send each other after the roster, byte for byte (FEDREC-SA/1 section 5).

Every decoder consumes every byte and refuses a message that is longer, shorter or not in its one order.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum.envelopes import ENVELOPE_BYTES
from shared.secure_sum.hashing import LABEL
from shared.secure_sum.identity import SIGNATURE_BYTES
from shared.secure_sum.masks import Words
from shared.secure_sum.reed_solomon import PRIME

_UNMASK_BYTES = 33
_LARGEST_MEMBER = 2**16 - 1

Entries = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, repr=False)
class ShareMessage:
    """One member's envelopes for its neighbours (phase 1, up).

    Attributes:
        envelopes: (receiver's place, 80 bytes), ascending.
    """

    envelopes: Entries

    def __post_init__(self) -> None:
        _check_entries(self.envelopes, ENVELOPE_BYTES, "share message")

    def __repr__(self) -> str:
        return f"ShareMessage({len(self.envelopes)} envelopes)"

    def encode(self) -> bytes:
        """82 bytes per neighbour."""
        return _encode_entries(self.envelopes)

    @classmethod
    def decode(cls, content: bytes) -> "ShareMessage":
        """Read what `encode` wrote.

        Raises:
            Corrupt: bytes missing or left over, a receiver twice or out of order.
        """
        return cls(_decode_entries(content, ENVELOPE_BYTES, "share message"))


@dataclass(frozen=True, slots=True, repr=False)
class Inbox:
    """The envelopes that neighbours sent to one member (phase 2, down).

    Attributes:
        envelopes: (sender's place, 80 bytes), ascending.
    """

    envelopes: Entries

    def __post_init__(self) -> None:
        _check_entries(self.envelopes, ENVELOPE_BYTES, "inbox")

    def __repr__(self) -> str:
        return f"Inbox({len(self.envelopes)} envelopes)"

    def encode(self) -> bytes:
        """82 bytes per live neighbour."""
        return _encode_entries(self.envelopes)

    @classmethod
    def decode(cls, content: bytes) -> "Inbox":
        """Read what `encode` wrote.

        Raises:
            Corrupt: bytes missing or left over, a sender twice or out of order.
        """
        return cls(_decode_entries(content, ENVELOPE_BYTES, "inbox"))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MaskedVector:
    """One member's masked, noised, rounded vector, and its word on which masks it carries (phase 2, up).

    Attributes:
        words: uint32 of the round's dimension.
        signature: on `mask_statement`, 64 bytes.
    """

    words: Words
    signature: bytes

    def __post_init__(self) -> None:
        if self.words.dtype != np.uint32 or self.words.ndim != 1 or len(self.signature) != SIGNATURE_BYTES:
            raise Corrupt(
                f"masked vector: expected a uint32 vector and {SIGNATURE_BYTES} bytes, got {self.words.dtype} with "
                f"{self.words.ndim} dimensions and {len(self.signature)} bytes"
            )

    def __repr__(self) -> str:
        return f"MaskedVector({len(self.words)} words)"

    def encode(self) -> bytes:
        """Four bytes per word, then 64."""
        return self.words.astype("<u4", copy=False).tobytes() + self.signature

    @classmethod
    def decode(cls, content: bytes, dimension: int) -> "MaskedVector":
        """Read what `encode` wrote, without copying the words.

        Raises:
            Corrupt: another length than `dimension` words and a signature have.
        """
        if len(content) != 4 * dimension + SIGNATURE_BYTES:
            raise Corrupt(f"masked vector: expected {4 * dimension + SIGNATURE_BYTES} bytes, got {len(content)}")
        words = np.frombuffer(content, "<u4", dimension).astype(np.uint32, copy=False)
        return cls(words, bytes(content[-SIGNATURE_BYTES:]))


@dataclass(frozen=True, slots=True, repr=False)
class Agreements:
    """Members' signatures, by member: on `mask_statement` (phase 3, down) or on `agree_statement` (phase 4, down).

    Attributes:
        signatures: (member's place, 64 bytes), ascending.
    """

    signatures: Entries

    def __post_init__(self) -> None:
        _check_entries(self.signatures, SIGNATURE_BYTES, "agreements")

    def __repr__(self) -> str:
        return f"Agreements({len(self.signatures)} signatures)"

    def encode(self) -> bytes:
        """66 bytes per signature."""
        return _encode_entries(self.signatures)

    @classmethod
    def decode(cls, content: bytes) -> "Agreements":
        """Read what `encode` wrote.

        Raises:
            Corrupt: bytes missing or left over, a member twice or out of order.
        """
        return cls(_decode_entries(content, SIGNATURE_BYTES, "agreements"))


class ShareKind(IntEnum):
    """Which secret of a member a share belongs to. Of one member never both are revealed."""

    SELF = 0
    MASK_SEED = 1


@dataclass(frozen=True, slots=True, repr=False)
class UnmaskShare:
    """One share that a member reveals.

    Attributes:
        member: place of the member whose secret was shared out.
        kind: which secret: of its own mask if its vector is in the sum, of its pair masks if not.
        share: in [0, PRIME).
    """

    member: int
    kind: ShareKind
    share: int

    def __post_init__(self) -> None:
        if not (0 <= self.member <= _LARGEST_MEMBER and 0 <= self.share < PRIME):
            raise Corrupt(f"unmask share of member {self.member}: expected a u16 and a share below 2^255 - 19")

    def __repr__(self) -> str:
        return "UnmaskShare(35 bytes)"


@dataclass(frozen=True, slots=True, repr=False)
class UnmaskShares:
    """The shares that one member reveals (phase 4, up).

    Attributes:
        shares: ascending by member, each member once.
    """

    shares: tuple[UnmaskShare, ...]

    def __post_init__(self) -> None:
        _check_ascending([share.member for share in self.shares], "unmask shares")

    def __repr__(self) -> str:
        return f"UnmaskShares({len(self.shares)} shares)"

    def encode(self) -> bytes:
        """35 bytes per share."""
        return _encode_entries(
            (entry.member, bytes([entry.kind]) + entry.share.to_bytes(32, "little")) for entry in self.shares
        )

    @classmethod
    def decode(cls, content: bytes) -> "UnmaskShares":
        """Read what `encode` wrote.

        Raises:
            Corrupt: bytes missing or left over, a member twice or out of order, a kind or a share that cannot be.
        """
        shares = []
        for member, body in _decode_entries(content, _UNMASK_BYTES, "unmask shares"):
            if body[0] not in (ShareKind.SELF, ShareKind.MASK_SEED):
                raise Corrupt(f"unmask share of member {member}: expected kind 0 or 1, got {body[0]}")
            shares.append(UnmaskShare(member, ShareKind(body[0]), int.from_bytes(body[1:], "little")))
        return cls(tuple(shares))


def encode_bitmap(members: AbstractSet[int], n: int) -> bytes:
    """A set of places below `n` as ceil(n / 8) bytes, the first place in the lowest bit.

    Raises:
        Misconfigured: a place outside range(n).
    """
    if members and not (min(members) >= 0 and max(members) < n):
        raise Misconfigured(f"bitmap: expected members from 0 to {n - 1}, got {min(members)} to {max(members)}")
    bits = np.zeros(n, np.uint8)
    bits[list(members)] = 1
    return np.packbits(bits, bitorder="little").tobytes()


def decode_bitmap(content: bytes, n: int) -> frozenset[int]:
    """Read what `encode_bitmap` wrote.

    Raises:
        Corrupt: another length, or a bit beyond the last place.
    """
    if len(content) != (n + 7) // 8:
        raise Corrupt(f"bitmap of {n} members: expected {(n + 7) // 8} bytes, got {len(content)}")
    places = np.flatnonzero(np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")).tolist()
    if places and places[-1] >= n:
        raise Corrupt(f"bitmap of {n} members: expected zeros behind the last, got a bit at {places[-1]}")
    return frozenset(places)


def mask_statement(session: bytes, u1: bytes) -> bytes:
    """What a member signs with its vector: it carries a mask for each neighbour in `u1`, a bitmap (phase 2)."""
    return LABEL + b"mask" + session + u1


def agree_statement(session: bytes, u1: bytes, u2: bytes) -> bytes:
    """What a member signs once per session: the sum is to be that of `u2`, a bitmap, and of no other set (phase 3)."""
    return LABEL + b"agree" + session + u1 + u2


def _check_ascending(members: list[int], what: str) -> None:
    if any(later <= earlier for earlier, later in pairwise(members)):
        raise Corrupt(f"{what}: expected members in ascending order, each once")


def _check_entries(entries: Entries, width: int, what: str) -> None:
    for member, body in entries:
        if not 0 <= member <= _LARGEST_MEMBER or len(body) != width:
            raise Corrupt(f"{what}: expected a u16 and {width} bytes per member, got {member} and {len(body)} bytes")
    _check_ascending([member for member, _ in entries], what)


def _encode_entries(entries: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(member.to_bytes(2, "little") + body for member, body in entries)


def _decode_entries(content: bytes, width: int, what: str) -> Entries:
    size = 2 + width
    if len(content) % size:
        raise Corrupt(f"{what}: expected a multiple of {size} bytes, got {len(content)}")
    return tuple(
        (int.from_bytes(content[start : start + 2], "little"), bytes(content[start + 2 : start + size]))
        for start in range(0, len(content), size)
    )

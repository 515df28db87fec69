"""What a device keeps between the phases of one private sum: named, serialisable, no more than later phases need.

Implements FEDREC-SA/1 section 5 (what each party keeps). Every state holds secrets. None prints them, and whoever
stores one wipes it when the round ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, Misconfigured

Value = int | float | str | bytes


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Contribution:
    """What a device would add to the sum, before noise; a person's, so it does not print.

    Attributes:
        vector: float32 [d]; will be clipped.
    """

    vector: NDArray[np.float32]

    @classmethod
    def of(cls, state: "Prepared | Shared") -> "Contribution":
        """The contribution that a state keeps."""
        return cls(np.frombuffer(state.vector, np.float32))

    def check(self, dimension: int) -> None:
        """See that a sum of `dimension` coordinates can take it.

        Raises:
            Misconfigured: it cannot.
        """
        if self.vector.dtype != np.float32 or self.vector.shape != (dimension,):
            raise Misconfigured(
                f"contribution: expected {dimension} float32 numbers as configured, got {self.vector.dtype} of shape "
                f"{self.vector.shape}"
            )
        if not np.isfinite(self.vector).all():
            raise Misconfigured("contribution: expected finite numbers, got NaN or infinity")

    def __repr__(self) -> str:
        return f"Contribution(d={len(self.vector)})"


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """What the ideal sum keeps between its two messages.

    Attributes:
        configuration: of the round, 123 bytes.
        vector: the contribution, float32.
    """

    configuration: bytes
    vector: bytes

    def __repr__(self) -> str:
        return f"Prepared({len(self.vector)} bytes)"


@dataclass(frozen=True, slots=True, repr=False)
class Joined:
    """After phase 0.

    Attributes:
        configuration: of the round, 123 bytes.
        advert: what the device said of itself, 280 bytes.
        encryption_secret, mask_seed, self_seed: e_sk, mseed and b, 32 bytes each.
        vector: the contribution, float32.
    """

    configuration: bytes
    advert: bytes
    encryption_secret: bytes
    mask_seed: bytes
    self_seed: bytes
    vector: bytes

    def __repr__(self) -> str:
        return f"Joined({len(self.vector)} bytes)"


@dataclass(frozen=True, slots=True, repr=False)
class Shared:
    """After phase 1.

    Attributes:
        session: ctx.
        place: of this device in the roster.
        signers: Ed25519 keys of all members, 32 bytes each.
        opening_keys: for the envelopes of the neighbours, ascending, 32 bytes each.
        pair_keys: of the masks shared with the neighbours, ascending, 32 bytes each.
        own_key: of the mask of its own.
    """

    configuration: bytes
    session: bytes
    place: int
    signers: bytes
    opening_keys: bytes
    pair_keys: bytes
    own_key: bytes
    vector: bytes

    def __repr__(self) -> str:
        return f"Shared({len(self.signers) // 32} members)"


@dataclass(frozen=True, slots=True, repr=False)
class Masked:
    """After phase 2: nothing of the device's own is left.

    Attributes:
        senders: places of the neighbours whose shares came, u16 each.
        shares: of b and of the mask seed of each of them, 64 bytes each.
        u1: bitmap of those whose shares the server has.
    """

    configuration: bytes
    session: bytes
    place: int
    signers: bytes
    senders: bytes
    shares: bytes
    u1: bytes

    def __repr__(self) -> str:
        return f"Masked({len(self.signers) // 32} members)"


@dataclass(frozen=True, slots=True, repr=False)
class Agreed:
    """After phase 3.

    Attributes:
        u2: bitmap of those whose vectors are in the sum.
    """

    configuration: bytes
    session: bytes
    signers: bytes
    senders: bytes
    shares: bytes
    u1: bytes
    u2: bytes

    def __repr__(self) -> str:
        return f"Agreed({len(self.signers) // 32} members)"


RoleState = Prepared | Joined | Shared | Masked | Agreed
_STATES: Mapping[str, type[RoleState]] = {
    state.__name__.lower(): state for state in (Prepared, Joined, Shared, Masked, Agreed)
}


def state_to(state: RoleState) -> dict[str, Value]:
    """Named values that `state_from` reads; "phase" says which state it is."""
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    return {"phase": type(state).__name__.lower(), **values}


def state_from(values: Mapping[str, Value]) -> RoleState:
    """Read what `state_to` gave.

    Raises:
        Corrupt: it is not a state.
    """
    kind = _STATES.get(str(values.get("phase")))
    if kind is None:
        raise Corrupt("state of a private sum: expected one of its phases, got something else; the round is lost")
    kinds = {field.name: int if field.type in (int, "int") else bytes for field in fields(kind)}
    if set(values) != {"phase", *kinds} or not all(type(values[name]) is kinds[name] for name in kinds):
        raise Corrupt(f"state of a private sum: expected {sorted(kinds)}, got other values; the round is lost")
    return kind(**{name: values[name] for name in kinds})  # type: ignore[arg-type]

"""What a member checks of sets and signatures that are the same for all members (FEDREC-SA/1 phases 2 to 4).

All of it is public: the many devices of a simulation, which share a process, find it done.
"""

from functools import lru_cache

from shared.errors import Corrupt, Refused
from shared.secure_sum import Agreements, Ring, SumParameters, decode_bitmap, verify_signature

_KEY, _SIGNATURE = 32, 64

members_of = lru_cache(maxsize=4)(decode_bitmap)


@lru_cache(maxsize=4)
def _window_holds(ring: Ring, members: frozenset[int], window: int | None) -> bool:
    return ring.window_holds(members, window)


def allowed_members(bitmap: bytes, place: int, parameters: SumParameters, ring: Ring, name: str) -> frozenset[int]:
    """The members of a set that the server names, once it has the size and the spread that make the sum safe."""
    members = members_of(bitmap, parameters.cohort)
    if place not in members:
        raise Corrupt(f"{name}: expected this device among the members")
    if len(members) < parameters.minimum_survivors:
        raise Corrupt(f"{name}: expected at least {parameters.minimum_survivors} members, got {len(members)}")
    if not _window_holds(ring, members, parameters.window):
        raise Corrupt(f"{name}: expected at most {parameters.window} neighbours in a row to be missing, got more")
    return members


@lru_cache(maxsize=1)
def check_masked(signers: bytes, members: frozenset[int], signatures: bytes, statement: bytes) -> None:
    """See that all these members signed that they masked for u1; signatures in their order, 64 bytes each."""
    keys = _keys(signers)
    for number, member in enumerate(sorted(members)):
        if not verify_signature(keys[member], signatures[_SIGNATURE * number : _SIGNATURE * (number + 1)], statement):
            raise Corrupt(f"u2: member {member} did not sign that it masked for this u1")


@lru_cache(maxsize=1)
def check_agreed(signers: bytes, members: frozenset[int], agreements: bytes, statement: bytes, quorum: int) -> None:
    """See that a quorum of these members signed one pair of sets."""
    keys, entries = _keys(signers), Agreements.decode(agreements).signatures
    if len(entries) < quorum:
        raise Refused(f"unmask: expected the agreement of {quorum} members, got {len(entries)}", code="quorum-missing")
    for member, signature in entries:
        if member not in members or not verify_signature(keys[member], signature, statement):
            raise Corrupt(f"unmask: member {member} did not sign this pair of sets")


def _keys(joined: bytes) -> list[bytes]:
    return [joined[start : start + _KEY] for start in range(0, len(joined), _KEY)]

"""The list of revoked devices: signed by the registry, never an older one than this device has."""

import logging
from pathlib import Path

from client.gateway import GatewayClient
from client.home import Home
from client.membership import Membership, kept_revocations
from shared.enrolment import Revocations
from shared.errors import Corrupt, NotYet
from shared.files import write_atomically

_LOGGER = logging.getLogger(__name__)


def update_revocations(home: Home, membership: Membership, gateway: GatewayClient) -> bool:
    """Take the newest list; whether it is another one than before.

    Raises:
        Corrupt: it is not the registry's, or older, or takes devices off. The list before goes on to count.
        NotYet, Refused: see `GatewayClient.get`.
    """
    registry = bytes.fromhex(membership.registry)
    kept = _kept(home.revocations, registry)
    try:
        content, offered = _opened(gateway.get("/v1/revocations", Revocations.largest_bytes), kept, registry)
    except _Older as reason:  # a server that was restored from a copy; what it signed once, it takes back
        _LOGGER.warning("%s; it is given back", reason)
        try:
            answer = gateway.post("/v1/held/revocations", kept.encode(), Revocations.largest_bytes)
        except (NotYet, Corrupt) as failed:
            raise _Older(f"{reason} ({failed})") from None
        content, offered = _opened(answer, kept, registry)
    if home.revocations.exists() and offered == kept:
        return False
    write_atomically(home.revocations, content)
    return offered.sequence != kept.sequence


class _Older(Corrupt):
    """A list that the registry signed lacks what this device's own has."""


def _opened(content: bytes, kept: Revocations, registry: bytes) -> tuple[bytes, Revocations]:
    """A list in its encoding and decoded, once it is known to be the registry's and to add at most.

    Raises:
        Corrupt: it is not.
    """
    offered = Revocations.decode(content)
    offered.verify(registry)
    if offered.sequence < kept.sequence or not kept.devices <= offered.devices:
        raise _Older(
            f"revocations: expected list {kept.sequence} or a later one that only adds, got {offered.sequence}; the "
            "list before goes on to count"
        )
    if offered.sequence == kept.sequence and offered.devices != kept.devices:
        raise Corrupt(f"revocations: expected one list {kept.sequence}, got a second one")
    return content, offered


def _kept(path: Path, registry: bytes) -> Revocations:
    """The list that counts now; an empty one where the file is damaged, so that a good one can take its place."""
    try:
        return kept_revocations(path, registry)
    except Corrupt as reason:
        _LOGGER.warning("%s: damaged, and fetched anew: %s", path.name, reason)
        return Revocations(sequence=0, devices=frozenset(), signature=bytes(64))

"""What the operator has published since the link that this device accepted last: verified link by link."""

from collections.abc import Iterator
from dataclasses import dataclass

from client.gateway import GatewayClient
from shared.errors import Corrupt
from shared.release import LARGEST_BYTES, Publication

_LINKS_AT_ONCE = 64
_MOST_PAGES = 1_024


class OtherPast(Corrupt):
    """The server's chain holds for itself, but does not go on from the publication that this device accepted."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the chain has brought.

    Attributes:
        newest: the last link; None where it is the accepted one.
        first: digest of the first link; "" where the chain was not looked at from its beginning.
        superseding: the link that the chain has in the place of the accepted one; None where it has that one.
    """

    newest: Publication | None
    first: str = ""
    superseding: Publication | None = None


def newest_publication(
    gateway: GatewayClient, accepted: Publication | None, operator: bytes, thoroughly: bool = False, first: str = ""
) -> Found:
    """The last link of the chain, once it and all before it, back to the accepted one, hold.

    Where what came since does not follow the accepted link, as after the server was restored from a copy, the whole
    chain is looked at. It has to begin as the one before did, and one of its links has to be the accepted one, or to
    supersede it under a number that is no smaller (`Publication.continues`).

    Args:
        gateway: of the server, which hands the chain out.
        accepted: the publication that this device took last; None before the first.
        operator: Ed25519 public key, 32 bytes.
        thoroughly: look at the whole chain in any case.
        first: digest of the chain's first link; "" where this device does not know it.

    Raises:
        OtherPast: the chain does not go on from the accepted link.
        Corrupt: a link is not the operator's, or does not follow the one before it.
        NotYet, Refused: see `GatewayClient.get`.
    """
    last = accepted
    if not thoroughly or accepted is None:
        try:
            for link in _links(gateway, accepted, operator):
                last, first = link, first or (link.digest() if link.sequence == 1 else "")
            return Found(None if last is accepted else last, first)
        except Corrupt:
            if accepted is None:
                raise
    mine, last, known = accepted.digest(), None, None
    for link in _links(gateway, None, operator):
        first = first or link.digest()
        if link.sequence == 1 and link.digest() != first:
            raise OtherPast(
                f"publication 1: expected the one that this chain began with, got another past; publication "
                f"{accepted.sequence} goes on to count on this device"
            )
        last, known = link, known or (link if link.continues(accepted) else None)
    if last is None or known is None:
        raise OtherPast(
            f"publication {accepted.sequence}: expected a chain that has it, or a link of no smaller number in its "
            "place, got another past; the release of this device goes on to count"
        )
    return Found(None if last.digest() == mine else last, first, None if known.digest() == mine else known)


def _links(gateway: GatewayClient, last: Publication | None, operator: bytes) -> Iterator[Publication]:
    """All links after `last`, oldest first, each once it has been verified.

    Raises:
        Corrupt, NotYet, Refused: see `newest_publication`.
    """
    for _ in range(_MOST_PAGES):
        after = 0 if last is None else last.sequence
        content = gateway.get(f"/v1/releases/chain?after={after}", _LINKS_AT_ONCE * (LARGEST_BYTES + 1))
        lines = content.split(b"\n")
        if lines.pop() or len(lines) > _LINKS_AT_ONCE:
            raise Corrupt(f"chain: expected at most {_LINKS_AT_ONCE} publications, one a line, got something else")
        for line in lines:
            link = Publication.decode(line)
            link.verify(operator)
            link.follows(last)
            yield link
            last = link
        if len(lines) < _LINKS_AT_ONCE:
            return

"""What the operator has published since the link that this device accepted last: verified link by link."""

from collections.abc import Iterator

from client.gateway import GatewayClient
from shared.errors import Corrupt
from shared.release import LARGEST_BYTES, Publication

_LINKS_AT_ONCE = 64
_MOST_PAGES = 1_024


class OtherPast(Corrupt):
    """The server's chain holds for itself, but neither has nor supersedes the publication that this device accepted."""


def newest_publication(
    gateway: GatewayClient, accepted: Publication | None, operator: bytes, thoroughly: bool = False
) -> Publication | None:
    """The last link of the chain, once it and all before it, back to the accepted one, hold; None if there is no newer.

    Where what came since does not follow the accepted link, as after the server was restored from a copy, the whole
    chain is looked at: one of its links has to be the accepted one, or to supersede it.

    Args:
        gateway: of the server, which hands the chain out.
        accepted: the publication that this device took last; None before the first.
        operator: Ed25519 public key, 32 bytes.
        thoroughly: look at the whole chain in any case.

    Raises:
        OtherPast: the chain knows nothing of the accepted link.
        Corrupt: a link is not the operator's, or does not follow the one before it.
        NotYet, Refused: see `GatewayClient.get`.
    """
    last = accepted
    if not thoroughly or accepted is None:
        try:
            for link in _links(gateway, accepted, operator):
                last = link
            return None if last is accepted else last
        except Corrupt:
            if accepted is None:
                raise
    mine, last, known = accepted.digest(), None, False
    for link in _links(gateway, None, operator):
        last, known = link, known or mine in (link.digest(), link.supersedes)
    if last is None or not known:
        raise OtherPast(
            f"publication {accepted.sequence}: expected a chain that has it, or a link in its place, got another past; "
            "the release of this device goes on to count"
        )
    return None if last.digest() == mine else last


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

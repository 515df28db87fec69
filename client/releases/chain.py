"""What the operator has published since the link that this device accepted last: verified link by link."""

from client.gateway import GatewayClient
from shared.errors import Corrupt
from shared.release import LARGEST_BYTES, Publication

_LINKS_AT_ONCE = 64
_MOST_PAGES = 1_024


def newest_publication(gateway: GatewayClient, accepted: Publication | None, operator: bytes) -> Publication | None:
    """The last link of the chain, once it and all before it, back to the accepted one, hold; None if there is no newer.

    Args:
        gateway: of the server, which hands the chain out.
        accepted: the publication that this device took last; None before the first.
        operator: Ed25519 public key, 32 bytes.

    Raises:
        Corrupt: a link is not the operator's, goes back, leaves one out or belongs to another past.
        NotYet, Refused: see `GatewayClient.get`.
    """
    last = accepted
    for _ in range(_MOST_PAGES):
        after = 0 if last is None else last.sequence
        content = gateway.get(f"/v1/releases/chain?after={after}", _LINKS_AT_ONCE * (LARGEST_BYTES + 1))
        links = content.split(b"\n")
        if links.pop() or len(links) > _LINKS_AT_ONCE:
            raise Corrupt(f"chain: expected at most {_LINKS_AT_ONCE} publications, one a line, got something else")
        for link in links:
            publication = Publication.decode(link)
            publication.verify(operator)
            publication.follows(last)
            last = publication
        if len(links) < _LINKS_AT_ONCE:
            break
    return None if last is accepted else last

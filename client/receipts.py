"""What the server says it has had of this device. It can only make the device refuse, never give budget back."""

import logging
from pathlib import Path
from typing import Protocol

from client.home import Home
from client.ledger_check import Known
from client.membership import Membership
from shared.enrolment import Receipt
from shared.errors import Corrupt, NotYet
from shared.files import read_bounded, write_atomically

_LOGGER = logging.getLogger(__name__)


class Asked(Protocol):
    """The server's gateway, as far as receipts go."""

    def get(self, path: str, largest_bytes: int) -> bytes:
        """See `GatewayClient.get`."""
        ...

    def post(self, path: str, content: bytes, largest_bytes: int) -> bytes:
        """See `GatewayClient.post`."""
        ...


class Receipts:
    """The largest receipt that this device has had and found to be the operator's, in a file."""

    def __init__(self, path: Path, membership: Membership) -> None:
        self._path, self._membership = path, membership

    def __repr__(self) -> str:
        return f"Receipts({self._membership!r})"

    def kept(self) -> Receipt | None:
        """The one kept; None where there is none that holds: it is fetched before the next round."""
        try:
            return self._opened(read_bounded(self._path, Receipt.largest_bytes))
        except (FileNotFoundError, Corrupt):
            return None

    def update(self, gateway: Asked) -> None:
        """Ask for one, and keep it where it says more than the one kept; where it says less, give the kept one back.

        Raises:
            NotYet, Refused, Corrupt: as `GatewayClient.get`; or it is not the operator's, or of another device.
        """
        fetched, kept = self._opened(gateway.get("/v1/receipt", Receipt.largest_bytes)), self.kept()
        if kept is not None and _says_less(fetched, kept):  # a server that was restored from a copy
            try:
                fetched = self._opened(gateway.post("/v1/held/receipt", kept.encode(), Receipt.largest_bytes))
            except (NotYet, Corrupt) as reason:  # the kept one counts here, whatever the server makes of it
                _LOGGER.warning("receipt: could not be given back: %s", reason)
        if kept is None or fetched.total > kept.total:
            write_atomically(self._path, fetched.encode())

    def known(self) -> Known:
        """Of each task, how many answers a ledger must hold at least, and the last of the rounds answered."""
        kept = self.kept()
        before = self._membership.answers_before
        return {
            task: (count + before.get(task, 0), last) for task, (count, last) in (kept.answers if kept else {}).items()
        }

    def _opened(self, content: bytes) -> Receipt:
        receipt = Receipt.decode(content)
        receipt.verify(bytes.fromhex(self._membership.operator), bytes.fromhex(self._membership.device))
        return receipt


def _says_less(fetched: Receipt, kept: Receipt) -> bool:
    """Whether a count or a last round of the kept receipt is missing in the other."""
    return any(
        fetched.answers.get(task, (0, -1))[0] < count or fetched.answers.get(task, (0, -1))[1] < last
        for task, (count, last) in kept.answers.items()
    )


def known_of(home: Home) -> Known:
    """What the server that a device has joined has had of it; nothing before it joined.

    Raises:
        Corrupt: the membership is not what it must be.
    """
    if not home.membership.exists():
        return {}
    return Receipts(home.receipt, Membership.load(home.membership)).known()

"""What the server says it has had of this device. It can only make the device refuse, never give budget back."""

from pathlib import Path
from typing import Protocol

from client.home import Home
from client.ledger_check import Known
from client.membership import Membership
from shared.enrolment import Receipt
from shared.errors import Corrupt
from shared.files import read_bounded, write_atomically


class Asked(Protocol):
    """The server's gateway, as far as receipts go."""

    def get(self, path: str, largest_bytes: int) -> bytes:
        """See `GatewayClient.get`."""
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
        """Ask for one, and keep it where it says more than the one kept.

        Raises:
            NotYet, Refused, Corrupt: as `GatewayClient.get`; or it is not the operator's, or of another device.
        """
        fetched, kept = self._opened(gateway.get("/v1/receipt", Receipt.largest_bytes)), self.kept()
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


def known_of(home: Home) -> Known:
    """What the server that a device has joined has had of it; nothing before it joined.

    Raises:
        Corrupt: the membership is not what it must be.
    """
    if not home.membership.exists():
        return {}
    return Receipts(home.receipt, Membership.load(home.membership)).known()

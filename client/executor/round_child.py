"""The child of one round: the whole device, with the model and all it needs to train. It ends with the round."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from client.home import Home
from client.membership import Membership
from client.session import RoundRequest
from client.store import Store
from client.summand import Value
from shared.errors import Misconfigured

if TYPE_CHECKING:
    from client.installed import Installed


class RoundChild:
    """Runs a `client.Device` on a release that its parent verified. Only making one brings in the model."""

    def __init__(self, home: str, release: str) -> None:
        """Open the device.

        Args:
            home: its folder.
            release: folder of the release, named after its digest.

        Raises:
            NotYet, Misconfigured, Corrupt: a file of the device is not what it must be.
        """
        from client.device import Device
        from client.promises import FileRecord

        place = Home(Path(home))
        self._release = Path(release)
        self._session: dict[str, Value] = {}
        self._device = Device(
            Membership.load(place.membership).member(place.keys.identity(), place.revocations),
            Store.open(place.store, place.keys.data_key(), read_only=True),
            self._installed,
            FileRecord(place.ledger, place.rounds),
            self._session,
            policy=place.policy,
        )

    def __repr__(self) -> str:
        return f"RoundChild({'in a sum' if self._session else 'at rest'})"

    def join(self, request: RoundRequest, vector: NDArray[np.float32] | None, configuration: bytes) -> bytes:
        """See `Device.join`."""
        return self._device.join(request, vector, configuration)

    def phase(self, name: str, ch: bytes, parts: list[bytes]) -> bytes:
        """See `Device.phase`."""
        return self._device.phase(name, ch, parts)

    def waiting(self) -> bool:
        """Whether the sum that was joined waits for its next message."""
        return bool(self._session)

    def _installed(self, digest: str) -> "Installed":
        from client.installed import install

        installed = install(self._release)
        if installed.digest != digest:
            raise Misconfigured(f"release: expected {installed.digest[:12]}, got {digest[:12]}")
        return installed

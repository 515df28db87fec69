"""One person's device: answers rounds from its own log, within its own ledger. Events, texts, interests never leave."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from client.installed import Installed
from client.log import BehaviourLog, attended
from client.randomness import Randomness, SystemRandomness
from client.training import round_event
from shared.errors import Misconfigured, Refused
from shared.model import Vector
from shared.privacy import Ledger
from shared.release import Release

Summand = NDArray[np.float32]
LEDGER = "ledger"  # key of the ledger in a device's state


@dataclass(frozen=True, slots=True)
class RoundRequest:
    """What a server asks in one round.

    Attributes:
        federation, release: digests that must be those the device has.
        number: 1-based round.
        groups: parameter groups to train; empty for a count.
    """

    federation: str
    release: str
    number: int
    groups: tuple[str, ...] = ()


class Device:
    """Answers what a server may ask with summands, and with nothing else."""

    def __init__(
        self,
        identity: str,
        log: BehaviourLog,
        find_release: Callable[[str], Installed],
        state: MutableMapping[str, str],
        randomness: Callable[[int], Randomness] = lambda _: SystemRandomness(),
    ) -> None:
        """Put a device together.

        Args:
            identity: public id, hexadecimal.
            find_release: the installed release of a digest; raises Misconfigured where there is none.
            state: what survives between messages on this device only; holds the ledger.
            randomness: the chance of one round.
        """
        self.identity = identity
        self._log = log
        self._find_release = find_release
        self._state = state
        self._randomness = randomness

    def __repr__(self) -> str:
        return f"Device({self.identity[:8]})"

    def update(self, request: RoundRequest, vector: Vector) -> Summand:
        """This device's summand of an `update`, float32 [d of the groups].

        Raises:
            NotYet: too little data.
            Refused: the budget is spent.
            Misconfigured: the round is not of the federation or of a release this device has.
        """
        installed = self._installed(request)
        release = installed.release
        ledger = self._charged(release)
        events = attended(self._log.events())
        update = installed.training.update(release, vector, request.groups, events, self._randomness(request.number))
        if ledger is not None:
            self._state[LEDGER] = ledger.to_json()
        return update.signal + update.noise

    def statistics(self, request: RoundRequest) -> Summand:
        """This device's item counts, float32 [items]: its newest distinct items, one each.

        Raises:
            Refused: counts would leave without noise although the federation promises event-level privacy.
        """
        release = self._installed(request).release
        if release.federation.privacy.level != "none":
            raise Refused("statistics: counts leave this device inside a private sum only; this federation has none")
        catalogue = release.catalogue
        met = [event.item for event in attended(self._log.events()) if event.item is not None]
        rows = [catalogue.row(item) for item in met if item in catalogue]
        newest = list(dict.fromkeys(reversed(rows)))[: release.federation.statistics.items_per_device]
        counts = np.zeros(len(catalogue), np.float32)
        counts[newest] = 1.0
        return counts

    def _charged(self, release: Release) -> Ledger | None:
        """The ledger as it stands once this round is charged; asked before the work, stored before anything leaves."""
        event = round_event(release.federation)
        if event is None:
            return None
        privacy = release.federation.privacy
        ledger = Ledger.from_json(privacy.event_epsilon, privacy.event_delta, self._state.get(LEDGER, "[]"))
        ledger.charge(event)
        return ledger

    def _installed(self, request: RoundRequest) -> Installed:
        installed = self._find_release(request.release)
        held = installed.release.federation.digest()
        if request.federation != held:
            raise Misconfigured(
                f"round {request.number}: expected federation {held[:12]}, got {request.federation[:12]}"
            )
        return installed

"""Light devices: all of a device but its training. Folder, keys, TLS, ledger and the protocol of private sums are real.

They run as threads of one process. What a sum gets of them is zeros, noised and masked as anything else would be.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from client import (
    Device,
    Home,
    LoadedRelease,
    Membership,
    WallClock,
    create_home,
    device_record,
    enroll,
    load_release,
    prepare,
    run_node,
)
from client.maintenance import MaintenanceLoop
from client.releases import Releases
from client.secagg import Contribution, RoundRequest, Value
from server.home import Home as ServerHome
from shared.arrays import F32Vector
from shared.behaviour import Event
from shared.enrolment import Invitation, fingerprint
from shared.errors import Refused

_BETWEEN_STARTS_SECONDS = 0.05
_INVITATION_HOURS = 24.0


def join_light(server: ServerHome, folder: Path, smallest_cohort: int) -> Home:
    """A device that has joined as every device does, but for the person's yes, and has the release that counts."""
    home = create_home(folder, {"smallest_cohort": smallest_cohort}, keyring=False)
    now = time.time()
    with server.registry() as registry:
        code = registry.invite(now, _INVITATION_HOURS)
    key = server.operator_key().public_key().public_bytes_raw()
    expires = int(now + 3600 * _INVITATION_HOURS)
    enroll(home, prepare(home, Invitation(server.settings.url, fingerprint(key), code, expires).encode()))
    membership = Membership.load(home.membership)
    with membership.gateway(home.keys.identity()) as gateway:
        Releases(home, membership, gateway, lambda folder, release: None).update()  # a trial is a process of its own
    return home


@contextmanager
def running(homes: Sequence[Home]) -> Iterator[None]:
    """Every device answers its server and is looked after, as under `hushrec-device up`."""
    stop, shared = threading.Event(), _SharedReleases()
    for home in homes:
        time.sleep(_BETWEEN_STARTS_SECONDS)  # what a thousand cost that come at once is another question
        rounds = partial(LightRounds, shared)
        for target, args in ((run_node, (home, stop, rounds)), (_look_after, (home, stop))):
            threading.Thread(target=target, args=args, daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _look_after(home: Home, stop: threading.Event) -> None:
    identity, membership = home.keys.identity(), Membership.load(home.membership)
    with membership.gateway(identity) as gateway:
        MaintenanceLoop(home, identity, membership, gateway).run(stop)


class LightRounds:
    """A device without training, in the process that answers the server; see `client.supernode.RoundProxy`."""

    def __init__(
        self, shared: "_SharedReleases", home: Home, identity: str, find_release: Callable[[str], Path]
    ) -> None:
        """Stand for a device; its log is never opened.

        Args:
            shared: reads releases for all devices.
            home: folder of the device.
            identity: its id, hexadecimal.
            find_release: folder of the installed release of a digest.
        """
        clock = WallClock(home.clock)
        self.identity = identity
        self._session: dict[str, Value] = {}
        self._device = Device(
            Membership.load(home.membership).member(home.keys.identity(), home.revocations),
            _NoLog(),
            lambda digest: shared.load(find_release(digest)),
            device_record(home, clock),
            self._session,
            now_seconds=clock,
            policy=home.answering_policy,
            run=_no_work,
        )

    def __repr__(self) -> str:
        return f"LightRounds({self.identity[:8]})"

    @property
    def under_way(self) -> bool:
        """Whether a round waits for its next message."""
        return bool(self._session)

    def plain(self, request: RoundRequest, vector: F32Vector | None) -> F32Vector:
        """See `RoundParticipant`."""
        return self._device.plain(request, vector)

    def advertise(self, request: RoundRequest, vector: F32Vector | None, configuration: bytes) -> bytes:
        """See `RoundParticipant`."""
        return self._device.advertise(request, vector, configuration)

    def reveal(self, ch: bytes, cohort: int) -> bytes:
        """See `RoundParticipant`."""
        raise Refused("policy: a light device takes part in secure sums only", code="sum-mode")

    def phase(self, name: str, ch: bytes, parts: Sequence[bytes]) -> bytes:
        """See `RoundParticipant`."""
        return self._device.phase(name, ch, parts)

    def expire(self) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Forget the round under way."""
        self._session.clear()


class _NoLog:
    """The log of nobody."""

    def events(self) -> Sequence[Event]:
        return ()

    def held_out(self) -> Sequence[Event]:
        return ()


def _no_work(work: Callable[[], Contribution], seconds: float) -> None:
    """What a slot gives whose work did not end in time: the device adds zeros."""


class _SharedReleases:
    """The release that counts, read once for all devices of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, LoadedRelease] = {}

    def load(self, folder: Path) -> LoadedRelease:
        """The release in a device's folder, which is named by its digest."""
        with self._lock:
            if folder.name not in self._read:
                self._read = {folder.name: load_release(folder)}
            return self._read[folder.name]

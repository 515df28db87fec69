"""All that the console shows, read from the server's folder and from the SuperLink. It changes nothing."""

import shutil
import time
from collections.abc import Callable
from typing import Any, Protocol

from server.console.alerts import alerts_of
from server.home import Home, read_certificate
from server.releases import Releases
from server.status import server_status
from shared.errors import NotYet

_LATEST = 12  # sums and releases that are shown
_MOST_DEVICES = 2_000


class Presence(Protocol):
    """Knows which nodes are connected: `server.flower.Control`."""

    def online(self) -> frozenset[int]:
        """Their numbers.

        Raises:
            NotYet: the SuperLink does not answer.
        """
        ...


class Snapshots:
    """Snapshots of one server, one a second at most, however many look at it. One thread uses it."""

    def __init__(
        self,
        home: Home,
        presence: Presence,
        now_seconds: Callable[[], float] = time.time,
        every_seconds: float = 1.0,
    ) -> None:
        """Take none yet.

        Args:
            home: folder of the server.
            presence: of its devices.
            now_seconds: since 1970 UTC.
            every_seconds: how long a snapshot is handed out again instead of taking another.
        """
        self._home, self._presence = home, presence
        self._now_seconds, self._every_seconds = now_seconds, every_seconds
        self._taken: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Snapshots({self._home.directory})"

    def take(self) -> dict[str, Any]:
        """The server now.

        Raises:
            Misconfigured, Corrupt: a file of the server is missing or damaged.
        """
        now = self._now_seconds()
        if self._taken is None or not 0 <= now - self._taken["now_seconds"] < self._every_seconds:
            self._taken = self._take(now)
        return self._taken

    def _take(self, now: float) -> dict[str, Any]:
        home = self._home
        found = server_status(home, now)
        federation = home.federation()
        with home.registry() as registry:
            nodes = {row.device: row.node_id for row in registry.devices()}
            most = registry.most_answers()
        try:
            here = self._presence.online() if found["up"] else None
        except NotYet:
            here = None
        devices = [
            dict(row) | {"online": None if here is None else nodes.get(row["device"]) in here}
            for row in found["devices"][:_MOST_DEVICES]
        ]
        privacy = federation.privacy
        snapshot = found | {
            "now_seconds": now,
            "sums": found["sums"][-_LATEST:],
            "devices": devices,
            "online": None if here is None else len(here),
            "minimum_answers": federation.round.minimum_answers,
            "rounds_of_training": federation.training.rounds,
            "privacy": {
                "level": privacy.level,
                "user_epsilon": privacy.user_epsilon if privacy.user else None,
                "user_delta": privacy.user_delta if privacy.user else None,
                "event_epsilon": privacy.event_epsilon if privacy.event else None,
                "event_delta": privacy.event_delta if privacy.event else None,
                "answers": [
                    {"task": task, "most": most.get(task, 0), "allowed": privacy.most_answers(task)}
                    for task in privacy.participations
                ],
            },
            "releases": self._releases(),
            "certificates": {
                "server": read_certificate(home.server_certificate_path).not_valid_after_utc.timestamp(),
                "authority": read_certificate(home.authority_path).not_valid_after_utc.timestamp(),
            },
            "disk_free_bytes": shutil.disk_usage(home.directory).free,
        }
        return snapshot | {"alerts": alerts_of(snapshot)}

    def _releases(self) -> list[dict[str, Any]]:
        if not self._home.chain.is_file():
            return []
        names = ("sequence", "release", "published_seconds", "why")
        latest = Releases(self._home).all()[-_LATEST:]
        return [{name: getattr(publication, name) for name in names} for publication in reversed(latest)]

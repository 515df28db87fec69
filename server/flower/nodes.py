"""Flower's nodes follow the registry: one for each device that takes part, none for those that are revoked.

A device that Flower does not take is set aside by name, and the others go on without it. A key that was unregistered
there is never taken again by the same database: such a device comes back with another one, which `up` has made when it
starts (`forget_database`). Nothing else is lost with it.
"""

import logging
from dataclasses import dataclass

from server.flower.control import Control
from server.home import Home
from server.logs import log_line
from server.registry import DeviceRow, Registry
from server.status_file import SET_ASIDE_CURE
from shared.errors import Corrupt, Misconfigured


@dataclass(frozen=True, slots=True)
class SetAside:
    """A device that no round asks, because Flower does not take its node.

    Attributes:
        device: id, 32 hexadecimal digits.
        why: what Flower says.
    """

    device: str
    why: str


class NodeReconciler:
    """Keeps the nodes of one SuperLink as the registry wants them. One thread uses it."""

    def __init__(self, control: Control, registry: Registry) -> None:
        """Ask nothing yet.

        Args:
            control: the SuperLink, where nodes are registered.
            registry: the devices, and which node each has.
        """
        self._control, self._registry = control, registry
        self._set_aside: dict[str, SetAside] = {}

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """The devices that Flower did not take, by id."""
        return tuple(self._set_aside[device] for device in sorted(self._set_aside))

    def reconcile(self, thoroughly: bool = False) -> list[str]:
        """Register the nodes that are missing, unregister those of revoked devices.

        Args:
            thoroughly: ask Flower which nodes it has, as its database may have been lost or changed, and try the
                devices that were set aside once more.

        Returns:
            ids of the devices whose node changed.

        Raises:
            NotYet: the SuperLink does not answer; what was settled stays settled.
            Misconfigured: it does not say which nodes it has, or the registry cannot be written.
        """
        known = self._control.nodes() if thoroughly else None
        changed = []
        for row in self._registry.devices():
            lost = known is not None and row.node_id not in known
            wanted = row.node_id is not None if row.revoked_seconds is not None else row.node_id is None or lost
            if not wanted and (thoroughly or row.revoked_seconds is not None):
                self._set_aside.pop(row.device, None)
            if wanted and (thoroughly or row.device not in self._set_aside) and self._change(row):
                changed.append(row.device)
        return changed

    def _change(self, row: DeviceRow) -> bool:
        """Whether Flower took a device's node, or let it go; else the device is set aside."""
        node_id = None
        try:
            if row.revoked_seconds is None:
                node_id = self._control.register(row.node_key)
            elif row.node_id is not None:
                self._control.unregister(row.node_id)
        except (Misconfigured, Corrupt) as reason:
            found = SetAside(row.device, str(reason))
            if self._set_aside.get(row.device) != found:
                log_line("device-set-aside", logging.WARNING, device=row.device, why=reason, cure=SET_ASIDE_CURE)
            self._set_aside[row.device] = found
            return False
        self._set_aside.pop(row.device, None)
        self._registry.set_node(row.device, node_id)
        return True


def forget_database(home: Home) -> None:
    """Remove the SuperLink's database, which must not run: it makes another, where every node is registered anew.

    Raises:
        Misconfigured: a file cannot be removed.
    """
    for path in home.flower.glob(f"{home.superlink_database.name}*"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Misconfigured(f"{path}: could not be removed ({error.strerror}); remove it by hand") from None

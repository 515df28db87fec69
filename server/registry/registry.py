"""The registry: turns invitations into certificates, renews, revokes, counts answers. It never knows a code.

Times are seconds since 1970 UTC. Devices are named by their ids, 32 hexadecimal digits.
"""

import re
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from server.registry.database import RegistryFile, create_registry
from server.registry.invitations import (
    add_invitations,
    all_invitations,
    end_invitations,
    holder_of,
    is_offerable,
    take_seat,
)
from server.registry.rows import DeviceRow, InvitationRow, device_row
from shared.errors import Misconfigured, Refused
from shared.secure_sum import Certificate, device_id
from shared.tasks import Task

Sign = Callable[[bytes, int], Certificate]
"""Certificate for a device's public key (32 bytes) until a second; `issue_certificate` with the registry's key."""

_DAY_SECONDS = 86_400
_NO_SUCH_INVITATION = "invitation: expected one that is valid and unused, got another; ask the operator for a new one"
_NO_SUCH_DEVICE = "device: expected one that takes part here, got another; ask the operator"


class Registry:
    """All invitations and devices of one server. Methods may be called from any thread and from several processes."""

    def __init__(self, path: Path) -> None:
        """Open a registry.

        Raises:
            Misconfigured: there is none, or it is of a newer version.
            Corrupt: it is no registry.
        """
        self._database = RegistryFile(path)

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty registry.

        Raises:
            Misconfigured: there is a file already, or none can be made.
        """
        create_registry(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._database.close()

    def damage(self) -> str:
        """What is wrong with the file; empty when nothing is."""
        return self._database.damage()

    def invite(self, now_seconds: float, hours: float, note: str = "", seats: int = 1) -> bytes:
        """A new code of 16 random bytes, good for so many devices within so many hours."""
        return self.invite_many(now_seconds, hours, [note], seats)[0]

    def invite_many(self, now_seconds: float, hours: float, notes: Sequence[str], seats: int = 1) -> list[bytes]:
        """A new code for each note, as `invite` makes them; all are written, or none."""
        with self._database.writing() as connection:
            return add_invitations(connection, int(now_seconds), int(now_seconds + hours * 3600), notes, seats)

    def expire_invitations(self) -> int:
        """Let no invitation that another device could use be used any more; how many there were."""
        with self._database.writing() as connection:
            return end_invitations(connection)

    def offerable(self, code: bytes, now_seconds: float) -> bool:
        """Whether whoever has this code may read the offer: see `is_offerable`."""
        with self._database.reading() as connection:
            return is_offerable(connection, code, now_seconds)

    def join(
        self, code: bytes, device_key: bytes, node_key: str, now_seconds: float, days: float, sign: Sign
    ) -> Certificate:
        """Turn a code into a certificate of so many days for a device key (32 bytes) and its node key (OpenSSH line).

        The same code with the same two keys gives the certificate again, so that a lost answer costs nothing.

        Raises:
            Refused: the code is unknown, expired or used up, or a key takes part already; always in the same words.
        """
        device = device_id(device_key)
        with self._database.writing() as connection:
            refused = Refused(_NO_SUCH_INVITATION, code="invitation-unknown")
            row = holder_of(connection, code, device, now_seconds, refused)
            if row is not None:
                if (row.public_key, row.node_key, row.revoked_seconds) != (device_key, node_key, None):
                    raise refused
                return Certificate.decode(row.certificate)
            known = connection.execute(
                "SELECT 1 FROM device WHERE public_key = ? OR node_key = ?", (device_key, node_key)
            ).fetchone()
            if known is not None:
                raise refused
            certificate = sign(device_key, int(now_seconds + days * _DAY_SECONDS))
            connection.execute(
                "INSERT INTO device VALUES (?, ?, ?, NULL, ?, ?, ?, NULL)",
                (device, device_key, node_key, certificate.encode(), int(now_seconds), certificate.expiry_seconds),
            )
            take_seat(connection, code, device)
        return certificate

    def rejoin(self, device_key: bytes, node_key: str, now_seconds: float, days: float, sign: Sign) -> Certificate:
        """Take a device for a member again that this registry certified and has lost; its next certificate.

        A member gets the certificate that it has. That the registry certified the key, the caller has checked.

        Raises:
            Refused: the device is revoked, or a key is another device's.
        """
        device = device_id(device_key)
        with self._database.writing() as connection:
            known = connection.execute(
                "SELECT * FROM device WHERE public_key = ? OR node_key = ?", (device_key, node_key)
            ).fetchall()
            for row in map(device_row, known):
                if (row.public_key, row.node_key, row.revoked_seconds) != (device_key, node_key, None):
                    raise Refused(_NO_SUCH_DEVICE, code="device-unknown")
                return Certificate.decode(row.certificate)
            certificate = sign(device_key, int(now_seconds + days * _DAY_SECONDS))
            connection.execute(
                "INSERT INTO device VALUES (?, ?, ?, NULL, ?, ?, ?, NULL)",
                (device, device_key, node_key, certificate.encode(), int(now_seconds), certificate.expiry_seconds),
            )
        return certificate

    def device(self, device: str) -> DeviceRow | None:
        """The device of this id, revoked or not; None when there is none."""
        if not _is_id(device):
            return None
        with self._database.reading() as connection:
            found = connection.execute("SELECT * FROM device WHERE id = ?", (bytes.fromhex(device),)).fetchone()
        return None if found is None else device_row(found)

    def device_of_node(self, node_key: str) -> DeviceRow | None:
        """The device whose node has this public key (one OpenSSH line), revoked or not; None when there is none."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT * FROM device WHERE node_key = ?", (node_key,)).fetchone()
        return None if found is None else device_row(found)

    def devices(self) -> tuple[DeviceRow, ...]:
        """All devices that ever joined, oldest first."""
        with self._database.reading() as connection:
            return tuple(map(device_row, connection.execute("SELECT * FROM device ORDER BY joined_seconds, id")))

    def invitations(self) -> tuple[InvitationRow, ...]:
        """All invitations, oldest first."""
        with self._database.reading() as connection:
            return all_invitations(connection)

    def set_node(self, device: str, node_id: int | None) -> None:
        """Remember Flower's number for a device, or that it has none any more.

        Raises:
            Refused: there is no such device.
        """
        with self._database.writing() as connection:
            _known(connection, device)
            connection.execute(
                "UPDATE device SET node_id = ? WHERE id = ?",
                (None if node_id is None else str(node_id), bytes.fromhex(device)),
            )

    def renew(self, device: str, now_seconds: float, days: float, sign: Sign) -> Certificate:
        """A certificate of so many days in place of the one before, even of one that has expired.

        To end a device's part there is `revoke`; one that was away for long keeps its identity, and with it its ledger.

        Raises:
            Refused: there is no such device, or it is revoked; in the same words.
        """
        with self._database.writing() as connection:
            row = _known(connection, device)
            if row.revoked_seconds is not None:
                raise Refused(_NO_SUCH_DEVICE, code="device-unknown")
            certificate = sign(row.public_key, int(now_seconds + days * _DAY_SECONDS))
            connection.execute(
                "UPDATE device SET certificate = ?, expiry_seconds = ? WHERE id = ?",
                (certificate.encode(), certificate.expiry_seconds, bytes.fromhex(device)),
            )
        return certificate

    def revoke(self, device: str, now_seconds: float) -> DeviceRow:
        """End a device's part for good; once more changes nothing.

        Returns:
            the device, with the node it may still have at Flower.

        Raises:
            Misconfigured: there is no such device.
        """
        with self._database.writing() as connection:
            try:
                _known(connection, device)
            except Refused:
                raise Misconfigured(
                    "device: expected the id of one that joined, 32 hexadecimal digits as `hushrec-server status` "
                    "lists them, got another"
                ) from None
            identity = bytes.fromhex(device)
            connection.execute(
                "UPDATE device SET revoked_seconds = ? WHERE id = ? AND revoked_seconds IS NULL",
                (int(now_seconds), identity),
            )
            return _device(connection, identity)

    def revoke_all(self, devices: Collection[bytes], now_seconds: float) -> int:
        """End the part of devices (ids of 16 bytes) for good; those that never joined here are passed over.

        Returns:
            how many took part until now.
        """
        with self._database.writing() as connection:
            revoked = connection.executemany(
                "UPDATE device SET revoked_seconds = ? WHERE id = ? AND revoked_seconds IS NULL",
                [(int(now_seconds), device) for device in sorted(devices)],
            )
            return max(revoked.rowcount, 0)

    def count_answers(self, task: Task, round_number: int, devices: Collection[str]) -> None:
        """Remember that devices have answered a round: each round of a task counts once, however often it is told.

        Ids that are none of a device's are passed over.
        """
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT INTO answer SELECT id, ?, 1, ? FROM device WHERE id = ? "
                "ON CONFLICT (device, task) DO UPDATE SET count = count + 1, last_round = excluded.last_round "
                "WHERE excluded.last_round > last_round",
                [(task, round_number, bytes.fromhex(device)) for device in devices if _is_id(device)],
            )

    def answers(self, device: str) -> dict[Task, tuple[int, int]]:
        """How many rounds of each task a device has answered, and the last of them; nothing of tasks it never did."""
        if not _is_id(device):
            return {}
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT task, count, last_round FROM answer WHERE device = ?", (bytes.fromhex(device),)
            ).fetchall()
        return {task: (count, last) for task, count, last in found}

    def most_answers(self) -> dict[Task, int]:
        """The most rounds of each task that any device has answered; nothing of tasks that none did."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT task, MAX(count) FROM answer GROUP BY task").fetchall())

    def take_answers(self, device: str, answers: Mapping[Task, tuple[int, int]]) -> None:
        """Remember of a device at least what a receipt of it says: see `answers`. Nothing ever becomes less by it."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT INTO answer SELECT id, ?, ?, ? FROM device WHERE id = ? "
                "ON CONFLICT (device, task) DO UPDATE SET count = max(count, excluded.count), "
                "last_round = max(last_round, excluded.last_round)",
                [(task, *found, bytes.fromhex(device)) for task, found in answers.items() if _is_id(device)],
            )

    def last_answered(self, task: Task) -> int | None:
        """The last round of a task that any device has answered; None before the first."""
        with self._database.reading() as connection:
            (last,) = connection.execute("SELECT max(last_round) FROM answer WHERE task = ?", (task,)).fetchone()
        return None if last is None else int(last)

    def revocations(self) -> tuple[int, frozenset[bytes]]:
        """(sequence, ids of 16 bytes) of all devices revoked; the sequence grows with each."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT id FROM device WHERE revoked_seconds IS NOT NULL").fetchall()
        return len(found), frozenset(identity for (identity,) in found)


def _is_id(device: str) -> bool:
    return re.fullmatch("[0-9a-f]{32}", device) is not None


def _known(connection: sqlite3.Connection, device: str) -> DeviceRow:
    if _is_id(device):
        found = connection.execute("SELECT * FROM device WHERE id = ?", (bytes.fromhex(device),)).fetchone()
        if found is not None:
            return device_row(found)
    raise Refused(_NO_SUCH_DEVICE, code="device-unknown")


def _device(connection: sqlite3.Connection, identity: bytes) -> DeviceRow:
    return device_row(connection.execute("SELECT * FROM device WHERE id = ?", (identity,)).fetchone())

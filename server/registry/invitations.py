"""Invitations as rows of the registry: a code's hash, until when it holds, for how many devices, and who has used it.

Each function works within a transaction of the registry's. A code itself is handed out once and never kept.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence

from server.registry.rows import DeviceRow, InvitationRow, device_row
from shared.enrolment import CODE_BYTES
from shared.errors import Refused


def add_invitations(
    connection: sqlite3.Connection, created_seconds: int, expires_seconds: int, notes: Sequence[str], seats: int
) -> list[bytes]:
    """A new code of 16 random bytes for each note, each good for so many devices."""
    codes = [secrets.token_bytes(CODE_BYTES) for _ in notes]
    connection.executemany(
        "INSERT INTO invitation VALUES (?, ?, ?, ?, ?)",
        [(_hash(code), created_seconds, expires_seconds, note, seats) for code, note in zip(codes, notes, strict=True)],
    )
    return codes


def end_invitations(connection: sqlite3.Connection) -> int:
    """Let no invitation that has a seat left be used any more; how many there were."""
    ended = connection.execute(
        "UPDATE invitation SET expires_seconds = created_seconds "  # past by any clock that has gone on
        "WHERE expires_seconds > created_seconds AND seats > "
        "(SELECT count(*) FROM seat WHERE seat.code_sha256 = invitation.code_sha256)"
    )
    return max(ended.rowcount, 0)


def is_offerable(connection: sqlite3.Connection, code: bytes, now_seconds: float) -> bool:
    """Whether whoever has this code may read the offer: it has not expired, and has a seat or a member.

    With a member but no seat, the member's answer may have got lost.
    """
    found = connection.execute(
        "SELECT expires_seconds, seats, count(seat.device), count(seat.device) - count(revoked_seconds) "
        "FROM invitation LEFT JOIN seat USING (code_sha256) LEFT JOIN device ON device.id = seat.device "
        "WHERE code_sha256 = ? GROUP BY code_sha256",
        (_hash(code),),
    ).fetchone()
    if found is None:
        return False
    expires_seconds, seats, taken, members = found
    return bool(now_seconds < expires_seconds and (taken < seats or members > 0))


def holder_of(
    connection: sqlite3.Connection, code: bytes, device: bytes, now_seconds: float, refused: Refused
) -> DeviceRow | None:
    """The device of this id that has a seat by this code; None where it may take one.

    Raises:
        Refused: as given; the code is unknown, has expired or has no seat left.
    """
    found = connection.execute(
        "SELECT expires_seconds, seats, (SELECT count(*) FROM seat WHERE seat.code_sha256 = invitation.code_sha256) "
        "FROM invitation WHERE code_sha256 = ?",
        (_hash(code),),
    ).fetchone()
    if found is None:
        raise refused
    held = connection.execute(
        "SELECT device.* FROM seat JOIN device ON device.id = seat.device WHERE code_sha256 = ? AND device = ?",
        (_hash(code), device),
    ).fetchone()
    if held is not None:
        return device_row(held)
    expires_seconds, seats, taken = found
    if now_seconds >= expires_seconds or taken >= seats:
        raise refused
    return None


def take_seat(connection: sqlite3.Connection, code: bytes, device: bytes) -> None:
    """Remember that a device, which the registry knows, has joined by this code."""
    connection.execute("INSERT INTO seat VALUES (?, ?)", (device, _hash(code)))


def all_invitations(connection: sqlite3.Connection) -> tuple[InvitationRow, ...]:
    """Oldest first."""
    found = connection.execute(
        "SELECT created_seconds, expires_seconds, note, seats, group_concat(hex(seat.device)) "
        "FROM invitation LEFT JOIN seat USING (code_sha256) GROUP BY code_sha256 "
        "ORDER BY created_seconds, invitation.rowid"
    ).fetchall()
    return tuple(
        InvitationRow(created, expires, note, seats, tuple(devices.lower().split(",")) if devices else ())
        for created, expires, note, seats, devices in found
    )


def _hash(code: bytes) -> bytes:
    return hashlib.sha256(b"hushrec invitation" + code).digest()

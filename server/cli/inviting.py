"""Invitations for people: one to be read aloud or scanned, or many as a list."""

import csv
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.cli import terminal
from server.home import Home, write_private
from shared.cli import print_json
from shared.enrolment import Invitation, fingerprint, fingerprint_text
from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True, repr=False)
class Invited:
    """Invitations that were made.

    Attributes:
        invitations: as they are handed on.
        seats: devices that each is for.
        url: where devices reach the server.
        operator: fingerprint of the operator's key.
        expires_seconds: until when they hold, since 1970 UTC.
    """

    invitations: tuple[str, ...]
    seats: int
    url: str
    operator: bytes
    expires_seconds: int

    def __repr__(self) -> str:
        return f"Invited({len(self.invitations)} invitations)"

    def to_json(self) -> dict[str, Any]:
        """What all of them share; the invitations stand beside it."""
        return {
            "url": self.url,
            "operator": self.operator.hex(),
            "fingerprint": fingerprint_text(self.operator),
            "expires_seconds": self.expires_seconds,
            "seats": self.seats,
        }

    @property
    def holds(self) -> str:
        """For whom and until when, in words."""
        who = "one device" if self.seats == 1 else f"{self.seats} devices"
        return f"{terminal.moment(self.expires_seconds)}, for {who}"


def invite(home: Home, count: int, hours: int | None, note: str, seats: int = 1) -> Invited:
    """Make so many invitations.

    Args:
        home: folder of the server.
        count: devices to invite.
        hours: how long they hold; None for the setting.
        note: the operator's own words, for the list of invitations; several are numbered behind it.
        seats: devices that can join by each.

    Raises:
        Misconfigured, Corrupt: a key or the registry cannot be read.
    """
    now_seconds, hours = time.time(), hours or home.settings.invitation_hours
    operator = fingerprint(home.operator_key().public_key().public_bytes_raw())
    expires_seconds = int(now_seconds + hours * 3600)
    notes = [note] if count == 1 else [f"{note} {number}".strip() for number in range(1, count + 1)]
    with home.registry() as registry:
        codes = registry.invite_many(now_seconds, hours, notes, seats)
    texts = tuple(Invitation(home.settings.url, operator, code, expires_seconds).encode() for code in codes)
    return Invited(texts, seats, home.settings.url, operator, expires_seconds)


def print_one(home: Home, invited: Invited, drawn: bool) -> None:
    """The single invitation for whoever stands before the terminal, as text and, if wanted, for a camera."""
    (text,) = invited.invitations
    terminal.advise(
        f"server       {invited.url}",
        f"fingerprint  {fingerprint_text(invited.operator)}",
        f"holds until  {invited.holds}",
        "",
        "on the device: hushrec-device join DIR 'INVITATION', with the last line for INVITATION",
    )
    if home.settings.is_local:
        terminal.advise(
            f"note: only devices on this machine reach {invited.url}; for others set host and public_url in "
            f"{home.settings_path}, then hushrec-server check {home.directory} --mend"
        )
    if drawn:
        terminal.print_qr(text)
    print(text)


def print_many(invited: Invited, csv_path: Path | None, as_json: bool) -> None:
    """The invitations, one a line on standard output or in a CSV file that only its owner reads.

    Raises:
        Misconfigured: the file is there already, or cannot be written.
    """
    if csv_path is not None:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("number", "invitation", "holds_until"))
        until = terminal.moment(invited.expires_seconds)
        writer.writerows((number, one, until) for number, one in enumerate(invited.invitations, 1))
        write_private(csv_path, text.getvalue().encode())
    if as_json:
        listed = {"csv": str(csv_path)} if csv_path is not None else {"invitations": list(invited.invitations)}
        return print_json({"count": len(invited.invitations), **invited.to_json(), **listed})
    terminal.advise(
        f"server       {invited.url}",
        f"fingerprint  {fingerprint_text(invited.operator)}",
        f"hold until   {invited.holds.replace('for ', 'each for ')}",
    )
    if csv_path is None:
        print("\n".join(invited.invitations))
    else:
        print(
            f"{csv_path}: {len(invited.invitations)} invitations; whoever reads it can join: delete it once handed on"
        )


def check_new(path: Path) -> None:
    """See that a list of invitations overwrites none.

    Raises:
        Misconfigured: there is a file of this name.
    """
    if path.exists():
        raise Misconfigured(f"--csv: expected a new file, got {path}, which is there; its invitations may still hold")

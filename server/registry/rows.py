"""What the registry knows of one device and of one invitation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class DeviceRow:
    """One device that joined.

    Attributes:
        device: id, 32 hexadecimal digits.
        public_key: Ed25519, 32 bytes.
        node_key: P-384 public key, one OpenSSH line.
        node_id: Flower's number for it, None while it has none.
        certificate: `shared.secure_sum.Certificate`, encoded, 72 bytes.
        joined_seconds: since 1970 UTC.
        expiry_seconds: end of the certificate.
        revoked_seconds: since when it takes no part, None while it may.
    """

    device: str
    public_key: bytes
    node_key: str
    node_id: int | None
    certificate: bytes
    joined_seconds: int
    expiry_seconds: int
    revoked_seconds: int | None

    def __repr__(self) -> str:
        return f"DeviceRow({self.device})"


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """One invitation, used or not.

    Attributes:
        created_seconds, expires_seconds: since 1970 UTC.
        note: the operator's own words.
        seats: devices that it is for.
        devices: ids of those that used it, 32 hexadecimal digits each.
    """

    created_seconds: int
    expires_seconds: int
    note: str
    seats: int
    devices: tuple[str, ...]

    @property
    def is_used_up(self) -> bool:
        """Whether no further device can join by it."""
        return len(self.devices) >= self.seats


def device_row(found: tuple[bytes, bytes, str, str | None, bytes, int, int, int | None]) -> DeviceRow:
    """A row of the table `device`."""
    identity, public_key, node_key, node_id, certificate, joined, expiry, revoked = found
    node = None if node_id is None else int(node_id)
    return DeviceRow(identity.hex(), public_key, node_key, node, certificate, joined, expiry, revoked)

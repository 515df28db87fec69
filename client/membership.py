"""What joining pinned: whom this device trusts, who it is there, and the terms its person agreed to. All is public."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from client.gateway import GatewayClient
from client.secagg import Credentials as Member
from shared.amendment import changes_to_accept
from shared.enrolment import Revocations, fingerprint, fingerprint_text
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import FederationFile, read_federation
from shared.files import read_bounded, write_atomically
from shared.locks import exclusive
from shared.secure_sum import Certificate, Identity, verify_certificate
from shared.tasks import Task

_LARGEST_BYTES = 131_072
_LARGEST_REVOCATIONS = Revocations.largest_bytes
_LOCK_SECONDS = 5.0

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Membership(BaseModel):
    """membership.json.

    Attributes:
        url: `https://HOST:PORT` of the gateway.
        server: what it calls itself.
        authority: certificate in PEM, the only one that may vouch for the gateway.
        operator, registry: Ed25519 public keys, hexadecimal.
        device: id of this device, hexadecimal.
        certificate: of this device, 72 bytes in hexadecimal.
        certificate_days: how long one is to hold.
        federation: name of the federation.
        terms: its file as it was agreed to, TOML.
        answers_before: answers of each task that the ledger held on joining, to other servers than this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    url: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.:\[\]-]{1,300}$")]
    server: Annotated[str, Field(min_length=1, max_length=64)]
    authority: Annotated[str, Field(min_length=1, max_length=16_384)]
    operator: Key
    registry: Key
    device: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    certificate: Annotated[str, Field(pattern=r"^[0-9a-f]{144}$")]
    certificate_days: Annotated[int, Field(ge=1, le=3660)]
    federation: Annotated[str, Field(min_length=1, max_length=64)]
    terms: Annotated[str, Field(min_length=1, max_length=65_536)]
    answers_before: dict[Task, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Of the operator's key, as the server's `init` and `enrol` print it."""
        return fingerprint_text(fingerprint(bytes.fromhex(self.operator)))

    def __repr__(self) -> str:
        return f"Membership({self.federation} at {self.url})"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read membership.json.

        Raises:
            Misconfigured: this device has joined nothing.
            Corrupt: the file is not what joining wrote.
        """
        try:
            content = read_bounded(path, _LARGEST_BYTES)
        except FileNotFoundError:
            raise Misconfigured(
                f"{path}: this device has joined no federation; join one with: hushrec-device join {path.parent} "
                "INVITATION"
            ) from None
        try:
            return cls.model_validate_json(content)
        except (ValidationError, ValueError):
            raise Corrupt(
                f"{path}: expected what joining wrote, got something else; bring it back from a copy"
            ) from None

    def save(self, path: Path) -> None:
        """Write membership.json, whole or not at all."""
        write_atomically(path, self.model_dump_json(indent=1).encode() + b"\n")

    @classmethod
    def change(cls, path: Path, **values: str) -> Self:
        """Write other values into membership.json, one process at a time; everything else stays as it is there.

        Raises:
            Misconfigured, Corrupt: as `load`.
            NotYet: another process is at it.
        """
        with changing_membership(path):
            changed = cls.load(path).model_copy(update=values)
            changed.save(path)
        return changed

    @property
    def expiry_seconds(self) -> int:
        """End of the certificate, since 1970 UTC."""
        return Certificate.decode(bytes.fromhex(self.certificate)).expiry_seconds

    def agreed(self) -> FederationFile:
        """The terms that the person agreed to.

        Raises:
            Misconfigured, Corrupt: this version cannot read them.
        """
        return parse_terms(self.terms)

    def check_terms(self, offered: FederationFile) -> None:
        """See that other terms promise what was agreed to: see `changes_to_accept`.

        Raises:
            Refused: naming the first key that differs.
        """
        for change in changes_to_accept(self.agreed(), offered):
            raise Refused(
                f"terms: {change.key}: expected {change.before}, as was agreed to, got {change.after}; the device goes "
                "on with the release it has: read what would change, and accept it or not, with: hushrec-device terms",
                code="terms-changed",
            )

    def check_certificate(self, certificate: Certificate, identity: Identity, now_seconds: float) -> None:
        """See that the pinned registry certified this device, for some time to come.

        Raises:
            Corrupt: it did not.
        """
        verify_certificate(bytes.fromhex(self.registry), identity.public_key, certificate, int(now_seconds))

    def member(self, identity: Identity, revocations: Path) -> Member:
        """Who this device is in private sums.

        Args:
            identity: the device's own keys.
            revocations: file of the list that was fetched last; read anew for each roster.

        Raises:
            Misconfigured: this is the membership of another device.
        """
        if identity.device.hex() != self.device:
            raise Misconfigured(
                f"membership: expected that of device {identity.device.hex()}, got that of {self.device}; each device "
                "joins by itself"
            )
        registry = bytes.fromhex(self.registry)
        return Member(
            identity,
            Certificate.decode(bytes.fromhex(self.certificate)),
            registry,
            lambda: kept_revocations(revocations, registry).devices,
        )

    def gateway(self, identity: Identity) -> GatewayClient:
        """The server, asked as this device."""
        return GatewayClient(self.url, self.authority, identity)


@contextmanager
def changing_membership(path: Path) -> Iterator[None]:
    """Be the one process that changes membership.json, or puts it aside.

    Raises:
        NotYet: another process is at it.
    """
    busy = f"{path}: another process of this device is changing it; try again"
    with exclusive(path.parent / "run" / "membership.lock", busy, _LOCK_SECONDS):
        yield


def parse_terms(text: str) -> FederationFile:
    """A federation file from its text.

    Raises:
        Misconfigured: a key is unknown, of another type or impossible.
        Corrupt: it is not TOML.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise Corrupt("terms: expected a federation file in TOML, got something else") from None
    return read_federation(overlays=[content])


def kept_revocations(path: Path, registry: bytes) -> Revocations:
    """The list that was fetched last; an empty one before the first.

    Raises:
        Corrupt: it is not the registry's. No roster can be trusted then.
    """
    try:
        content = read_bounded(path, _LARGEST_REVOCATIONS)
    except FileNotFoundError:
        return Revocations(sequence=0, devices=frozenset(), signature=bytes(64))
    revocations = Revocations.decode(content)
    revocations.verify(registry)
    return revocations

"""The folder of one server as the other parts see it: where everything lies, and the keys when they are asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.home.keys import read_ed25519
from server.home.settings import ServerSettings, read_server_settings
from server.registry import Registry, RevocationList
from shared.errors import Misconfigured
from shared.federation import FederationFile, read_federation
from shared.secure_sum import Certificate, issue_certificate


@dataclass(frozen=True, slots=True, repr=False)
class Home:
    """A server's folder.

    Attributes:
        directory: absolute path.
        settings: as server.toml had them on opening.
    """

    directory: Path
    settings: ServerSettings

    @classmethod
    def open(cls, directory: Path) -> "Home":
        """The server in a folder; nothing but its settings is read.

        Raises:
            Misconfigured: there is no server, or a setting is wrong.
            Corrupt: server.toml is not TOML.
        """
        directory = directory.absolute()
        if not (directory / "server.toml").is_file():
            raise Misconfigured(
                f"{directory}: expected the folder of a server, with server.toml in it, found none; "
                f"make one with `hushrec-server init {directory}`"
            )
        return cls(directory, read_server_settings(directory / "server.toml"))

    def __repr__(self) -> str:
        return f"Home({self.directory})"

    def operator_key(self) -> Ed25519PrivateKey:
        """Signs releases and offers: whoever has it is the server.

        Raises:
            Misconfigured: it cannot be read.
            Corrupt: it is no such key.
        """
        return read_ed25519(self.operator_key_path)

    def registry_key(self) -> Ed25519PrivateKey:
        """Signs device certificates and revocations.

        Raises:
            Misconfigured: it cannot be read.
            Corrupt: it is no such key.
        """
        return read_ed25519(self.registry_key_path)

    def certify(self, device_public_key: bytes, expiry_seconds: int) -> Certificate:
        """A certificate under the registry's key; what `Registry.join` and `Registry.renew` sign with.

        Raises:
            Misconfigured, Corrupt: the key cannot be read.
        """
        return issue_certificate(self.registry_key(), device_public_key, expiry_seconds)

    def registry(self) -> Registry:
        """The registry, opened; close it after use.

        Raises:
            Misconfigured: there is none, or it is of a newer version.
            Corrupt: it is damaged.
        """
        return Registry(self.registry_path)

    def revocation_list(self, registry: Registry) -> RevocationList:
        """The signed list of revoked devices; nothing is read before it is asked for."""
        return RevocationList(self.revocations_path, registry, self.registry_key)

    def federation(self) -> FederationFile:
        """What devices and this server agree on.

        Raises:
            Misconfigured, Corrupt: the file is wrong, naming the key.
        """
        return read_federation(self.federation_path)

    @property
    def settings_path(self) -> Path:
        """server.toml."""
        return self.directory / "server.toml"

    @property
    def federation_path(self) -> Path:
        """federation.toml."""
        return self.directory / "federation.toml"

    @property
    def keys(self) -> Path:
        """Folder of keys, 0700."""
        return self.directory / "keys"

    @property
    def operator_key_path(self) -> Path:
        """Ed25519, PKCS8 PEM, 0600."""
        return self.keys / "operator.key"

    @property
    def registry_key_path(self) -> Path:
        """Ed25519, PKCS8 PEM, 0600."""
        return self.keys / "registry.key"

    @property
    def authority_key_path(self) -> Path:
        """P-256, PKCS8 PEM, 0600: signs server certificates."""
        return self.keys / "authority.key"

    @property
    def authority_path(self) -> Path:
        """The authority's certificate, PEM: what devices pin."""
        return self.keys / "authority.pem"

    @property
    def server_key_path(self) -> Path:
        """P-256, PKCS8 PEM, 0600: the server's own TLS key."""
        return self.keys / "server.key"

    @property
    def server_certificate_path(self) -> Path:
        """The server's certificate, PEM, for the names in the settings and for this machine."""
        return self.keys / "server.pem"

    @property
    def superexec_secret_path(self) -> Path:
        """What SuperLink and SuperExec share, 0600."""
        return self.keys / "superexec.secret"

    @property
    def console_tokens(self) -> dict[Literal["reader", "operator"], Path]:
        """What opens the console, 0600 each: to look only, or to act too."""
        return {"reader": self.keys / "console-reader.token", "operator": self.keys / "console-operator.token"}

    @property
    def registry_path(self) -> Path:
        """The registry's database, 0600."""
        return self.directory / "registry.sqlite"

    @property
    def revocations_path(self) -> Path:
        """The signed list of revoked devices; absent before it was first asked for."""
        return self.directory / "revocations.json"

    @property
    def catalogue(self) -> Path:
        """Folder of items and their embeddings."""
        return self.directory / "catalogue"

    @property
    def releases(self) -> Path:
        """Folder of releases, one below for each, named by digest."""
        return self.directory / "releases"

    @property
    def chain(self) -> Path:
        """Publications, one a line."""
        return self.releases / "chain.jsonl"

    @property
    def training(self) -> Path:
        """Folder of checkpoint, recorded sums, order and progress."""
        return self.directory / "training"

    @property
    def schedule_state(self) -> Path:
        """What the schedule has ordered."""
        return self.training / "schedule.json"

    @property
    def schedule_pause(self) -> Path:
        """An empty file; the schedule orders nothing while it is there."""
        return self.training / "schedule.paused"

    @property
    def flower(self) -> Path:
        """Folder of Flower's own state."""
        return self.directory / "flower"

    @property
    def flower_home(self) -> Path:
        """FLWR_HOME."""
        return self.flower / "home"

    @property
    def superlink_database(self) -> Path:
        """Where the SuperLink keeps runs and nodes."""
        return self.flower / "superlink.sqlite"

    @property
    def run(self) -> Path:
        """Folder of what is known only while the server is up."""
        return self.directory / "run"

    @property
    def lock(self) -> Path:
        """Held by the one `up`."""
        return self.run / "up.lock"

    @property
    def status(self) -> Path:
        """What `up` writes of its parts."""
        return self.run / "status.json"

    @property
    def waiting(self) -> Path:
        """What the ServerApp writes of the devices that a round waits for."""
        return self.run / "waiting.json"

    @property
    def phase(self) -> Path:
        """How far the private sum at work is."""
        return self.run / "phase.json"

    @property
    def logs(self) -> Path:
        """Folder of one log a part."""
        return self.run / "logs"

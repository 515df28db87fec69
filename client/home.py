"""A device's folder: where each of its files lies, and how it is made. Nothing is read before it is asked for."""

import ipaddress
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator

from client.keys import Keys
from client.ledger_heads import head_places
from client.policy import Policy
from client.settings_file import Setting, SettingsFile, parse, read_settings, shipped, with_values
from client.store import Store
from shared.errors import Misconfigured, Refused
from shared.files import write_atomically
from shared.privacy import LedgerBudget, LedgerFile

Seconds = Annotated[float, Field(gt=0, le=86_400 * 30)]


class DeviceSettings(SettingsFile):
    """device.toml. The meaning of each key stands beside it in the shipped file."""

    host: str
    port: Annotated[int, Field(ge=0, le=65_535)]
    poll_seconds: Seconds
    busy_poll_seconds: Seconds
    ranker_idle_seconds: Seconds
    keyring: bool

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        try:
            if ipaddress.ip_address(host).is_loopback:
                return host
        except ValueError:
            pass
        raise ValueError(f"expected a loopback address such as 127.0.0.1, got {host!r}; others must not reach the API")


@dataclass(frozen=True)
class Home:
    """The places of one device's files. `Home.open` gives one that is known to be a device's.

    Attributes:
        directory: absolute.
    """

    directory: Path

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The home of a device that was made by `create_home`.

        Raises:
            Misconfigured: there is none, or its settings are wrong.
            Corrupt: device.toml is not TOML.
        """
        home = cls(directory.expanduser().absolute())
        if not home.settings_path.is_file():
            raise Misconfigured(
                f"{directory}: expected the folder of a device, found no device.toml in it; "
                f"make one with: hushrec-device init {directory}"
            )
        _ = home.settings
        return home

    @cached_property
    def settings(self) -> DeviceSettings:
        """The person's settings, as they were when first asked for.

        Raises:
            Misconfigured, Corrupt: device.toml is not what it must be.
        """
        return read_settings(self.settings_path, DeviceSettings)

    @property
    def keys(self) -> Keys:
        """The device's keys; none is read before it is asked for."""
        return Keys(self.directory / "keys")

    def policy(self) -> Policy:
        """The policy as it is now: read anew each time.

        Raises:
            Misconfigured, Corrupt: policy.toml is not what it must be.
        """
        return Policy.load(self.policy_path)

    def answering_policy(self) -> Policy:
        """The policy by which the server is answered: `policy`, unless the person has paused all answers.

        Raises:
            Refused: they have.
            Misconfigured, Corrupt: policy.toml is not what it must be.
        """
        if self.paused.exists():
            raise Refused(
                f"the person has paused this device; it answers again after: hushrec-device resume {self.directory}",
                code="paused",
            )
        return self.policy()

    @property
    def settings_path(self) -> Path:
        """device.toml."""
        return self.directory / "device.toml"

    @property
    def policy_path(self) -> Path:
        """policy.toml."""
        return self.directory / "policy.toml"

    @property
    def membership(self) -> Path:
        """What was pinned on joining; absent before."""
        return self.directory / "membership.json"

    @property
    def left(self) -> Path:
        """What was pinned on joining, once the person has left."""
        return self.directory / "left.json"

    @property
    def offered_terms(self) -> Path:
        """Terms that the operator offers and the person has not accepted; absent where there are none."""
        return self.directory / "terms-offered.json"

    @property
    def paused(self) -> Path:
        """There, and empty, while the person has paused all answers."""
        return self.directory / "paused"

    @property
    def store(self) -> Path:
        """The sealed behaviour log."""
        return self.directory / "store.sqlite"

    @property
    def ledger(self) -> Path:
        """Every charge ever made."""
        return self.directory / "ledger.jsonl"

    @property
    def rounds(self) -> Path:
        """The last round answered of each task."""
        return self.directory / "rounds.json"

    @property
    def head(self) -> Path:
        """The head of the ledger, sealed."""
        return self.directory / "ledger.head"

    @property
    def receipt(self) -> Path:
        """What the server says it has had of this device; absent before the first round."""
        return self.directory / "receipt.json"

    @property
    def clock(self) -> Path:
        """The latest moment this device has seen."""
        return self.directory / "clock"

    @property
    def releases(self) -> Path:
        """Folder of installed releases, one folder for each digest."""
        return self.directory / "releases"

    @property
    def current(self) -> Path:
        """The publication accepted last."""
        return self.releases / "current.json"

    @property
    def past(self) -> Path:
        """How the chain of publications began, and what was superseded on it."""
        return self.releases / "past.json"

    @property
    def revocations(self) -> Path:
        """Devices whose certificates count no more."""
        return self.releases / "revocations.json"

    @property
    def run(self) -> Path:
        """What lives as long as the device's processes: locks, ports, logs."""
        return self.directory / "run"

    @property
    def up_lock(self) -> Path:
        """Held by the device while it is up."""
        return self.run / "up.lock"

    @property
    def api(self) -> Path:
        """Where the local API listens, while it does."""
        return self.run / "api.json"

    @property
    def news(self) -> Path:
        """What the server has said that it has, while the device is up."""
        return self.run / "news"

    @property
    def logs(self) -> Path:
        """Folder of the processes' logs."""
        return self.run / "logs"


def create_home(directory: Path, policy: Mapping[str, Setting] | None = None, **settings: Setting) -> Home:
    """Make a device: settings, policy, keys, an empty store and an empty ledger, all of it or nothing.

    Args:
        directory: must not exist yet, or be empty.
        policy: values other than those of the shipped policy.
        settings: values other than those of the shipped device.toml.

    Raises:
        Misconfigured: the folder is in use or cannot be written, or a value is impossible.
    """
    home = Home(directory.expanduser().absolute())
    device_text = with_values(shipped("device.toml"), settings).encode()
    policy_text = with_values(shipped("policy.toml"), policy or {}).encode()
    keyring = parse(device_text, DeviceSettings, home.settings_path).keyring
    parse(policy_text, Policy, home.policy_path)
    keys = None
    try:
        if home.directory.exists() and (not home.directory.is_dir() or any(home.directory.iterdir())):
            raise Misconfigured(f"{directory}: expected a new or an empty folder, found one in use; choose another")
        home.directory.parent.mkdir(parents=True, exist_ok=True)
        made = Home(Path(tempfile.mkdtemp(prefix=f".{home.directory.name}.", dir=home.directory.parent)))
        try:
            for folder in (made.releases, made.run, made.logs):
                folder.mkdir(mode=0o700)
            write_atomically(made.settings_path, device_text)
            write_atomically(made.policy_path, policy_text)
            keys = Keys.create(made.directory / "keys", keyring)
            Store.open(made.store, keys.data_key()).close()
            with LedgerFile(made.ledger, LedgerBudget()) as ledger:
                for place in head_places(made.head, keys):
                    place.keep(ledger.content.head)
            os.replace(made.directory, home.directory)
        except BaseException:
            if keys is not None:
                keys.forget()
            shutil.rmtree(made.directory, ignore_errors=True)
            raise
    except OSError as error:
        raise Misconfigured(
            f"{directory}: the device could not be made there ({error.strerror}); choose another folder"
        ) from None
    return home

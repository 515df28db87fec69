"""The operator's settings, server.toml: strict, every key commented, nothing in it that devices have to agree to."""

import ipaddress
import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from server.logs import LogFormat
from shared.errors import Corrupt, Misconfigured

_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*", re.ASCII
)
_URL = re.compile(r"https://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[1-9][0-9]{0,4})", re.ASCII)

Port = Annotated[int, Field(ge=1, le=65_535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limits(_Section):
    """What the gateway lets through."""

    body_bytes: Annotated[int, Field(ge=65_536, le=2**30)] = 16 * 2**20
    requests_per_minute: Annotated[int, Field(ge=1)] = 6000
    requests_per_device_minute: Annotated[int, Field(ge=60)] = 600
    joins_per_minute: Annotated[int, Field(ge=1)] = 60
    connections: Annotated[int, Field(ge=16, le=1_000_000)] = 4096
    connections_per_address: Annotated[int, Field(ge=4, le=1_000_000)] = 512


class Schedule(_Section):
    """Rounds that the server orders by itself."""

    every_hours: Annotated[float, Field(ge=0, le=8760, allow_inf_nan=False)] = 0.0
    from_hour: Annotated[int, Field(ge=0, le=23)] = 0
    until_hour: Annotated[int, Field(ge=0, le=24)] = 24
    devices: Annotated[int, Field(ge=0)] = 0
    rounds_per_day: Annotated[int, Field(ge=0)] = 0

    def is_open(self, hour: int) -> bool:
        """Whether rounds begin in this hour of the day, UTC; the hours may go over midnight."""
        if self.from_hour < self.until_hour:
            return self.from_hour <= hour < self.until_hour
        return hour >= self.from_hour or hour < self.until_hour


class ServerSettings(_Section):
    """The whole file; see the comments in the shipped server.toml."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "Hushrec"
    host: str = "127.0.0.1"
    port: Port = 9443
    public_url: str = ""
    names: Annotated[tuple[str, ...], Field(max_length=32, strict=False)] = ()
    superlink_port: Port = 9442
    invitation_hours: Annotated[int, Field(ge=1, le=8760)] = 72
    certificate_days: Annotated[int, Field(ge=1, le=3660)] = 365
    log_format: LogFormat = "text"
    hold_seconds: Annotated[int, Field(ge=5, le=240)] = 180
    limits: Limits = Limits()
    schedule: Schedule = Schedule()

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable() or not name.strip():
            raise ValueError("expected printable characters")
        return name

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if not is_host(host):
            raise ValueError("expected a name or an address to listen on, without a port")
        return host

    @field_validator("names")
    @classmethod
    def _addresses(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(is_host, names)):
            raise ValueError("expected names and addresses without ports")
        return names

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.port == self.superlink_port:
            raise ValueError(f"superlink_port: expected another port than the gateway's, got {self.port} for both")
        if not self.public_url and is_everywhere(self.host):
            raise ValueError(
                f"public_url: expected https://HOST:PORT where devices reach this server, as host = {self.host!r} is "
                "every network, got none"
            )
        found = _URL.fullmatch(self.url)
        if found is None or int(found["port"]) > 65_535 or not is_host(found["host"].strip("[]")):
            raise ValueError(f"public_url: expected https://HOST:PORT and nothing behind it, got {self.public_url!r}")
        return self

    @property
    def url(self) -> str:
        """Where devices reach the gateway, `https://HOST:PORT`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"https://{host}:{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """All names and addresses that the server's certificate has to hold, each once."""
        listened = () if is_everywhere(self.host) else (self.host,)
        return tuple(dict.fromkeys((self._public_host, *listened, *self.names, "localhost", "127.0.0.1")))

    @property
    def is_local(self) -> bool:
        """Whether invitations lead to this machine for devices on this machine alone."""
        try:
            return ipaddress.ip_address(self._public_host).is_loopback
        except ValueError:
            return self._public_host.lower() == "localhost"

    @property
    def _public_host(self) -> str:
        return self.url.removeprefix("https://").rpartition(":")[0].strip("[]")

    def to_toml(self) -> str:
        """The shipped file with these values in place of the defaults, comments and all."""
        values = self.model_dump(mode="json")
        for section in _SECTIONS:
            values |= values.pop(section)  # no two sections have a key of the same name
        lines = default_settings_text().splitlines()
        for place, line in enumerate(lines):
            key, equals, _ = line.partition(" = ")
            if equals and key in values:
                lines[place] = f"{key} = {json.dumps(values[key], ensure_ascii=False)}"
        return "\n".join(lines) + "\n"


_SECTIONS: Mapping[str, type[_Section]] = MappingProxyType({"limits": Limits, "schedule": Schedule})


def _known_keys() -> list[str]:
    alone = [name for name in ServerSettings.model_fields if name not in _SECTIONS]
    return [*alone, *(f"{name}.{key}" for name, section in _SECTIONS.items() for key in section.model_fields)]


def default_settings_text() -> str:
    """The shipped server.toml."""
    return resources.files("server.home").joinpath("server.toml").read_text(encoding="utf-8")


def read_server_settings(path: Path) -> ServerSettings:
    """Read a server.toml.

    Raises:
        Misconfigured: there is none, or a key is unknown, missing its type or out of range, naming the key.
        Corrupt: it is not TOML.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(
            f"{path}: expected the settings of a server, could not be read ({error.strerror})"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"{path}: expected TOML, {error}") from None
    return settings_of(content)


def settings_of(content: Mapping[str, object]) -> ServerSettings:
    """Settings of these keys, the others as shipped.

    Raises:
        Misconfigured: naming the key.
    """
    try:
        return ServerSettings.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(_known_keys())
            raise Misconfigured(f"server.toml: {key}: expected a known key, one of {known}; got another") from None
        if not key:  # of the whole, whose message names the key
            raise Misconfigured(f"server.toml: {first['msg'].removeprefix('Value error, ')}") from None
        said = first["msg"].removeprefix("Value error, expected ").removeprefix("Input should be ")
        raise Misconfigured(f"server.toml: {key}: expected {said}, got {first['input']!r}") from None


def is_host(host: str) -> bool:
    """Whether this is a name or an IP address, without a port."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None and not re.fullmatch(r"[0-9.]+", host)
    return "%" not in host


def is_everywhere(host: str) -> bool:
    """Whether listening on this address means every network."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False

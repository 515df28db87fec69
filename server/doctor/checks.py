"""Says what is wrong with a server's folder and how to mend it; mends what needs no choice. It never shows a secret."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from server.disk import disk_space
from server.doctor.problem import Problem
from server.doctor.published import check_published, check_training
from server.home import (
    SECRET_BYTES,
    Home,
    ServerSettings,
    fits_key,
    hosts_in,
    issue_server_certificate,
    new_secret,
    read_certificate,
    read_ed25519,
    read_p256,
    spelt,
    write_private,
)
from server.registry import Registry
from server.releases import Releases, unfinished
from server.status_file import SET_ASIDE_CURE, devices_set_aside
from shared.catalogue import Catalogue
from shared.errors import HushrecError

_SERVER_NOTICE = timedelta(days=30)
_AUTHORITY_NOTICE = timedelta(days=365)
_PRIVATE = ("keys/operator.key", "keys/registry.key", "keys/authority.key", "keys/server.key", "keys/superexec.secret")
_PUBLIC = ("keys/authority.pem", "keys/server.pem")
_RESTORE = {
    "keys/operator.key": "restore it from a copy; devices that joined accept releases under this key alone",
    "keys/registry.key": "restore it from a copy; devices that joined accept certificates under this key alone",
    "keys/authority.key": "restore it from a copy; no server certificate can be made without it",
    "keys/authority.pem": "restore it from a copy; devices that joined accept this authority alone",
    "registry.sqlite": "restore it from a copy; it says who takes part",
    "federation.toml": "restore it from a copy, or from the newest folder below releases/",
}


def check_server(directory: Path, now: datetime | None = None, replay: bool = True) -> list[Problem]:
    """Everything that is wrong with a server's folder; nothing is changed.

    Args:
        directory: folder of the server.
        now: in which certificates are valid; the clock's when left out.
        replay: do training again from the recorded sums, which takes a while once there are some.
    """
    directory = directory.absolute()
    if not (directory / "server.toml").is_file():
        found = "none" if directory.exists() else "no such folder"
        fix = f"make a server with `hushrec-server init {directory}`, or name the folder of one"
        return [Problem(str(directory), "the folder of a server, with server.toml in it", found, fix)]
    findings = [*_modes(directory)]
    try:
        home = Home.open(directory)
        hosts: tuple[str, ...] = home.settings.hosts
    except HushrecError as error:
        findings.append(Problem("server.toml", "valid settings", f"an error ({error})", "edit it as its comments say"))
        home, hosts = Home(directory, ServerSettings()), ()
    findings += _keys(home)
    findings += _certificates(home, hosts, now or datetime.now(UTC))
    findings += _database(home)
    findings += _nodes(home)
    findings += _disk(home)
    findings += _federation(home)
    findings += _items(home)
    published = list(check_published(home))
    findings += published
    if replay and not published:
        findings += check_training(home)
    return findings


def repair_server(directory: Path, now: datetime | None = None) -> list[str]:
    """Set file modes, make certificate and SuperExec secret anew, revoke again, complete a torn chain of releases.

    Returns:
        what was done, in words.

    Raises:
        Misconfigured, Corrupt: this is no server's folder, or its settings are wrong.
    """
    home = Home.open(directory)
    done = []
    for path, mode in _too_open(home.directory):
        path.chmod(mode)
        done.append(f"{path.relative_to(home.directory)}: mode is {mode:04o} now")
    if list(_secret(home)):
        write_private(home.superexec_secret_path, new_secret())
        done.append("keys/superexec.secret: drawn anew")
    moment = now or datetime.now(UTC)
    if list(_server_certificate(home, home.settings.hosts, moment)) or list(_key(home.server_key_path)):
        with suppress(HushrecError):  # without its authority there is none to be had, and `check` says so
            issue_server_certificate(home, moment)
            done.append(
                f"keys/server.pem: made anew for {', '.join(home.settings.hosts)}; it counts from the next `up`"
            )
    with suppress(HushrecError), home.registry() as registry:  # as above
        held = home.revocation_list(registry)
        if undone := held.undone():
            held.current()
            done.append(f"registry.sqlite: {len(undone)} devices are revoked again, as in revocations.json")
    with suppress(HushrecError):  # without the operator's key, or where newest.json does not help, `check` says so
        if rest := unfinished(home.chain, home.operator_key().public_key().public_bytes_raw()):
            Releases(home)
            done.append(f"releases/chain.jsonl: its last line is whole again, {len(rest)} bytes from newest.json")
    return done


def _too_open(directory: Path) -> Iterator[tuple[Path, int]]:
    """(path, the mode it should have) of everything that others may read or change."""
    wanted = {directory: 0o700, directory / "keys": 0o700}
    wanted |= {directory / name: 0o600 for name in _PRIVATE}
    wanted |= dict.fromkeys(directory.glob("registry.sqlite*"), 0o600)
    wanted |= dict.fromkeys((directory / "keys").glob("console-*.token"), 0o600)
    wanted |= {directory / name: 0o644 for name in _PUBLIC}
    for path, mode in wanted.items():
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & ~mode & 0o077:
            yield path, mode


def _modes(directory: Path) -> Iterator[Problem]:
    for path, mode in _too_open(directory):
        name = str(path.relative_to(directory)) if path != directory else str(directory)
        got = stat.S_IMODE(path.stat().st_mode)
        yield Problem(
            name, f"mode {mode:04o}", f"{got:04o}", f"chmod {mode:o} {path}, or `hushrec-server check DIR --mend`"
        )


def _keys(home: Home) -> Iterator[Problem]:
    for path in (home.operator_key_path, home.registry_key_path, home.authority_key_path, home.server_key_path):
        yield from _key(path)
    yield from _secret(home)


def _key(path: Path) -> Iterator[Problem]:
    name = f"keys/{path.name}"
    kind = "an Ed25519" if path.stem in ("operator", "registry") else "a P-256"
    try:
        read_ed25519(path) if path.stem in ("operator", "registry") else read_p256(path)
    except HushrecError:
        got = "something else" if path.exists() else "none"
        fix = _RESTORE.get(name, "make it anew with `hushrec-server check DIR --mend`")
        yield Problem(name, f"{kind} private key", got, fix)


def _secret(home: Home) -> Iterator[Problem]:
    try:
        size = home.superexec_secret_path.stat().st_size
    except OSError:
        size = 0
    if size < SECRET_BYTES:
        fix = "make it anew with `hushrec-server check DIR --mend`"
        yield Problem("keys/superexec.secret", f"at least {SECRET_BYTES} bytes", str(size), fix)


def _certificates(home: Home, hosts: tuple[str, ...], now: datetime) -> Iterator[Problem]:
    what, fix = "keys/authority.pem", _RESTORE["keys/authority.pem"]
    try:
        authority = read_certificate(home.authority_path)
    except HushrecError:
        yield Problem(what, "a certificate", "something else" if home.authority_path.exists() else "none", fix)
        return
    if not fits_key(authority, home.authority_key_path):
        yield Problem(what, "the certificate of keys/authority.key", "that of another key", fix)
    if now + _AUTHORITY_NOTICE >= authority.not_valid_after_utc:
        yield Problem(
            what,
            f"at least {_AUTHORITY_NOTICE.days} days left",
            f"its end on {authority.not_valid_after_utc:%Y-%m-%d}",
            "found a new server in good time; devices have to join it anew",
        )
    yield from _server_certificate(home, hosts, now)


def _server_certificate(home: Home, hosts: tuple[str, ...], now: datetime) -> Iterator[Problem]:
    what, fix = "keys/server.pem", "make it anew with `hushrec-server check DIR --mend`, then start the server again"
    try:
        certificate = read_certificate(home.server_certificate_path)
    except HushrecError:
        got = "something else" if home.server_certificate_path.exists() else "none"
        yield Problem(what, "a certificate", got, fix)
        return
    if not fits_key(certificate, home.server_key_path):
        yield Problem(what, "the certificate of keys/server.key", "that of another key", fix)
    try:
        certificate.verify_directly_issued_by(read_certificate(home.authority_path))
    except (HushrecError, InvalidSignature, ValueError, TypeError):
        yield Problem(what, "one signed by keys/authority.pem", "another", fix)
    missing = {spelt(host) for host in hosts} - hosts_in(certificate)
    if missing:
        yield Problem(what, f"the names {', '.join(hosts)}", f"none for {', '.join(sorted(missing))}", fix)
    if now + _SERVER_NOTICE >= certificate.not_valid_after_utc:
        end = f"its end on {certificate.not_valid_after_utc:%Y-%m-%d}"
        yield Problem(what, f"at least {_SERVER_NOTICE.days} days left", end, fix)


def _database(home: Home) -> Iterator[Problem]:
    try:
        with home.registry() as registry:
            damage = registry.damage()
            if not damage:
                yield from _revocations(home, registry)
    except HushrecError as error:
        damage = str(error) if home.registry_path.exists() else "none"
    if damage:
        yield Problem("registry.sqlite", "a sound registry", damage, _RESTORE["registry.sqlite"])


def _revocations(home: Home, registry: Registry) -> Iterator[Problem]:
    undone = sorted(device.hex() for device in home.revocation_list(registry).undone())
    if undone:
        yield Problem(
            "registry.sqlite",
            "every device of revocations.json to be revoked",
            f"{len(undone)} that take part again ({', '.join(undone[:3])}); it was restored from an older copy",
            "revoke them again with `hushrec-server check DIR --mend`, as `up` does",
        )


def _disk(home: Home) -> Iterator[Problem]:
    with suppress(HushrecError):  # what cannot be read is another finding
        space = disk_space(home)
        if space.shortage:
            yield Problem(
                str(home.directory),
                f"{space.needed_bytes} bytes free, which a round may need",
                str(space.free_bytes),
                "free some space; until then no device is asked",
            )


def _nodes(home: Home) -> Iterator[Problem]:
    for one in devices_set_aside(home):
        yield Problem(f"device {one['device']}", "a node that Flower takes", one["why"], SET_ASIDE_CURE)


def _federation(home: Home) -> Iterator[Problem]:
    if not home.federation_path.is_file():
        yield Problem("federation.toml", "a federation file", "none", _RESTORE["federation.toml"])
        return
    try:
        mode = home.federation().sum.mode
    except HushrecError as error:
        yield Problem("federation.toml", "a federation file", f"an error ({error})", "edit it as its comments say")
        return
    if mode != "secure":
        yield Problem(
            "federation.toml: sum.mode", "'secure', the only one that devices answer", repr(mode), "set it so"
        )


def _items(home: Home) -> Iterator[Problem]:
    path = home.catalogue / "items.jsonl"
    if not path.is_file():
        return
    try:
        Catalogue.load(path)
    except HushrecError as error:
        fix = "restore it from a copy, or from the newest folder below releases/"
        yield Problem("catalogue/items.jsonl", "a catalogue", f"an error ({error})", fix)

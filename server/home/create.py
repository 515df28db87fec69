"""Makes a server's folder: whole, or not at all. Keys are drawn here and nowhere else."""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.home.home import Home
from server.home.keys import new_secret, read_p256, write_key, write_private, write_public
from server.home.settings import ServerSettings
from server.home.tls import fits_key, make_authority, make_server_certificate, read_certificate, to_pem
from server.registry import Registry
from shared.errors import Misconfigured
from shared.federation import FederationFile, default_federation_text, read_federation, write_toml
from shared.model import encoder_width
from shared.recipe import Facts, Overlay, recipe

_MINIMUM = re.compile(r"^(minimum_answers = )\d+( .*)$", re.MULTILINE)
_SMALLEST_COHORT = 50  # what a device agrees to unless its person says otherwise


def federation_text(path: Path | None = None, settings: Sequence[str] = (), facts: Facts | None = None) -> str:
    """The federation file of a new server: as shipped, but for cohorts of 50, with what a file and settings change.

    Args:
        path: a file to use instead of the recipe.
        settings: single ones.
        facts: of the federation, from which the recipe follows; without, the shipped file stays as it is.

    Raises:
        Misconfigured, Corrupt: see `read_federation`.
    """
    least = {"round": {"minimum_answers": _SMALLEST_COHORT}}
    if facts is not None and path is None:

        def read(overlays: Sequence[Overlay]) -> FederationFile:
            return read_federation(None, settings, [least, *overlays])

        return write_toml(read(recipe(read, facts, encoder_width(read([]).backbone.name))))
    if path is None and not settings:
        return _MINIMUM.sub(rf"\g<1>{_SMALLEST_COHORT}\g<2>", default_federation_text())
    return write_toml(read_federation(path, settings, [least]))


def create_server(directory: Path, settings: ServerSettings | None = None, federation: str | None = None) -> Home:
    """Make the folder of a new server, with keys of its own.

    Args:
        directory: a folder that does not exist, or an empty one.
        settings: as shipped when left out.
        federation: TOML of the federation file; the shipped one when left out.

    Raises:
        Misconfigured: the folder holds something or cannot be made, or a key of the federation file is wrong. The
            folder is then as it was.
        Corrupt: the federation file is not TOML.
    """
    directory = directory.absolute()
    made = None
    try:
        check_free(directory)
        directory.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        _fill(Home(made, settings or ServerSettings()), federation_text() if federation is None else federation)
        os.rename(made, directory)
    except BaseException as error:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError):
            raise Misconfigured(
                f"{directory}: a server could not be made there ({error.strerror}); choose another folder"
            ) from None
        raise
    return Home.open(directory)


def issue_server_certificate(home: Home, now: datetime) -> None:
    """Draw a new TLS key for the server and have the authority sign it for the names in the settings.

    Raises:
        Misconfigured, Corrupt: the authority cannot be read, or its key is another one's. Nothing is changed then.
    """
    authority_key = read_p256(home.authority_key_path)
    authority = read_certificate(home.authority_path)
    if not fits_key(authority, home.authority_key_path):
        raise Misconfigured(f"{home.authority_path}: expected the certificate of authority.key beside it, got another")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = make_server_certificate(authority_key, authority, key.public_key(), home.settings.hosts, now)
    write_key(home.server_key_path, key)
    write_public(home.server_certificate_path, to_pem(certificate))


def check_free(directory: Path) -> None:
    """See that a server's folder can be made here.

    Raises:
        Misconfigured: something is there.
    """
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise Misconfigured(f"{directory}: expected a new or an empty folder, got something else; choose another")
    if directory.is_dir():
        if any(directory.iterdir()):
            raise Misconfigured(
                f"{directory}: expected a new or an empty folder, got one that holds something; nothing was changed. "
                "Choose another folder, or look at this one with `hushrec-server check`"
            )
        if (
            directory == Path.cwd()
        ):  # a new folder takes the place of the empty one, and the shell would stay in the old
            raise Misconfigured(f"{directory}: expected another folder than the current one; `cd ..` and name it")


def make_folders(home: Home) -> None:
    """Make the folders of a server, as far as they are not there."""
    for folder in (
        home.keys, home.catalogue, home.releases, home.training, home.flower, home.flower_home, home.run, home.logs
    ):  # fmt: skip
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


def _fill(home: Home, federation: str) -> None:
    make_folders(home)
    write_private(home.settings_path, home.settings.to_toml().encode())
    write_private(home.federation_path, federation.encode())
    home.federation()  # raises here rather than at the first start
    write_key(home.operator_key_path, Ed25519PrivateKey.generate())
    write_key(home.registry_key_path, Ed25519PrivateKey.generate())
    write_private(home.superexec_secret_path, new_secret())
    authority_key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    write_key(home.authority_key_path, authority_key)
    write_public(home.authority_path, to_pem(make_authority(authority_key, now)))
    issue_server_certificate(home, now)
    Registry.create(home.registry_path)

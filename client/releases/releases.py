"""Which release a device goes by, and the way to the next: chain, terms, sizes, digests, a trial, and then the swap.

Whatever fails on that way leaves the release before in place. Files of a release are never changed once it counts.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from client.gateway import GatewayClient
from client.home import Home
from client.membership import Membership
from client.policy import reading
from client.releases.chain import Found, OtherPast, newest_publication
from client.releases.fetching import check_space, fetch, reuse_file, verify_files
from client.releases.past import ChainPast
from client.releases.trial import try_loading
from client.terms import settle_terms
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.federation import read_federation
from shared.files import read_bounded, write_atomically
from shared.locks import exclusive
from shared.release import LARGEST_BYTES as LARGEST_LINK
from shared.release import MANIFEST, Publication

LARGEST_BYTES = 2 * 2**30
_TERMS = "federation.toml"
_LARGEST = {_TERMS: 65_536, MANIFEST: 4 * 2**20}  # these are read whole
_LARGEST_ANSWER = 1024
_INCOMING = ".incoming."
_LOCK_SECONDS = 20.0
_LOGGER = logging.getLogger(__name__)


class Releases:
    """The releases folder of one device. Several processes may use it at once."""

    def __init__(
        self,
        home: Home,
        membership: Membership,
        gateway: GatewayClient,
        try_loading: Callable[[Path, str], None] = try_loading,
    ) -> None:
        """Open the releases folder of a device; nothing is read yet.

        Args:
            home: folder of the device.
            membership: says which operator signs publications, and what was agreed on joining.
            gateway: of the server, which hands releases out.
            try_loading: loads a release whose kind was never loaded here.
        """
        self._home, self._membership, self._gateway, self._try_out = home, membership, gateway, try_loading

    def __repr__(self) -> str:
        return f"Releases({self._home.releases})"

    def current(self) -> Publication | None:
        """The publication accepted last; None before the first.

        Raises:
            Corrupt: releases/current.json is not what was accepted.
        """
        try:
            content = read_bounded(self._home.current, LARGEST_LINK)
        except FileNotFoundError:
            return None
        publication = Publication.decode(content)
        publication.verify(bytes.fromhex(self._membership.operator))
        return publication

    def find(self, release: str) -> Path:
        """The folder of a release that was accepted, fetched now if it was published since.

        Args:
            release: digest.

        Raises:
            Misconfigured: this device has no such release and the server publishes none.
            NotYet, Refused, Corrupt: see `update`.
        """
        for thoroughly in (False, True, None):
            current = self.current()
            if current is not None and current.release == release:
                return self._home.releases / release
            if thoroughly is not None:
                self.update(thoroughly)
        raise Misconfigured(f"release {release[:12]}: expected the one that counts on this device, got another")

    def update(self, thoroughly: bool = False) -> Publication | None:
        """Take the newest release, if there is a newer one; what was taken.

        Args:
            thoroughly: look at the whole chain: one that was restored from a copy may be as long as the lost one.

        Raises:
            Corrupt: the chain, a size or a digest does not hold, or the release cannot be loaded.
            Refused: its terms are others than were agreed to, or the policy forbids them.
            NotYet: the server cannot be reached, the disk is full, or another process is at it.
            Misconfigured: the folder cannot be written. In all cases the release before goes on to count.
        """
        busy = "releases: another process of this device is fetching one; try again"
        with exclusive(self._home.releases / ".lock", busy, _LOCK_SECONDS):
            accepted, past = self.current(), ChainPast.load(self._home.past)
            found = self._newest(accepted, thoroughly, past.first)
            publication, by = found.newest, found.superseding
            if publication is not None:
                _check_sizes(publication)
                self._install(publication, accepted)
            gone_on = past.going_on(found.first, accepted, by)
            if gone_on != past:
                gone_on.save(self._home.past)
            if publication is None:
                return None
            if accepted is not None and by is not None:
                _LOGGER.warning(
                    "publication %d: superseded by publication %d: the server was restored from a copy, or its "
                    "operator has left the past that this device took; `hushrec-device check` goes on to name it",
                    accepted.sequence,
                    by.sequence,
                )
            write_atomically(self._home.current, publication.encode())
            self._tidy({publication.release} | ({accepted.release} if accepted else set()))
            _LOGGER.info("release %s: taken, publication %d", publication.release[:12], publication.sequence)
            return publication

    def _newest(self, accepted: Publication | None, thoroughly: bool, first: str) -> Found:
        """The newest publication; a server that has lost the accepted one is given it back, and asked again."""
        operator = bytes.fromhex(self._membership.operator)
        try:
            return newest_publication(self._gateway, accepted, operator, thoroughly, first)
        except OtherPast as reason:
            if accepted is None:
                raise
            _LOGGER.warning("publication %d: the server has lost it; it is given back", accepted.sequence)
            try:
                self._gateway.post("/v1/held/publication", accepted.encode(), _LARGEST_ANSWER)
            except (NotYet, Corrupt) as failed:
                raise OtherPast(f"{reason} ({failed})") from None
            return newest_publication(self._gateway, accepted, operator, True, first)

    def _install(self, publication: Publication, accepted: Publication | None) -> None:
        """Bring the release of a publication to its place, verified."""
        place = self._home.releases / publication.release
        if place.exists() and not verify_files(publication, place):
            shutil.rmtree(place)
        if place.exists():
            self._check_terms(publication, place)
            return
        check_space(publication, self._home.releases)
        incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._home.releases))
        try:
            before = None if accepted is None else self._home.releases / accepted.release
            for name in sorted(publication.files, key=lambda name: name != _TERMS):
                if before is None or not reuse_file(publication, name, before / name, incoming / name):
                    fetch(self._gateway, publication, name, incoming / name)
                if name == _TERMS:  # before anything large is fetched
                    self._check_terms(publication, incoming)
            if before is None or _kind(incoming) != _kind(before):
                self._try_out(incoming, publication.release)
            os.replace(incoming, place)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _check_terms(self, publication: Publication, folder: Path) -> None:
        federation = read_federation(folder / _TERMS)
        if federation.digest() != publication.federation:
            raise Corrupt(
                f"publication {publication.sequence}: expected federation {publication.federation[:12]}, got "
                f"{federation.digest()[:12]}; update Hushrec"
            )
        for change in settle_terms(self._home, reading(self._home.policy), federation, publication.sequence):
            _LOGGER.info("terms: %s: accepted, as policy.toml says: %s -> %s", change.key, change.before, change.after)

    def _tidy(self, kept: set[str]) -> None:
        """Remove what neither counts nor counted before it."""
        for path in self._home.releases.iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


def _check_sizes(publication: Publication) -> None:
    """See that nothing in a release is larger than a device takes, whoever signed it."""
    if publication.size_bytes > LARGEST_BYTES:
        raise Corrupt(
            f"publication {publication.sequence}: expected a release of at most {LARGEST_BYTES} bytes, got one of "
            f"{publication.size_bytes}"
        )
    for name, largest in _LARGEST.items():
        if name not in publication.files or publication.files[name].size_bytes > largest:
            raise Corrupt(f"publication {publication.sequence}: expected {name} of at most {largest} bytes in it")


def _kind(folder: Path) -> object:
    """What of a manifest says whether this version can read a release: one of a kind that loaded loads too."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return manifest["format"], sorted(manifest["sha256"]), manifest["federation"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise Corrupt(f"release {folder.name[:12]}: expected a manifest, got something else; update Hushrec") from None

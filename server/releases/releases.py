"""Publishing: a release's files first, then the one line that makes it count. Publishing twice is publishing once."""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from server.home import Home
from server.logs import log_line
from server.releases.chain_file import ChainFile, Links
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.files import write_atomically
from shared.release import FileEntry, Publication

if TYPE_CHECKING:
    from shared.release import Release

_NAME = re.compile("[0-9a-f]{8,64}")
AMENDED = "amended"  # how the words begin that say why a release under other terms was made


class Releases:
    """The releases of one server. Whatever it returns has been verified; nothing is cached between calls."""

    def __init__(self, home: Home, now: Callable[[], float] = time.time) -> None:
        """Open the chain of a server.

        Args:
            home: folder of the server: its releases, their chain and the operator's key.
            now: seconds since 1970 UTC.

        Raises:
            Misconfigured, Corrupt: the operator's key cannot be read.
        """
        self._folder, self._now, self._key = home.releases, now, home.operator_key()
        self._chain = ChainFile(home.chain, self._key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"Releases({self._folder})"

    def all(self) -> Links:
        """All publications, oldest first.

        Raises:
            Corrupt: the chain is damaged.
        """
        return self._chain.read()

    def head(self) -> Publication | None:
        """The publication that counts now; None before the first.

        Raises:
            Corrupt: the chain is damaged.
        """
        links = self.all()
        return links[-1] if links else None

    def start(self) -> str:
        """Digest of release zero, which names the line.

        Raises:
            NotYet: there is none.
            Corrupt: the chain is damaged.
        """
        links = self.all()
        if not links:
            raise NotYet("releases: expected release zero, got none; make it with `hushrec-server catalogue`")
        return links[0].release

    def newest(self) -> Publication:
        """The publication of the release that was made last, whether or not it counts now; amended ones are none.

        Raises:
            NotYet: there is none.
            Corrupt: the chain is damaged.
        """
        self.start()
        first = {link.release: link for link in reversed(self.all()) if not link.why.startswith(AMENDED)}
        return max(first.values(), key=lambda link: link.sequence)

    def load(self, digest: str) -> "Release":
        """A published release, verified.

        Raises:
            Misconfigured, Corrupt: its files are missing or are not what was published.
        """
        from shared.release import Release  # torch comes with it, and `status` lists releases without

        return Release.load(self._folder / digest)

    def publish(self, release: "Release", why: str, after: int, again: bool = False) -> Publication:
        """Make a release the one that counts, unless it was published before: then nothing is changed.

        Args:
            release: to be written beside the earlier ones.
            why: it was made, in words for whoever reads the chain.
            after: number of the publication that it was made from, which must still count; 0 for release zero.
            again: whether one that was published before, and does not count now, is published once more.

        Returns:
            the publication of this release.

        Raises:
            Corrupt: the chain is damaged.
            Misconfigured: something cannot be written; the head is then as it was.
            NotYet: another release was published meanwhile.
        """
        files = release.files()
        entries = {name: FileEntry.of(content) for name, content in files.items()}
        digest = hashlib.sha256(files["manifest.json"]).hexdigest()
        links = self.all()
        published = _latest(links[-1:] if again else links, digest)
        if published is not None:
            return published
        for name, content in files.items():
            write_atomically(self._folder / digest / name, content)
        federation = release.federation.digest()

        def following(links: Links) -> Publication | None:
            if _latest(links[-1:] if again else links, digest):
                return None
            if len(links) != after:
                raise NotYet(
                    f"releases: expected publication {after} to count still, got {len(links)} of them; another was "
                    "published meanwhile: do it again"
                )
            return self._link(links, digest, federation, entries, why)

        link = self._chain.append(following) or _latest(self.all(), digest)
        if link is None:
            raise RuntimeError(f"releases: expected a publication of release {digest}, got none")
        log_line("published", number=link.sequence, release=digest[:12], why=why)
        return link

    def rollback(self, name: str) -> Publication:
        """Publish an older release once more, so that devices go back to it.

        Training is not undone: the next rounds go on from the last ones, and what they give is released again.

        Args:
            name: digest of the release, or its first digits, at least 8.

        Raises:
            Misconfigured: no such release, it is the one that counts, or it came under other terms.
            Corrupt: the chain or a file of the release is damaged.
        """
        return self._republish(name, "rolled back")

    def promote(self, name: str) -> Publication:
        """Publish a release that is there, but does not count now, once more; arguments and errors as `rollback`."""
        return self._republish(name, "promoted")

    def take_back(self, held: Publication) -> Publication | None:
        """Let the chain go on for a device that holds a publication which this chain has lost, or never had.

        Where it comes next and its release is there, it is added as it is. Else the release that counts is published
        once more for each number that is lost, the last time by a link that supersedes what the device holds: a device
        goes on from no smaller number than its own (`Publication.continues`).

        Returns:
            what was published last; None where the chain knows of it already.

        Raises:
            Corrupt: this operator did not sign it, or the chain is damaged.
            NotYet: there is no release that could be published.
            Misconfigured: nothing can be written.
        """
        held.verify(self._key.public_key().public_bytes_raw())

        def following(links: Links) -> Publication | None:
            if any(link.continues(held) for link in links):
                return None
            last = links[-1] if links else None
            if _comes_next(held, last) and _is_whole(self._folder / held.release, held):
                return held
            if last is None:
                raise NotYet("releases: expected release zero, got none; restore the server's folder from a copy")
            number = min(last.sequence + 1, held.sequence)
            why = f"restored: in place of publication {number}, which is lost"
            supersedes = held.digest() if number == held.sequence else ""
            return self._link(links, last.release, last.federation, last.files, why, supersedes)

        published = None
        while (link := self._chain.append(following)) is not None:
            log_line("published", number=link.sequence, release=link.release[:12], why=link.why)
            published = link
        return published

    def _republish(self, name: str, how: str) -> Publication:
        def following(links: Links) -> Publication:
            chosen = _named(links, name)
            if chosen.release == links[-1].release:
                raise Misconfigured(f"release {name}: expected another than the one that counts, got that one")
            if chosen.federation != links[-1].federation:
                raise Misconfigured(
                    f"release {name}: expected one under the terms that count, got one of the terms before; publish "
                    f"its terms first: copy {self._folder / chosen.release / 'federation.toml'} over federation.toml, "
                    "then `hushrec-server amend DIR --publish`"
                )
            _check_files(self._folder / chosen.release, chosen)
            why = f"{how}: {chosen.why.rpartition(': ')[2]}"
            return self._link(links, chosen.release, chosen.federation, chosen.files, why)

        link = self._chain.append(following)
        if link is None:
            raise RuntimeError(f"releases: expected a publication of release {name}, got none")
        log_line("published", number=link.sequence, release=link.release[:12], why=link.why)
        return link

    def _link(
        self,
        links: Links,
        release: str,
        federation: str,
        files: dict[str, FileEntry],
        why: str,
        supersedes: str = "",
    ) -> Publication:
        previous = links[-1] if links else None
        link = Publication.after(previous, release, federation, files, int(self._now()), why, supersedes)
        return link.sign(self._key)


def terms_path(home: Home) -> Path:
    """The federation file that counts: of the newest release; before there is one, the server's own.

    Raises:
        Corrupt: the chain's last line is no publication.
    """
    lines = home.chain.read_bytes().rpartition(b"\n")[0].splitlines() if home.chain.is_file() else []
    if not lines:
        return home.federation_path
    return home.releases / Publication.decode(lines[-1]).release / "federation.toml"


def _latest(links: Links, release: str) -> Publication | None:
    return next((link for link in reversed(links) if link.release == release), None)


def _named(links: Links, name: str) -> Publication:
    found = {link.release: link for link in links if _NAME.fullmatch(name) and link.release.startswith(name)}
    if len(found) != 1:
        raise Misconfigured(
            f"release {name}: expected the digest of one release, or its first 8 digits and more, as `hushrec-server "
            f"releases` lists them, got what names {len(found)}"
        )
    return next(iter(found.values()))


def _comes_next(link: Publication, last: Publication | None) -> bool:
    try:
        link.follows(last)
    except Corrupt:
        return False
    return True


def _is_whole(folder: Path, link: Publication) -> bool:
    try:
        _check_files(folder, link)
    except Corrupt:
        return False
    return True


def _check_files(folder: Path, link: Publication) -> None:
    for name, entry in link.files.items():
        try:
            same = FileEntry.of((folder / name).read_bytes()) == entry
        except OSError:
            same = False
        if not same:
            raise Corrupt(
                f"{folder / name}: expected the file as it was published, got none or another; restore it from a copy"
            )

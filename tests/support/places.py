"""A device's folder with a release in it, as joining and fetching leave it."""

import json
from dataclasses import dataclass
from pathlib import Path

from client.home import Home, create_home
from client.store import Store
from shared.files import write_atomically
from shared.release.release import Release


@dataclass(frozen=True)
class Place:
    """One device on disk."""

    home: Home
    data_key: bytes

    def install(self, release: Release) -> str:
        """Make a release the current one; its digest."""
        digest = release.digest()
        release.save(self.home.releases / digest)
        self.name(digest)
        return digest

    def name(self, digest: str) -> None:
        """Write the publication accepted last."""
        publication = {"sequence": 1, "parent": "", "release": digest}
        write_atomically(self.home.current, json.dumps(publication).encode())

    def store(self) -> Store:
        """The store's one writer."""
        return Store.open(self.home.store, self.data_key)


def make_place(folder: Path, **settings: float | bool) -> Place:
    home = create_home(folder, keyring=False, **settings)
    return Place(home, home.keys.data_key())

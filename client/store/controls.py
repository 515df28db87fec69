"""Small sealed texts by name, beside the events: what the person decided. On disk, neither name nor text is open."""

import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from cryptography.exceptions import InvalidTag

from client.store.database import StoreFile
from client.store.seal import Seals
from shared.errors import Corrupt

_TABLE = "controls"


class SealedControls(MutableMapping[str, str]):
    """A mapping whose every change is on disk when it returns, and whose old texts are gone."""

    def __init__(self, path: Path, database: StoreFile, seals: Seals) -> None:
        self._path, self._database, self._seals = path, database, seals

    def __repr__(self) -> str:
        return "SealedControls()"

    def __getitem__(self, name: str) -> str:
        tag = self._tag(name)
        rows = self._database.read("SELECT tag, sealed FROM controls WHERE tag = ?", (tag,))
        if not rows:
            raise KeyError(name)
        return self._opened(*rows[0])[1]

    def __setitem__(self, name: str, text: str) -> None:
        tag = self._tag(name)
        sealed = self._seals.seal(json.dumps([name, text]).encode("ascii"), _TABLE, tag)
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO controls VALUES (?, ?)", (tag, sealed))
        self._database.erase()

    def __delitem__(self, name: str) -> None:
        with self._database.write() as connection:
            if not connection.execute("DELETE FROM controls WHERE tag = ?", (self._tag(name),)).rowcount:
                raise KeyError(name)
        self._database.erase()

    def __iter__(self) -> Iterator[str]:
        return iter([self._opened(*row)[0] for row in self._database.read("SELECT tag, sealed FROM controls")])

    def __len__(self) -> int:
        ((count,),) = self._database.read("SELECT count(*) FROM controls")
        return int(count)

    def _tag(self, name: str) -> bytes:
        return self._seals.tag(f"control {name}")

    def _opened(self, tag: bytes, sealed: bytes) -> tuple[str, str]:
        try:
            name, text = json.loads(self._seals.open(sealed, _TABLE, tag))
        except InvalidTag:
            raise Corrupt(
                f"{self._path}: a decision of the person: expected what was sealed there, got another; "
                "bring the file back from a copy"
            ) from None
        return str(name), str(text)

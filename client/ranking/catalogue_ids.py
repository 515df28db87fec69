"""Which items the catalogue of the installed release has: known without a model, and without the process that ranks."""

import json
from collections.abc import Iterable

from client.home import Home
from shared.errors import Corrupt, NotYet


def accepted_release(home: Home) -> str:
    """Digest of the release accepted last, which names its folder.

    Raises:
        NotYet: there is none.
        Corrupt: releases/current.json does not name one.
    """
    try:
        named = json.loads(home.current.read_text(encoding="utf-8"))["release"]
        if isinstance(named, str) and len(named) == 64 and set(named) <= set("0123456789abcdef"):
            return named
    except FileNotFoundError:
        raise NotYet("ranking: no release is installed yet; join a server and wait for the first one") from None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise Corrupt(f"{home.current}: expected a publication that names a release, got something else")


class CatalogueIds:
    """The ids of a catalogue, read again when another release counts."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: tuple[str, frozenset[str]] = ("", frozenset())  # replaced as a whole: several threads may ask

    def __repr__(self) -> str:
        return f"CatalogueIds({len(self._read[1])} items)"

    def unknown(self, items: Iterable[str]) -> list[str] | None:
        """Those of some ids that the catalogue has not, each once, in their order; None where it cannot be told."""
        try:
            known = self._ids()
        except (NotYet, Corrupt, OSError, ValueError, KeyError, TypeError):  # ranking says what is wrong with it
            return None
        return [item for item in dict.fromkeys(items) if item not in known]

    def _ids(self) -> frozenset[str]:
        named = accepted_release(self._home)
        read = self._read
        if read[0] != named:
            with (self._home.releases / named / "catalogue.jsonl").open("rb") as lines:
                read = self._read = named, frozenset(str(json.loads(line)["id"]) for line in lines)
        return read[1]

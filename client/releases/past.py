"""What a device keeps of the chain behind the publication it took last: how it began, and what was superseded on it.

A server that holds the operator's key could write another past. This file is what a device has against it: a chain
that goes on in the place of a publication has to begin as the first one did, and each such place is kept to be seen.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Corrupt
from shared.files import read_bounded, write_atomically
from shared.release import Publication

_LARGEST_BYTES = 65_536
_MOST_SUPERSEDED = 64  # of which each has some 250 bytes

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Sequence = Annotated[int, Field(ge=1, lt=2**53)]


class Superseded(BaseModel):
    """A publication that this device took, and the one that it went on from instead.

    Attributes:
        sequence: number of the publication that the server lost, or says that it lost.
        digest: its digest.
        by_sequence: number of the publication that supersedes it; no smaller.
        by_digest: its digest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sequence: _Sequence
    digest: _Digest
    by_sequence: _Sequence
    by_digest: _Digest

    def __str__(self) -> str:
        return (
            f"note: publication {self.sequence} ({self.digest[:12]}) was superseded by publication {self.by_sequence} "
            f"({self.by_digest[:12]}): the server was restored from a copy, or its operator has left the past that "
            "this device took; ask other members and the operator which"
        )


class ChainPast(BaseModel):
    """What is kept of one chain.

    Attributes:
        first: digest of the chain's first publication; "" before a chain was looked at from its beginning.
        superseded: oldest first; the newest 64 at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    first: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    superseded: Annotated[tuple[Superseded, ...], Field(max_length=_MOST_SUPERSEDED, strict=False)] = ()

    @classmethod
    def load(cls, path: Path) -> "ChainPast":
        """What is kept at `path`; nothing where there is no file.

        Raises:
            Corrupt: it is not what `save` wrote.
        """
        try:
            return cls.model_validate_json(read_bounded(path, _LARGEST_BYTES))
        except FileNotFoundError:
            return cls()
        except ValidationError:
            raise Corrupt(
                f"{path}: expected what this device keeps of the chain of releases, got something else; put it back "
                "from a copy, or remove it: the next chain that this device looks at is then taken for the first one"
            ) from None

    def save(self, path: Path) -> None:
        """Write it to `path`, whole or not at all.

        Raises:
            StorageFailed: it cannot be written.
        """
        write_atomically(path, self.model_dump_json().encode())

    def going_on(self, first: str, accepted: Publication | None, by: Publication | None) -> Self:
        """The same past, once a chain with this first publication has been looked at.

        Args:
            first: digest; "" where the chain was not looked at from its beginning.
            accepted: the publication that was accepted until then.
            by: the publication that supersedes it; None where the chain has the accepted one.
        """
        superseded = self.superseded
        if accepted is not None and by is not None:
            found = Superseded(
                sequence=accepted.sequence,
                digest=accepted.digest(),
                by_sequence=by.sequence,
                by_digest=by.digest(),
            )
            if superseded[-1:] != (found,):  # it was kept before a crash, say
                superseded = (*superseded, found)[-_MOST_SUPERSEDED:]
        return self.model_copy(update={"first": self.first or first, "superseded": superseded})

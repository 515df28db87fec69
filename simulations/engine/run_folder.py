"""The folder of one run: whose it is, whether it is finished, and where its parts lie."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from shared.release import Release

_NEEDED_BYTES = 64 * 2**20
_LOGS = "logs-written"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run.

    Attributes:
        root: what the caller named.
        resumed: an unfinished run of the same identity was found and goes on.
    """

    root: Path
    resumed: bool

    @property
    def work(self) -> Path:
        """What a run needs to go on; removed when it is finished."""
        return self.root / "work"

    @property
    def holds_logs(self) -> bool:
        """Whether the logs of all devices are written, and what they share of them: a run may be stopped before."""
        return (self.work / _LOGS).exists()

    def mark_logs(self) -> None:
        """Note that the logs are written, all of them."""
        write_atomically(self.work / _LOGS, b"")

    @property
    def release(self) -> Path:
        """The final release."""
        return self.root / "release"

    @classmethod
    def open(cls, root: Path, identity: Mapping[str, str], resume: bool) -> "RunFolder":
        """Take a folder for a run.

        Args:
            root: the folder.
            identity: what must be equal for a run to go on, by name: data, seed, digests of the federation and of what
                was read.
            resume: whether an unfinished run there is to go on.

        Raises:
            Misconfigured: the folder holds another run or a finished one, or an unfinished one and `resume` is off, or
                none and `resume` is on; or its disk is full.
        """
        marker = root / "work" / "identity"
        if (root / "metrics.json").exists():
            raise Misconfigured(f"{root}: expected a new folder, found a finished run; choose another with --out")
        if marker.exists():
            changed = _changed(_identity(marker), identity)
            if changed:
                raise Misconfigured(
                    f"{root}: expected an unfinished run of the same, found one with {', '.join(changed)}; bring "
                    "that back as it was, or choose another --out"
                )
            if not resume:
                raise Misconfigured(
                    f"{root}: an unfinished run lies here; add --resume to go on, or choose another --out"
                )
            return cls(root, True)
        if resume:
            raise Misconfigured(f"{root}: expected an unfinished run to resume, found none; leave out --resume")
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise Misconfigured(f"{root}: expected a new or empty folder, found other files; choose another --out")
        nearest = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
        free = shutil.disk_usage(nearest).free
        if free < _NEEDED_BYTES:
            raise Misconfigured(
                f"{root}: expected at least {_NEEDED_BYTES} bytes of free disk space, got {free}; free some or choose "
                "another --out"
            )
        write_atomically(marker, json.dumps(dict(identity)).encode())
        return cls(root, False)

    def publish(self, release: Release) -> str:
        """Make a release available to the devices of this run; returns its digest."""
        digest = release.digest()
        target = self.work / "releases" / digest
        if not (target / "manifest.json").exists():
            release.save(target)
        return digest

    def finish(self) -> None:
        """Remove what only an unfinished run needs."""
        shutil.rmtree(self.work)


def _identity(marker: Path) -> dict[str, str]:
    try:
        held = json.loads(marker.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in held.items()}
    except (ValueError, AttributeError):
        raise Corrupt(f"{marker}: expected what a run is known by, got something else; choose another --out") from None


def _changed(held: Mapping[str, str], identity: Mapping[str, str]) -> list[str]:
    """What differs: short values as they were, digests by their name."""
    names = [name for name in dict.fromkeys((*held, *identity)) if held.get(name) != identity.get(name)]
    return [
        f"another {name}" + (f" ({held[name]})" if len(held.get(name, "")) in range(1, 50) else "") for name in names
    ]

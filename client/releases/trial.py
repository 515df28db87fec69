"""Loads a release in a child process before it is taken: what cannot be loaded must not replace what can."""

from pathlib import Path

from client.workers import Ended, Worker
from shared.errors import Corrupt

_LONGEST_SECONDS = 180.0


class Loading:
    """The child's side. Only there are the model's packages imported."""

    def load(self, folder: str) -> str:
        """The digest of the release at a folder, once it has been read whole.

        Raises:
            Misconfigured, Corrupt: see `Release.load`.
        """
        from shared.release import Release

        return Release.load(Path(folder)).digest()


def try_loading(folder: Path, release: str) -> None:
    """See that the release in a folder loads and is the one of this digest.

    Raises:
        Misconfigured, Corrupt: it is not, or this version cannot read it.
    """
    worker = Worker("trial of a release", Loading)
    try:
        digest = worker.call(_LONGEST_SECONDS, Loading.load, str(folder))
    except (TimeoutError, Ended, RuntimeError) as error:
        raise Corrupt(f"release {release[:12]}: could not be loaded ({type(error).__name__}); update Hushrec") from None
    finally:
        worker.stop()
    if digest != release:
        raise Corrupt(f"release {release[:12]}: expected to load what its manifest names, got another; update Hushrec")

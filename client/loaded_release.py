"""The release a device has installed, with the one model object that ranks and trains under it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from client.training import LocalTraining
from shared.arguments import PathArgument, path_of
from shared.model import GlobalModel
from shared.release import Release, model_of


@dataclass(frozen=True, slots=True, eq=False)
class LoadedRelease:
    """A verified release and what was built from it."""

    release: Release
    digest: str
    model: GlobalModel
    training: LocalTraining

    def __repr__(self) -> str:
        return f"LoadedRelease({len(self.release.catalogue)} items, round {self.release.round_number})"


@lru_cache(maxsize=1)  # one more would keep the model of a release alive that is no longer installed
def federation_digest(installed: LoadedRelease) -> str:
    """Digest of the federation file of an installed release, which every message of a round is held against."""
    return installed.release.federation.digest()


def load_release(directory: PathArgument) -> LoadedRelease:
    """Verify and load the release at `directory`; a second call gives the same objects.

    Args:
        directory: folder that holds the release's files, such as `RunResult.release` of a run with a folder.

    Raises:
        Misconfigured, Corrupt: see `Release.load` and `load_backbone`.

    Example:
        >>> loaded = load_release(folder)
        >>> loaded
        LoadedRelease(24 items, round 0)
        >>> load_release(folder) is loaded
        True
    """
    return _installed(path_of("release", directory))


@lru_cache(maxsize=2)
def _installed(directory: Path) -> LoadedRelease:
    release = Release.load(directory)
    model = model_of(release)
    return LoadedRelease(release, release.digest(), model, LocalTraining(model))

"""The release a device ranks under: the last one it accepted, loaded when it changes. It verifies, and never trains."""

import hashlib
import logging

from client.home import Home
from client.ranking.catalogue_ids import accepted_release
from client.recommender import Recommender
from shared.errors import Corrupt, HushrecError
from shared.model import GlobalModel
from shared.release import Release, model_of

_log = logging.getLogger(__name__)


class CurrentRelease:
    """Follows releases/current.json. A newer release that cannot be loaded leaves the one before in use."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._named = ""  # digest that current.json held when it was looked at last
        self._federation = ""
        self._model: GlobalModel | None = None
        self._recommender: Recommender | None = None

    def __repr__(self) -> str:
        return f"CurrentRelease({self._named[:12]})"

    def recommender(self) -> Recommender:
        """The ranking under the release that counts now; the same object as long as it does.

        Raises:
            NotYet: none is installed.
            Misconfigured, Corrupt: none could be loaded.
        """
        named = self._accepted()
        if named != self._named or self._recommender is None:
            self._named = named
            try:
                self._recommender = self._load(named)
            except HushrecError as error:
                if self._recommender is None:
                    raise
                _log.warning("release %s could not be loaded (%s); ranking goes on under the one before", named[:12],
                             type(error).__name__)  # fmt: skip
        return self._recommender

    def _accepted(self) -> str:
        try:
            return accepted_release(self._home)
        except Corrupt:
            if self._recommender is None:
                raise
            return self._named

    def _load(self, named: str) -> Recommender:
        folder = self._home.releases / named
        release = Release.load(folder)
        if hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() != named:
            raise Corrupt(f"release {folder}: expected the manifest it is named after, got another; fetch it again")
        federation = release.federation.digest()
        self._model = model_of(release, self._model if federation == self._federation else None)
        self._federation = federation
        return Recommender(release, self._model)

"""The side of whoever asks: starts the process that ranks, passes questions on, starts it anew if it breaks down.

It holds no model, no release and nothing of the person.
"""

import threading
from collections.abc import Callable, Iterable, MutableMapping
from typing import Concatenate, ParamSpec, TypeVar

from client.home import Home
from client.ranking.catalogue_ids import CatalogueIds
from client.ranking.protocol import DECISIONS, Action, Ranking
from client.recommender import RecommendOptions
from client.workers import Ended, Worker
from shared.arrays import JsonObject
from shared.errors import Misconfigured, NotYet

_ANSWER_SECONDS = 120.0  # for an answer, loading a release and reading a long log included

P = ParamSpec("P")
R = TypeVar("R")


class RankingClient:
    """Answers for one device's person. May be used from several threads; questions wait for each other.

    Every method that needs a release raises NotYet while no release is installed, or when an answer took too long.
    """

    def __init__(self, home: Home, data_key: bytes, decisions: MutableMapping[str, str] | None = None) -> None:
        """Start nothing yet.

        Args:
            home: folder of the device, from whose store and releases the process ranks.
            data_key: of the store, which the process that ranks reads beside its writer.
            decisions: the store's `controls`, for the person's decisions to be written to; without, none can be made.
        """
        self._home, self._data_key, self._decisions = home, data_key, decisions
        self._catalogue = CatalogueIds(home)
        self._starting = threading.Lock()
        self._worker: Worker | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"RankingClient({'idle' if self._worker is None or not self._worker.alive else 'running'})"

    @property
    def pid(self) -> int | None:
        """Of the process that ranks; None while there is none."""
        return self._worker.pid if self._worker is not None and self._worker.alive else None

    def recommend(
        self,
        count: int,
        wishes: RecommendOptions,
        context: tuple[tuple[str, str], ...] = (),
        now_seconds: float | None = None,
    ) -> list[JsonObject]:
        """The best items, each with its score, its chance to be shown and its reasons.

        Each is {"item", "title", "score", "propensity", "reasons": [{"kind", "name", "part"}], "because"}: the
        strongest reasons by their parts of the score, and the very strongest in words.
        """
        return self._ask(Ranking.recommend, count, wishes, context, now_seconds)

    def rank_text(self, text: str, count: int) -> list[JsonObject]:
        """What suits a sentence, whoever typed it; as `recommend`."""
        return self._ask(Ranking.rank_text, text, count)

    def explain(self, item: str) -> JsonObject:
        """Why an item ranks where it does, and without which events it would not.

        {"item", "title", "score", "rank", "reasons", "events": [{"id", "item", "part"}], "without": {"events": ids,
        "rank"}}.

        Raises:
            Misconfigured: the catalogue has no such item.
        """
        return self._ask(Ranking.explain, item)

    def interests(self) -> JsonObject:
        """What is made of the log.

        {"concepts": [{"name", "share", "uncertainty", "muted", "boost"}], "levels", "drift", "events"}.
        """
        return self._ask(Ranking.interests)

    def control(self, name: str, action: Action) -> None:
        """Mute or boost a concept, or take that back; it is kept in the store before this returns.

        Raises:
            Misconfigured: no concept has this name.
        """
        if self._decisions is None:
            raise Misconfigured("ranker: expected the store's controls to write decisions to, got none")
        self._decisions[DECISIONS] = self._ask(Ranking.decided, name, action)

    def unknown_items(self, items: Iterable[str]) -> list[str] | None:
        """Those of some ids that the installed release's catalogue has not; None where none is installed.

        It starts no process.
        """
        return self._catalogue.unknown(items)

    def forget(self) -> None:
        """Let nothing that was deleted stay in memory: the process that ranks ends, the next question starts one."""
        with self._starting:
            self._stop()

    def close(self) -> None:
        """End the process that ranks; no question is answered any more."""
        with self._starting:
            self._closed = True
            self._stop()

    def _ask(self, question: Callable[Concatenate[Ranking, P], R], *args: P.args, **named: P.kwargs) -> R:
        for _ in range(2):
            try:
                return self._running().call(_ANSWER_SECONDS, question, *args, **named)
            except Ended:
                continue
            except TimeoutError:
                raise NotYet(f"ranking: expected an answer within {_ANSWER_SECONDS:g} seconds; try again") from None
        raise RuntimeError("the process that ranks broke down twice")

    def _running(self) -> Worker:
        with self._starting:
            if self._closed:
                raise NotYet("ranking: this device is stopping; ask again when it is up")
            if not self._home.current.is_file():
                raise NotYet("ranking: no release is installed yet; join a server and wait for the first one")
            if self._worker is None or not self._worker.alive:
                self._stop()
                idle_seconds = self._home.settings.ranker_idle_seconds
                self._worker = Worker("ranker", _open_ranking, self._home, self._data_key, idle_seconds=idle_seconds)
            return self._worker

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


def _open_ranking(home: Home, data_key: bytes) -> Ranking:
    import torch

    from client.ranking.worker import RankingWorker  # in the child only: it brings in the model

    torch.set_num_threads(1)  # beside the person's own work, threads that wait for a busy core cost more than they give
    return RankingWorker(home, data_key)

"""The side that ranks, in its own process: puts release, log and decisions together, and answers in plain data.

It reads the store and never writes; nothing it learns of the person leaves but as an answer to them.
"""

import ctypes
import gc
from collections.abc import Sequence
from dataclasses import asdict
from heapq import nlargest

from client.home import Home
from client.interest import Controls
from client.ranking.current_release import CurrentRelease
from client.ranking.history import History
from client.ranking.protocol import DECISIONS, Action
from client.recommender import Reason, Recommendation, Recommender, RecommendOptions, in_words
from client.store import Store
from shared.arrays import JsonObject
from shared.errors import Misconfigured

_TOLD = 12  # strongest reasons of an item in a list
_SAID = 3  # of these, in words


class RankingWorker:
    """Answers one question after the other. A new release and new events are taken in when the next question comes."""

    def __init__(self, home: Home, data_key: bytes) -> None:
        self._store = Store.open(home.store, data_key, read_only=True)
        self._current = CurrentRelease(home)
        self._known: tuple[Recommender, History] | None = None

    def __repr__(self) -> str:
        return f"RankingWorker({self._current!r})"

    def recommend(
        self, count: int, wishes: RecommendOptions, context: tuple[tuple[str, str], ...], now_seconds: float | None
    ) -> list[JsonObject]:
        """See `RankingClient`."""
        recommender, history = self._now()
        profile, controls = history.profile(), self._controls(recommender)
        offers = recommender.recommend(profile, count, wishes, controls, context, now_seconds)
        return [_plain(recommender, offer) for offer in offers]

    def rank_text(self, text: str, count: int) -> list[JsonObject]:
        """See `RankingClient`."""
        recommender = self._current.recommender()
        return [_plain(recommender, offer) for offer in recommender.rank_text(text, count)]

    def explain(self, item: str) -> JsonObject:
        """See `RankingClient`."""
        recommender, history = self._now()
        profile, controls = history.profile(), self._controls(recommender)
        offer, rank, parts = recommender.explain(profile, item, controls=controls)
        gone = recommender.without(history.events, item, controls=controls, levels=profile.levels)
        return {
            "item": item,
            "title": recommender.catalogue[offer.row].title,
            "score": offer.score,
            "rank": rank,
            "reasons": _told(offer.reasons),
            "events": [
                {"id": history.id_of(event), "item": event.item, "part": float(part)}
                for event, part in sorted(zip(profile.events, parts, strict=True), key=lambda told: -abs(told[1]))
            ],
            "without": {"events": [history.id_of(event) for event in gone.without], "rank": gone.rank},
        }

    def interests(self) -> JsonObject:
        """See `RankingClient`."""
        recommender, history = self._now()
        profile, controls = history.profile(), self._controls(recommender)
        interest, spread = profile.interest(), profile.spread()
        concepts: list[JsonObject] = []
        if interest.concepts is not None and spread is not None and controls is not None:
            told = zip(
                recommender.concept_names, interest.concepts, spread, controls.muted, controls.boosted, strict=True
            )
            concepts = [
                {
                    "name": name,
                    "share": float(share),
                    "uncertainty": float(deviation),
                    "muted": bool(muted),
                    "boost": bool(boosted),
                }
                for name, share, deviation, muted, boosted in told
            ]
            concepts.sort(key=lambda concept: -concept["share"])
        return {
            "concepts": concepts,
            "levels": asdict(profile.levels),
            "drift": interest.drift,
            "events": len(history.events),
        }

    def decided(self, name: str, action: Action) -> str:
        """All decisions with one more, as text for the store's controls.

        Raises:
            Misconfigured: no concept has this name.
        """
        controls = self._controls(self._current.recommender())
        if controls is None:
            raise Misconfigured(f"concept {name!r}: expected a release with concepts, got one that ranks without them")
        {"mute": controls.mute, "boost": controls.boost, "clear": controls.clear}[action](name)
        return controls.to_json()

    def _now(self) -> tuple[Recommender, History]:
        recommender = self._current.recommender()
        if self._known is None or self._known[0] is not recommender:
            self._known = None  # lets go of the one before, before the next is made
            self._known = recommender, History(self._store, recommender)
            trim_memory()
        return self._known

    def _controls(self, recommender: Recommender) -> Controls | None:
        return recommender.controls(self._store.controls.get(DECISIONS, "[]"))


def _plain(recommender: Recommender, offer: Recommendation) -> JsonObject:
    strongest = nlargest(_TOLD, offer.reasons, key=lambda reason: abs(reason.part))
    return {
        "item": offer.item,
        "title": recommender.catalogue[offer.row].title,
        "score": offer.score,
        "propensity": offer.propensity,
        "reasons": _told(strongest),
        "because": "; ".join(
            in_words(reason, recommender.catalogue) for reason in strongest[:_SAID] if reason.part > 0
        ),
    }


def _told(reasons: Sequence[Reason]) -> list[JsonObject]:
    return [{"kind": reason.kind, "name": reason.name, "part": reason.part} for reason in reasons]


def trim_memory() -> None:
    """Let go of freed memory that the C library keeps for later; without effect where it knows no way."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

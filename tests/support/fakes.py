"""A store in memory, and a ranking that rests on nothing but it: what is deleted, muted or met is not recommended."""

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any, Protocol

from client.home import Home
from client.recommender import RecommendOptions
from client.store import Store
from shared.behaviour import Event
from shared.errors import Misconfigured, NotYet

ITEMS = {f"{concept}-{number}": concept for concept in ("garden", "music", "kitchen") for number in range(4)}


class FakeStore:
    """Rows by id."""

    def __init__(self) -> None:
        self.kept: dict[int, Event] = {}
        self.keys: dict[str, int] = {}
        self.controls: dict[str, str] = {"interests": "[]"}
        self.last = 0

    def append(self, events: Sequence[Event], keys: Sequence[str | None]) -> list[int]:
        ids = []
        for event, key in zip(events, keys, strict=True):
            if key is not None and key in self.keys:
                ids.append(self.keys[key])
                continue
            self.last += 1
            self.kept[self.last] = event
            if key is not None:
                self.keys[key] = self.last
            ids.append(self.last)
        return ids

    def __len__(self) -> int:
        return len(self.kept)

    def delete(self, ids: Sequence[int]) -> int:
        return sum(self.kept.pop(row, None) is not None for row in set(ids))

    def delete_all(self) -> int:
        return self.delete(list(self.kept))

    def rows(self) -> list[tuple[int, Event]]:
        return list(self.kept.items())


class Rows(Protocol):
    """Where a ranking finds the events."""

    def rows(self) -> Sequence[tuple[int, Event]]: ...


class FakeRanking:
    """Items of the concepts of the person's events first; without a release it can say nothing."""

    def __init__(self, store: Rows, has_release: bool = True) -> None:
        self.store, self.has_release = store, has_release
        self.muted: set[str] = set()
        self.asked: list[tuple[Any, ...]] = []
        self.forgotten = 0

    def recommend(
        self,
        count: int,
        wishes: RecommendOptions,
        context: tuple[tuple[str, str], ...] = (),
        now_seconds: float | None = None,
    ) -> list[dict[str, Any]]:
        self._ready()
        self.asked.append((count, wishes, context, now_seconds))
        liked = self._shares()
        met = {event.item for _, event in self.store.rows()}
        scores = {
            item: -1000.0 if concept in self.muted else liked.get(concept, 0.0)
            for item, concept in ITEMS.items()
            if item not in met
        }
        best = sorted(scores, key=lambda item: (-scores[item], item))[:count]
        return [
            {
                "item": item,
                "title": item.title(),
                "score": scores[item],
                "propensity": 0.5,
                "reasons": [{"kind": "concept", "name": ITEMS[item], "part": scores[item]}],
                "because": f"your interest in {ITEMS[item]}",
            }
            for item in best
        ]

    def rank_text(self, text: str, count: int) -> list[dict[str, Any]]:
        """Items whose concept stands in the text, first."""
        self._ready()
        best = sorted(ITEMS, key=lambda item: (ITEMS[item] not in text, item))[:count]
        return [
            {
                "item": item,
                "title": item.title(),
                "score": float(ITEMS[item] in text),
                "propensity": 1.0,
                "reasons": [{"kind": "concept", "name": ITEMS[item], "part": float(ITEMS[item] in text)}],
                "because": f"your interest in {ITEMS[item]}",
            }
            for item in best
        ]

    def explain(self, item: str) -> dict[str, Any]:
        self._ready()
        if item not in ITEMS:
            raise Misconfigured(f"item {item!r}: expected one of {', '.join(ITEMS)}")
        reasons = [{"kind": "concept", "name": ITEMS[item], "part": 1.0}]
        events = [{"id": row, "item": event.item, "part": 0.5} for row, event in self.store.rows()[:2]]
        without = {"events": [event["id"] for event in events], "rank": 9}
        title = {"item": item, "title": item.title(), "score": 1.0, "rank": 1}
        return {**title, "reasons": reasons, "events": events, "without": without}

    def interests(self) -> dict[str, Any]:
        self._ready()
        shares = self._shares()
        concepts = [
            {
                "name": name,
                "share": shares.get(name, 0.0),
                "uncertainty": 0.1,
                "muted": name in self.muted,
                "boost": False,
            }
            for name in sorted(set(ITEMS.values()))
        ]
        return {"concepts": concepts, "levels": {"history": 1.0}, "drift": 0.0, "events": len(self.store.rows())}

    def control(self, name: str, action: str) -> None:
        self._ready()
        if name not in ITEMS.values():
            raise Misconfigured(f"concept {name!r}: expected another")
        (self.muted.add if action == "mute" else self.muted.discard)(name)

    def unknown_items(self, items: Iterable[str]) -> list[str] | None:
        return [item for item in dict.fromkeys(items) if item not in ITEMS] if self.has_release else None

    def forget(self) -> None:
        self.forgotten += 1

    def _ready(self) -> None:
        if not self.has_release:
            raise NotYet("no release is installed yet; wait for the first one")

    def _shares(self) -> dict[str, float]:
        concepts = [ITEMS[event.item] for _, event in self.store.rows() if event.item in ITEMS]
        return {concept: concepts.count(concept) / len(concepts) for concept in concepts}


class RankingOfHome(FakeRanking):
    """Takes the place of a device's ranker: reads the sealed store beside its writer, keeps mutes in its controls."""

    def __init__(self, home: Home, data_key: bytes, decisions: MutableMapping[str, str]) -> None:
        super().__init__(SealedRows(home, data_key))
        self.decisions = decisions
        self.muted = set(decisions.get("muted", "").split())

    def control(self, name: str, action: str) -> None:
        super().control(name, action)
        self.decisions["muted"] = " ".join(sorted(self.muted))

    def close(self) -> None:
        pass


class SealedRows:
    """The rows of a device's store as they are now."""

    def __init__(self, home: Home, data_key: bytes) -> None:
        self.home, self.data_key = home, data_key

    def rows(self) -> Sequence[tuple[int, Event]]:
        with Store.open(self.home.store, self.data_key, read_only=True) as store:
            return store.rows()

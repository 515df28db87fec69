"""The one place where a person, or a host app for them, deals with the device: tell, ask, decide, forget.

It holds no connection of its own: store, ranker, privacy summary and clock are passed in. All answers are plain data
that JSON can hold.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Literal, Protocol

from client.facade.impressions import ImpressionLog
from client.facade.records import EventRecord, FeedbackRecord, InvalidFields, RecommendRequest, SearchRequest
from client.home import Home
from client.privacy_report import spent_privacy
from client.ranking import RankingClient
from client.recommender import RecommendOptions
from client.store import Store
from shared.arrays import JsonObject
from shared.behaviour import Event

Decision = Literal["mute", "boost", "clear"]

_AHEAD_SECONDS = 24 * 3600.0  # clocks of host apps may be off by so much


class EventStore(Protocol):
    """Where events are kept. Every method may be called from any thread, one at a time."""

    def append(self, events: Sequence[Event], keys: Sequence[str | None]) -> list[int]:
        """Row ids, once all of them are on disk; an event whose key is known is not written again."""
        ...

    def __len__(self) -> int:
        """How many events there are."""
        ...

    def delete(self, ids: Sequence[int]) -> int:
        """Delete rows for good; how many there were."""
        ...

    def delete_all(self) -> int:
        """Delete all events for good; how many there were."""
        ...

    def rows(self) -> Sequence[tuple[int, Event]]:
        """All events with their row ids, oldest first."""
        ...

    @property
    def controls(self) -> MutableMapping[str, str]:
        """What the person decided, as text by name."""
        ...


class RankingService(Protocol):
    """What ranks for the person; see `client.ranking`."""

    def recommend(
        self,
        count: int,
        wishes: RecommendOptions,
        context: tuple[tuple[str, str], ...] = (),
        now_seconds: float | None = None,
    ) -> list[dict[str, Any]]:
        """Must return the best items, at most `count`, each with its reasons and its chance to be shown."""

    def rank_text(self, text: str, count: int) -> list[dict[str, Any]]:
        """Must return the items that suit a sentence best, whoever typed it, as `recommend` does."""

    def explain(self, item: str) -> dict[str, Any]:
        """Must return why the item of this id ranks where it does."""

    def interests(self) -> dict[str, Any]:
        """Must return what is made of the log."""

    def control(self, name: str, action: Decision) -> None:
        """Mute or boost the concept of this name, or take that back; must count from the next answer on."""

    def unknown_items(self, items: Iterable[str]) -> list[str] | None:
        """Must return those of some ids that the catalogue has not, each once; None where it cannot tell."""

    def forget(self) -> None:
        """Must let go of all it made of the log, so that the next answer rests on what is still there."""


class DeviceFacade:
    """All that can be asked of a device by its person. May be used from several threads at once."""

    def __init__(
        self, store: EventStore, ranking: RankingService, spent: Callable[[], JsonObject], now: Callable[[], float]
    ) -> None:
        """Open the facade.

        Args:
            store: keeps the person's events and decisions.
            ranking: ranks what is in the store.
            spent: what was promised and spent, as plain data.
            now: seconds since 1970-01-01 UTC.
        """
        self._store, self._ranking, self._spent, self._now = store, ranking, spent, now
        self._offers = ImpressionLog()
        self._writing, self._deciding = threading.Lock(), threading.Lock()  # ranking may take its time to decide

    def __repr__(self) -> str:
        return "DeviceFacade()"

    def log(self, records: Sequence[EventRecord]) -> JsonObject:
        """Write events; all of them are on disk when this returns.

        Returns:
            {"ids", "new", "unknown"}: one row id for each record, in their order; how many were not there already by
            their key; the items that the catalogue has not, None while there is no release. Events of these are kept
            like any other: they count by their text, if they have one, and by the item once a release has it.

        Raises:
            InvalidFields: a time lies more than a day ahead; nothing is written.
            StorageFailed: the disk is full; nothing is written.
        """
        now = self._now()
        events = [record.event(now) for record in records]
        _check_times("events", events, now)
        ids, new = self._written(events, [record.key for record in records])
        unknown = self._ranking.unknown_items(event.item for event in events if event.item is not None)
        return {"ids": ids, "new": new, "unknown": unknown}

    def feedback(self, records: Sequence[FeedbackRecord]) -> JsonObject:
        """Write down what became of recommended items; the next recommendation knows of it.

        Returns:
            {"ids"}: the row id of each record's event in their order, None for items that were only shown.

        Raises:
            InvalidFields, StorageFailed: as `log`.
        """
        now = self._now()
        with self._writing:
            events = [self._offers.event(record, now) for record in records]
        _check_times("feedback", events, now)
        kept = [(event, record.key) for event, record in zip(events, records, strict=True) if event is not None]
        written, _ = self._written([event for event, _ in kept], [key for _, key in kept])
        ids = iter(written)
        return {"ids": [None if event is None else next(ids) for event in events]}

    def recommend(self, wish: RecommendRequest) -> JsonObject:
        """{"recommendations"}: the best items, each with its reasons and the chance it was chosen with.

        Raises:
            NotYet: no release is installed.
        """
        offers = self._ranking.recommend(wish.n, wish.wishes(), wish.circumstances(), self._now())
        return {"recommendations": offers}

    def search(self, wanted: SearchRequest) -> JsonObject:
        """{"recommendations"}: the items that suit a sentence best, whoever typed it, met ones too.

        Nothing of it is written down: a search that is to count as interest is logged as an event.

        Raises:
            NotYet: no release is installed.
        """
        return {"recommendations": self._ranking.rank_text(wanted.text, wanted.n)}

    def explain(self, item: str) -> JsonObject:
        """Why an item ranks where it does, and without which events it would not.

        Raises:
            NotYet: no release is installed.
            Misconfigured: the catalogue has no such item.
        """
        return self._ranking.explain(item)

    def interests(self) -> JsonObject:
        """What the device makes of the log.

        Raises:
            NotYet: no release is installed.
        """
        return self._ranking.interests()

    def decide(self, name: str, decision: Decision) -> JsonObject:
        """Mute or boost a concept, or take that back; the interests as they are then.

        Raises:
            NotYet: no release is installed.
            Misconfigured: no concept has this name.
        """
        with self._deciding:
            self._ranking.control(name, decision)
        return self._ranking.interests()

    def privacy(self) -> JsonObject:
        """What was promised, and what of it is spent."""
        return self._spent()

    def forget(self, ids: Sequence[int] | None = None) -> JsonObject:
        """Delete events for good, all of them when `ids` is None; the next answer no longer rests on them.

        What the person decided about concepts stays.

        Returns:
            {"deleted"}: how many there were.

        Raises:
            NotYet: they are deleted, but their bytes are not gone from the file yet; delete once more.
            StorageFailed: the disk is full, so that the same may be true, or nothing deleted; delete once more.
        """
        with self._writing:
            try:
                deleted = self._store.delete_all() if ids is None else self._store.delete(ids)
            finally:  # they may be deleted although their bytes are not gone yet
                self._offers.forget()
                self._ranking.forget()
        return {"deleted": deleted}

    def export(self) -> JsonObject:
        """Everything that is kept of the person.

        Returns:
            {"events", "decisions", "privacy"}; an event without its id is in the layout that `log` takes.
        """
        with self._writing:
            rows, decisions = self._store.rows(), dict(self._store.controls)
        events = [{"id": row, **record_of(event)} for row, event in rows]
        return {"events": events, "decisions": decisions, "privacy": self._spent()}

    def _written(self, events: Sequence[Event], keys: Sequence[str | None]) -> tuple[list[int], int]:
        """Row ids, and how many events are new."""
        with self._writing:
            before = len(self._store)
            return self._store.append(events, keys), len(self._store) - before


def _check_times(batch: str, events: Sequence[Event | None], now_seconds: float) -> None:
    ahead = [
        f"{batch}.{place}.time_seconds"
        for place, event in enumerate(events)
        if event is not None and event.time_seconds > now_seconds + _AHEAD_SECONDS
    ]
    if ahead:
        raise InvalidFields(
            f"{ahead[0]}: expected a time up to now, got one more than a day ahead; set the clock",
            ahead,
            "ahead_of_clock",
        )


def record_of(event: Event) -> JsonObject:
    """An event as plain data in the layout that files of events have; what is empty is left out."""
    record: JsonObject = {
        "time_seconds": event.time_seconds,
        "kind": event.kind.value,
        "item": event.item,
        "text": event.text,
        "value": event.value,
        "shown": list(event.shown),
        "propensity": event.propensity,
        "context": dict(event.context),
    }
    return {name: value for name, value in record.items() if value not in (None, "", [], {})}


@contextmanager
def open_facade(home: Home) -> Iterator[DeviceFacade]:
    """The facade of a device, as long as the context lasts.

    Raises:
        NotYet: another process writes to the store, or the keyring cannot be asked.
        Misconfigured, Corrupt: the keys or the store are not what they must be; all of it stays as it is.
    """
    key = home.keys.data_key()
    with Store.open(home.store, key) as store, closing(RankingClient(home, key, store.controls)) as ranking:
        yield DeviceFacade(store, ranking, lambda: spent_privacy(home), time.time)

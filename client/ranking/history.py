"""The person's log as the ranking has taken it in: event by event, and anew where the past itself has changed."""

from client.interest import Profile
from client.recommender import Recommender
from client.store import Store
from shared.behaviour import Event


class History:
    """One person's events and the profile made of them, under one recommender."""

    def __init__(self, store: Store, recommender: Recommender) -> None:
        """Read the whole log, and choose how much words, sentences and history count for this person."""
        self._store, self._recommender = store, recommender
        self._rows: list[tuple[int, Event]] = []
        self._last_id = 0
        self._profile = self._rebuilt()

    def __repr__(self) -> str:
        return f"History({len(self._rows)} events)"

    @property
    def events(self) -> list[Event]:
        """All of them, oldest first."""
        return [event for _, event in self._rows]

    def id_of(self, event: Event) -> int:
        """The row id of one of these very events."""
        return next(row for row, known in self._rows if known is event)

    def profile(self) -> Profile:
        """The profile after all events the store holds now.

        Raises:
            NotYet, Corrupt: the store is busy or torn.
        """
        new = self._store.rows(after=self._last_id)
        in_order = not (new and self._rows) or new[0][1].time_seconds >= self._rows[-1][1].time_seconds
        if not in_order or len(self._store) != len(self._rows) + len(new):  # the past, or a deletion
            self._profile = self._rebuilt()
            return self._profile
        for row, event in new:
            self._profile.add(event)
            self._rows.append((row, event))
            self._last_id = max(self._last_id, row)
        return self._profile

    def _rebuilt(self) -> Profile:
        self._rows = self._store.rows()
        self._last_id = max((row for row, _ in self._rows), default=0)
        return self._recommender.profile(self.events, self._recommender.levels_for(self.events))

"""What the demo world hides from the model, for tests to check what was learnt. Nothing here is ever trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

EVENING_STARTS_HOUR = 15
Mix = tuple[float, ...]


class Habit(StrEnum):
    """How a person's interests change."""

    STEADY = "steady"
    DRIFT = "drift"
    SWITCH = "switch"
    HOURS = "hours"


@dataclass(frozen=True)
class HiddenInterests:
    """The true interests of one person: shares over subtopics that sum to 1.

    A steady person has `first` throughout; a drifting one goes evenly from `first` to `second` between start and end; a
    switching one changes from `first` to `second` at `switch_seconds`; one with hours has `first` before
    `EVENING_STARTS_HOUR` (UTC) and `second` from then on.
    """

    habit: Habit
    first: Mix
    second: Mix
    start_seconds: float
    end_seconds: float
    switch_seconds: float | None = None

    def at(self, time_seconds: float) -> Mix:
        """The mix at a moment."""
        if self.habit is Habit.DRIFT:
            done = (time_seconds - self.start_seconds) / (self.end_seconds - self.start_seconds)
            done = min(1.0, max(0.0, done))
            return tuple((1 - done) * a + done * b for a, b in zip(self.first, self.second, strict=True))
        if self.habit is Habit.HOURS:
            hour = datetime.fromtimestamp(time_seconds, UTC).hour
            return self.first if hour < EVENING_STARTS_HOUR else self.second
        if self.switch_seconds is not None and time_seconds >= self.switch_seconds:
            return self.second
        return self.first


@dataclass(frozen=True, repr=False)
class DemoTruth:
    """The hidden half of the demo world.

    Attributes:
        subtopics: "topic/subtopic" names; everything below speaks of positions in them.
        item_subtopic: the subtopic of every item.
        follows: for each subtopic, the one in another topic that everybody tends to read next. No text says so.
        follow_share: how often a reader goes there after a reading by their own interests.
        chance_share: how often a click means nothing.
        interests: the true interests of every person.
        chance: for every person, the positions of the events that were chance clicks.
    """

    subtopics: tuple[str, ...]
    item_subtopic: Mapping[str, int]
    follows: tuple[int, ...]
    follow_share: float
    chance_share: float
    interests: Mapping[str, HiddenInterests]
    chance: Mapping[str, frozenset[int]]

    def topic(self, item_id: str) -> str:
        """The topic of an item."""
        return self.subtopics[self.item_subtopic[item_id]].partition("/")[0]

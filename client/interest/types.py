"""What a profile is told and what it says: weights of the levels, interest at a moment, what it is made of.

All of it is kept in memory, on the device, and prints nothing of the person.
"""

from dataclasses import dataclass

from shared.arrays import F32Vector
from shared.errors import Corrupt


@dataclass(frozen=True, slots=True)
class Interest:
    """What the device knows about its person.

    Attributes:
        dense: p, float32 [k], a unit vector, or zeros; None without the dense view.
        concepts: q, float32 [K], shares that sum to one, or zeros; None without the concept view.
        shift: float32 [K], what the course of the events adds to what the concepts lead to; None without evolution.
        drift: 0 to 2: one less the cosine between where interest is now and where it was.
    """

    dense: F32Vector | None
    concepts: F32Vector | None
    shift: F32Vector | None
    drift: float

    def __repr__(self) -> str:
        return "Interest(private)"


@dataclass(frozen=True, slots=True)
class Attribution:
    """What p is made of; everything adds up to it.

    Attributes:
        events: float32 [events, k], what each event adds.
        course: float32 [k], what their course adds; zeros under forgetting alone.
    """

    events: F32Vector
    course: F32Vector

    def __repr__(self) -> str:
        return f"Attribution({len(self.events)} events)"


@dataclass(frozen=True, slots=True)
class Levels:
    """Weights lambda of the three levels; they sum to one.

    Attributes:
        word: the telling words of what was read, forgotten as sentences are.
        sentence: each event's text as a whole.
        history: the session so far and all there ever was, without forgetting.
        hour: 0 to 1, how much more an event at this hour of the day counts for words and sentences than one at another:
            1 + hour * cos(angle between the two hours).
    """

    word: float
    sentence: float
    history: float
    hour: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.hour <= 1.0:
            raise Corrupt(f"levels: expected an hour's weight from 0 to 1, got {self.hour:g}")
        weights = (self.word, self.sentence, self.history)
        if not (all(weight >= 0 for weight in weights) and abs(sum(weights) - 1) < 1e-6):
            raise Corrupt(
                "levels: expected three weights of at least 0 that sum to 1, got "
                f"{self.word:g}, {self.sentence:g}, {self.history:g}"
            )


# What a device chooses among: mixtures of the levels, each with and without an eye on the clock.
CANDIDATES = tuple(
    Levels(word / 4, (4 - word - history) / 4, history / 4, hour)
    for word in range(4)
    for history in range(4 - word)
    for hour in (0.0, 0.6)
)

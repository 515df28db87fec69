"""How much words, sentences and the history count in a person's interest: chosen on the device, for its person."""

from dataclasses import dataclass

from shared.errors import Corrupt


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

"""What can be asked of the process that ranks: one list of methods for who asks and who answers."""

from typing import Literal, Protocol

from client.recommender import RecommendOptions
from shared.arrays import JsonObject

DECISIONS = "interests"  # name, among the store's controls, of what the person decided about their interests

Action = Literal["mute", "boost", "clear"]


class Ranking(Protocol):
    """Answers in plain data; the shapes are those of `RankingClient`."""

    def recommend(
        self,
        count: int,
        options: RecommendOptions,
        context: tuple[tuple[str, str], ...],
        now_seconds: float | None,
    ) -> list[JsonObject]:
        """The best items."""
        ...

    def rank_text(self, text: str, count: int) -> list[JsonObject]:
        """What suits a sentence."""
        ...

    def explain(self, item: str) -> JsonObject:
        """Why an item ranks where it does."""
        ...

    def interests(self) -> JsonObject:
        """What is made of the log."""
        ...

    def decided(self, name: str, action: Action) -> str:
        """All decisions with one more, as text for the store's controls."""
        ...

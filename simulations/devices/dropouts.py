"""Which simulated devices fail, and how: a schedule fixed by its seed. It never looks at what a message holds."""

import hashlib
from dataclasses import dataclass
from enum import Enum

from shared.errors import Misconfigured

# Learning who is there comes before any round; a resumed training asks again and must find the same devices.
_SPARED = "query.hello"


class Fate(Enum):
    """What becomes of one question to one device."""

    ANSWERS = "answers"
    UNAVAILABLE = "unavailable"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Dropouts:
    """A coin for each (round, message type, device).

    Attributes:
        unavailable: share of questions that come back as the server's own error reply for a node that is gone.
        silent: share of questions that nobody ever answers.
        seed: of the coins.
    """

    unavailable: float = 0.0
    silent: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.unavailable <= 1 and 0 <= self.silent <= 1 and self.unavailable + self.silent <= 1):
            raise Misconfigured(
                f"dropouts: expected two shares that add up to at most 1, got {self.unavailable} and {self.silent}"
            )

    def fate(self, round_name: str, message_type: str, device: int) -> Fate:
        """What becomes of the question of `message_type` in the round of this name to this device (its index)."""
        if not (self.unavailable or self.silent) or message_type == _SPARED:
            return Fate.ANSWERS
        named = f"{self.seed}\0{round_name}\0{message_type}\0{device}".encode()
        coin = int.from_bytes(hashlib.sha256(named).digest()[:8]) / 2**64
        if coin < self.unavailable:
            return Fate.UNAVAILABLE
        return Fate.SILENT if coin < self.unavailable + self.silent else Fate.ANSWERS

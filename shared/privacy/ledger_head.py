"""The head of a ledger: how many charges it has, their seals and what they add up to; kept apart, it tells a loss."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import Corrupt, Misconfigured
from shared.privacy.events import PrivacyEvent, privacy_event_from_fields, privacy_event_to_fields

_LONGEST_TRAIL = 256
_SHORT = 8  # hexadecimal digits of a seal: enough to tell two histories apart that nobody forged


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """What a ledger came to.

    Attributes:
        count: charges.
        trail: first digits of the seals of the last charges, oldest first; of at most 256.
        spent: how often each event was charged.
    """

    count: int = 0
    trail: tuple[str, ...] = ()
    spent: Counter[PrivacyEvent] = field(default_factory=Counter)

    def __repr__(self) -> str:
        return f"LedgerHead({self.count} charges)"

    @classmethod
    def of(cls, seals: Sequence[str], events: Sequence[PrivacyEvent]) -> "LedgerHead":
        """The head of a ledger with these seals and events, one of each for every charge."""
        return cls(len(seals), tuple(seal[:_SHORT] for seal in seals[-_LONGEST_TRAIL:]), Counter(events))

    def common(self, seals: Sequence[str]) -> int:
        """How many charges this head and a ledger with these seals have in common: fewer where it cannot be told."""
        first = self.count - len(self.trail)  # charges before the trail
        for place in range(min(self.count, len(seals)), first, -1):
            if seals[place - 1].startswith(self.trail[place - 1 - first]):
                return place
        return 0

    def missing(self, seals: Sequence[str], events: Sequence[PrivacyEvent]) -> Counter[PrivacyEvent]:
        """What this head has and a ledger has not; nothing where the ledger holds this head, and goes on from it."""
        return self.spent - Counter(events[: self.common(seals)])

    def to_text(self) -> str:
        """All of it in ASCII, in a form that `from_text` reads."""
        spent = [[*privacy_event_to_fields(event), times] for event, times in self.spent.items()]
        return json.dumps({"count": self.count, "trail": "".join(self.trail), "spent": spent}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "LedgerHead":
        """Read what `to_text` wrote.

        Raises:
            Corrupt: the text is no head.
        """
        try:
            content = json.loads(text)
            count, trail, entries = content["count"], content["trail"], content["spent"]
            spent = Counter({privacy_event_from_fields(fields): times for *fields, times in entries})
            pieces = tuple(trail[place : place + _SHORT] for place in range(0, len(trail), _SHORT))
            if type(count) is not int or any(type(times) is not int or times < 1 for times in spent.values()):
                raise ValueError("a count is not a whole number")
            if sum(spent.values()) != count or len(pieces) != min(count, _LONGEST_TRAIL):
                raise ValueError("its counts do not fit together")
        except (ValueError, TypeError, KeyError, RecursionError, Misconfigured):
            raise Corrupt("ledger's head: expected counts and seals, got something else") from None
        return cls(count, pieces, spent)

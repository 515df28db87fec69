"""What was shown lately and with what chance, so that a later choice can say how it came to be. In memory only."""

from collections import OrderedDict
from dataclasses import dataclass

from client.facade.records import FeedbackRecord
from shared.behaviour import Event, EventKind

_KINDS = {
    "clicked": EventKind.CLICK,
    "skipped": EventKind.SKIP,
    "dismissed": EventKind.DISMISSAL,
    "rated": EventKind.RATING,
}
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class _Offer:
    propensity: float | None
    beside: tuple[str, ...]


class ImpressionLog:
    """The last thousand items shown."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, _Offer] = OrderedDict()

    def __repr__(self) -> str:
        return f"ImpressionLog({len(self._shown)})"

    def forget(self) -> None:
        """Nothing was shown."""
        self._shown.clear()

    def event(self, record: FeedbackRecord, now_seconds: float) -> Event | None:
        """The event that feedback is about; None when it was only shown, which is then remembered.

        The record's own propensity and neighbours go before what is remembered of the item.
        """
        if record.action == "shown":
            self._shown[record.item] = _Offer(record.propensity, tuple(record.beside))
            self._shown.move_to_end(record.item)
            while len(self._shown) > _REMEMBERED:
                self._shown.popitem(last=False)
            return None
        known = self._shown.get(record.item, _Offer(None, ()))
        return Event(
            time_seconds=now_seconds if record.time_seconds is None else record.time_seconds,
            kind=_KINDS[record.action],
            item=record.item,
            value=record.value,
            shown=tuple(record.beside) or known.beside,
            context=tuple(sorted(record.context.items())),
            propensity=known.propensity if record.propensity is None else record.propensity,
        )

"""Token buckets: how much one address, or everybody together, may ask for. Memory stays bounded whoever asks."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

_MOST_CALLERS = 65_536


class RateLimiter:
    """One bucket per caller, each refilled evenly and holding at most a minute's worth. One thread uses it."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        """Start with a full bucket for everybody.

        Args:
            per_minute: requests that one caller may make in a minute, and the most at once.
            clock: monotonic seconds.
        """
        self._per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, as of when

    def take(self, caller: str) -> bool:
        """Whether this caller may ask once more now."""
        now = self._clock()
        tokens, then = self._buckets.pop(caller, (float(self._per_minute), now))
        tokens = min(self._per_minute, tokens + (now - then) * self._per_minute / 60)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)  # whoever was quiet for longest
        return allowed


def address_prefix(address: str) -> str:
    """What counts as one address: for IPv6 the network that one subscriber gets."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False)) if found.version == 6 else address

"""From composed events to the epsilon they amount to. Accountants read events and keep nothing but a cache."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol, TypeVar

from shared.errors import Misconfigured
from shared.privacy.events import PrivacyEvent, SampledGaussian, SummedGaussian

# Whole orders have a closed form at every noise level; fractional ones are a series that small noise keeps from
# converging. Without sampling every order is in closed form.
_WHOLE_ORDERS = (*range(2, 65), 80, 96, 128, 192, 256, 512)
_ALL_ORDERS = tuple(sorted({*_WHOLE_ORDERS, *(1 + 2 ** (k / 8) for k in range(-40, 161))}))


AnyEvent = TypeVar("AnyEvent", bound=PrivacyEvent)


class Accountant(Protocol):
    """What turns events of one level into an epsilon."""

    def epsilon(self, events: Mapping[AnyEvent, int], delta: float) -> float:
        """Smallest epsilon it can show for all events together; 0 without any.

        Args:
            events: how often each happened; all of one level.
            delta: in (0, 1).

        Raises:
            Misconfigured: levels are mixed, a number is impossible, or it cannot account for one of the events.
        """
        ...


class RenyiAccountant:
    """Renyi accounting (Mironov 2017; sampled Gaussian: Mironov, Talwar, Zhang 2019), by `dp_accounting`."""

    def epsilon(self, events: Mapping[AnyEvent, int], delta: float) -> float:
        """See `Accountant`. Takes every event."""
        return _renyi_epsilon(_checked(events, delta), delta)


class ConcentratedAccountant:
    """Zero-concentrated accounting (Bun, Steinke 2016): rho adds up, and the conversion is exact over all orders."""

    def epsilon(self, events: Mapping[AnyEvent, int], delta: float) -> float:
        """See `Accountant`. Takes private sums, and Gaussians without sampling."""
        rho = math.fsum(count * _rho(event) for event, count in _checked(events, delta))
        return _concentrated_epsilon(rho, delta)


def spent_epsilon(events: Mapping[AnyEvent, int], delta: float) -> float:
    """Epsilon of composed events by Renyi accounting."""
    return RenyiAccountant().epsilon(events, delta)


def _checked(events: Mapping[AnyEvent, int], delta: float) -> frozenset[tuple[PrivacyEvent, int]]:
    if not 0 < delta < 1:
        raise Misconfigured(f"delta: expected in (0, 1), got {delta}")
    if any(type(count) is not int or count < 0 for count in events.values()):
        raise Misconfigured("events: expected whole counts of at least 0")
    happened: frozenset[tuple[PrivacyEvent, int]] = frozenset(
        (event, count) for event, count in events.items() if count
    )
    levels = sorted({event.level for event, _ in happened})
    if len(levels) > 1:
        raise Misconfigured(f"events: expected one level, got {' and '.join(levels)}; account for each by itself")
    return happened


def _rho(event: PrivacyEvent) -> float:
    if isinstance(event, SummedGaussian):
        return event.rho
    if event.sampling_probability < 1:
        raise Misconfigured(
            "concentrated accounting: expected events without sampling, got a sampled one; use Renyi accounting"
        )
    return 1 / (2 * event.noise_multiplier**2)


@lru_cache(maxsize=16384)
def _renyi_epsilon(events: frozenset[tuple[PrivacyEvent, int]], delta: float) -> float:
    if not events:
        return 0.0
    # Imported here: it costs two seconds and 80 MB, and a device that only ranks accounts for nothing.
    from dp_accounting import NeighboringRelation, SelfComposedDpEvent
    from dp_accounting.rdp import RdpAccountant

    sampled = any(isinstance(event, SampledGaussian) and event.sampling_probability < 1 for event, _ in events)
    orders = _WHOLE_ORDERS if sampled else _ALL_ORDERS
    accountant = RdpAccountant(orders, neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE)
    for event, count in sorted(events, key=repr):
        accountant.compose(SelfComposedDpEvent(event.dp_event(), count))
    return float(accountant.get_epsilon(delta))


@lru_cache(maxsize=16384)
def _concentrated_epsilon(rho: float, delta: float) -> float:
    """Least over a > 1: rho a + log(1 - 1/a) - log(delta a) / (a - 1) (Canonne, Kamath, Steinke 2020, Proposition 12).

    Its slope is rho + log(delta a) / (a - 1)², which changes sign once, between 1 and 1/delta.
    """
    if rho == 0:
        return 0.0
    low, high = 0.0, 1 / delta - 1  # of a - 1
    for _ in range(200):
        middle = (low + high) / 2
        if rho * middle**2 + math.log(delta) + math.log1p(middle) < 0:
            low = middle
        else:
            high = middle
    order = 1 + high
    return max(0.0, rho * order + math.log(high / order) - math.log(delta * order) / high)

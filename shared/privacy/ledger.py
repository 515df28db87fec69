"""The ledger of one device: which events were charged, how often; before anything leaves, and never refunded."""

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from dp_accounting import NeighboringRelation, SelfComposedDpEvent
from dp_accounting.rdp import RdpAccountant

from shared.errors import Corrupt, Misconfigured, Refused
from shared.privacy.events import SampledGaussian

# Whole orders have a closed form at every noise level; fractional ones are a series that small noise keeps from
# converging.
_ORDERS = [*range(2, 65), 80, 96, 128, 192, 256, 512]


class Ledger:
    """Counts of charged events, against a budget.

    Attributes:
        epsilon_budget, delta: the event-level promise over the device's whole life.
    """

    def __init__(
        self, epsilon_budget: float, delta: float, charged: Mapping[SampledGaussian, int] = MappingProxyType({})
    ) -> None:
        self.epsilon_budget = epsilon_budget
        self.delta = delta
        self._charged = dict(charged)

    def __repr__(self) -> str:
        return f"Ledger({sum(self._charged.values())} charges)"

    @property
    def charged(self) -> Mapping[SampledGaussian, int]:
        """How often each event was charged."""
        return MappingProxyType(self._charged)

    def charge(self, event: SampledGaussian) -> None:
        """Add one event.

        Raises:
            Refused: the budget would be exceeded; the ledger is then as it was.
        """
        after = {**self._charged, event: self._charged.get(event, 0) + 1}
        epsilon = spent_epsilon(after, self.delta)
        if epsilon > self.epsilon_budget:
            raise Refused(
                f"event-level budget: epsilon {epsilon:.3f} at delta {self.delta:g} would exceed "
                f"{self.epsilon_budget:g}; this device goes on recommending and contributes no more"
            )
        self._charged = after

    def epsilon(self) -> float:
        """Epsilon spent so far at `delta`."""
        return spent_epsilon(self._charged, self.delta)

    def to_json(self) -> str:
        """All charges, in a form `from_json` reads."""
        return json.dumps(
            [[event.sampling_probability, event.noise_multiplier, count] for event, count in self._charged.items()]
        )

    @classmethod
    def from_json(cls, epsilon_budget: float, delta: float, text: str) -> "Ledger":
        """Read what `to_json` wrote.

        Raises:
            Corrupt: the text is not a ledger.
        """
        try:
            entries = json.loads(text)
            charged = {SampledGaussian(q, z): count for q, z, count in entries}
            if not isinstance(entries, list) or len(charged) < len(entries):
                raise ValueError("an event stands twice")
            if not all(type(count) is int and count > 0 for count in charged.values()):
                raise ValueError("a count is not a whole number above 0")
        except (ValueError, TypeError, Misconfigured) as error:
            raise Corrupt(f"ledger: expected a list of [probability, multiplier, count] ({error})") from None
        return cls(epsilon_budget, delta, charged)


def spent_epsilon(charged: Mapping[SampledGaussian, int], delta: float) -> float:
    """Epsilon of composed events by Renyi accounting (Mironov 2017; sampled Gaussian: Mironov, Talwar, Zhang 2019)."""
    return _epsilon(tuple(sorted(charged.items(), key=lambda entry: repr(entry[0]))), delta)


@lru_cache(maxsize=4096)
def _epsilon(charged: tuple[tuple[SampledGaussian, int], ...], delta: float) -> float:
    if not charged:
        return 0.0
    accountant = RdpAccountant(_ORDERS, neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE)
    for event, count in charged:
        accountant.compose(SelfComposedDpEvent(event.dp_event(), count))
    return float(accountant.get_epsilon(delta))

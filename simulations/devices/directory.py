"""The directory of devices that are always there: none has to be asked who it is, however many there are."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, overload

import numpy as np
from flwr.serverapp import Grid
from numpy.typing import NDArray

from server import Clock, CohortMember
from server.aggregation import places_in_turn
from simulations.devices.in_process import InProcessGrid
from simulations.devices.population import membership


class SimulatedDirectory:
    """A `Directory` of simulated devices, known by their number. A round costs the same whatever their number."""

    def __init__(self, seed: int, devices: int) -> None:
        """Know so many devices.

        Args:
            seed: of their keys, see `OpenSimulatedDevice`.
            devices: how many there are.
        """
        self._seed, self._devices = seed, devices
        self._circle = lru_cache(maxsize=8)(self._shuffled)

    def __repr__(self) -> str:
        return f"SimulatedDirectory({self._devices} devices)"

    def wait_for(
        self,
        grid: Grid,
        minimum: int,
        deadline_seconds: float,
        clock: Clock,
        revoked: frozenset[str] = frozenset(),
    ) -> Sequence[CohortMember]:
        """See `Directory`: all devices, at once."""
        if not isinstance(grid, InProcessGrid) or revoked:
            raise RuntimeError("simulated directory: expected devices of this process, none revoked, got others")
        return _Members(grid, self._seed, np.arange(self._devices))

    def cohort(
        self, members: Sequence[CohortMember], clients: int, over_selection: float, stream: str, asked_before: int
    ) -> Sequence[CohortMember]:
        """See `Directory`: turns in one shuffled circle, as `sample_cohort` gives them."""
        if not isinstance(members, _Members):
            raise RuntimeError("simulated directory: expected its own members, got others")
        places = places_in_turn(self._devices, clients, over_selection, asked_before)
        return _Members(members.grid, self._seed, self._circle(stream)[places])

    def _shuffled(self, stream: str) -> NDArray[np.int64]:
        seed = int.from_bytes(hashlib.sha256(stream.encode()).digest())
        return np.random.default_rng(seed).permutation(self._devices)


class _Member:
    """A device whose id is derived from its key when it is asked for."""

    __slots__ = ("_number", "_seed", "node")

    def __init__(self, seed: int, number: int, node: int) -> None:
        self._seed, self._number, self.node = seed, number, node

    @property
    def device(self) -> str:
        """Its id."""
        return membership(self._seed, self._number).identity.device.hex()

    def __repr__(self) -> str:
        return f"_Member({self._number})"


class _Members(Sequence[CohortMember]):
    """Devices by number, each made a member when it is looked at."""

    def __init__(self, grid: InProcessGrid, seed: int, numbers: NDArray[np.int64]) -> None:
        self.grid, self._seed, self._numbers = grid, seed, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> CohortMember: ...
    @overload
    def __getitem__(self, place: slice) -> "_Members": ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _Members(self.grid, self._seed, self._numbers[place])
        number = int(self._numbers[place])
        return _Member(self._seed, number, self.grid.node_of(number))

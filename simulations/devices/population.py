"""A population of simulated devices: their logs in one file, their chance from one seed.

Logs are written once and read a group at a time, so that any process, here or elsewhere, opens any device cheaply.
"""

import hashlib
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flwr.app import Context
from numpy.typing import NDArray

from client import Credentials, Device, LoadedRelease, NodeState, RoundRequest, load_release
from client.secagg import Contribution
from shared.behaviour import Event
from shared.errors import Corrupt
from shared.secure_sum import Identity, issue_certificate
from simulations.devices.computations import note
from simulations.devices.randomness import SeededRandomness
from simulations.people import PEOPLE_FILE, People, Person, save_array

POPULATION = "population"  # folder of what devices hold
_DEVICES = "devices.npy"
_NEVER_SECONDS = 2**63

PreparedContribution = tuple[RoundRequest, Contribution, str | None]
"""For which round, what, and the kind and place of what went wrong; None where nothing did."""


class Population:
    """The devices that `write_population` wrote: each has one person's log, or a part of it."""

    def __init__(self, home: Path) -> None:
        """Open the population of a work folder.

        Raises:
            Corrupt: it is missing or damaged.
        """
        self.people = People(home / POPULATION / PEOPLE_FILE)
        try:
            self.devices: NDArray[np.int64] = np.load(home / POPULATION / _DEVICES, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise Corrupt(f"simulated devices {home / POPULATION}: could not be read ({error}); start anew") from None

    def __repr__(self) -> str:
        return f"Population({len(self)} devices)"

    def __len__(self) -> int:
        return len(self.devices)

    def events(self, device: int) -> Sequence[Event]:
        """What a device learns from, oldest first."""
        person, end, _, _ = self.devices[device].tolist()
        return self.people[person].events[:end]

    def held_out(self, device: int) -> Sequence[Event]:
        """What it is measured on."""
        person, _, begin, end = self.devices[device].tolist()
        return self.people[person].events[begin:end]


def write_population(home: Path, people: People, devices: NDArray[np.int64]) -> None:
    """Write what the devices of a run hold to its work folder.

    Args:
        home: the folder.
        people: whose devices they are.
        devices: int64 [n, 4], for each its person, how many of the person's events it learns from, and from which on to
            before which it is measured.
    """
    people.copy_to(home / POPULATION / PEOPLE_FILE)
    save_array(home / POPULATION / _DEVICES, devices)


def write_logs(home: Path, logs: Sequence[Sequence[Event]], held_out: Sequence[Sequence[Event]] = ()) -> None:
    """Write a population whose devices learn from these logs and are measured on what is held out, if anything."""
    beside = held_out or [()] * len(logs)
    both = enumerate(zip(logs, beside, strict=True))
    people = People.of(Person(str(number), (*log, *other)) for number, (log, other) in both)
    lengths = [(len(log), len(log) + len(other)) for log, other in zip(logs, beside, strict=True)]
    devices = [(number, length, length, end) for number, (length, end) in enumerate(lengths)]
    write_population(home, people, np.asarray(devices, np.int64).reshape(-1, 4))


class SimulatedLog:
    """What one simulated person did, read when it is asked for."""

    def __init__(self, home: Path, device: int) -> None:
        self._home, self._device = home, device

    def events(self) -> Sequence[Event]:
        """What the device learns from, oldest first."""
        return _events(self._home, self._device)

    def held_out(self) -> Sequence[Event]:
        """What it is measured on."""
        return _population(self._home).held_out(self._device)


def always() -> bool:
    """Devices mask in every round."""
    return True


class OpenSimulatedDevice:
    """Opens the device of a Flower node by its partition id; can be sent to another process.

    Args:
        home: folder of `write_population` that holds `releases/` too (one folder per digest).
        seed: of all devices' chance, and of the keys of devices and registry.
        masks: whether devices mask at present, where the federation's sums are secure.
        prepared: contributions that were computed beforehand, by device; left out, each computes its own.
    """

    def __init__(
        self,
        home: Path,
        seed: int,
        masks: Callable[[], bool] = always,
        prepared: Mapping[int, PreparedContribution] = MappingProxyType({}),
    ) -> None:
        self._home, self._seed, self._masks, self._prepared = home, seed, masks, prepared

    def __call__(self, context: Context) -> Device:
        """The device of a node, with the log that was written for its "partition-id"."""
        device = int(context.node_config["partition-id"])
        state = cast(MutableMapping[str, str], NodeState(context, "device"))

        def run(work: Callable[[], Contribution], seconds: float) -> Contribution:
            if device not in self._prepared:
                return work()
            request, contribution, failure = self._prepared[device]
            note(state, request, failure)
            return contribution

        return Device(
            membership(self._seed, device),
            SimulatedLog(self._home, device),
            self._find_release,
            state,
            NodeState(context, "sum"),
            lambda number: SeededRandomness(self._seed, device, number),
            now_seconds=lambda: 0.0,
            simulated=True,
            masks=self._masks,
            observe=lambda request, failure: note(state, request, failure),
            run=run,
        )

    def _find_release(self, digest: str) -> LoadedRelease:
        return load_release(self._home / "releases" / digest)


def registry_key(seed: int) -> Ed25519PrivateKey:
    """The key of a simulation's registry: made up with its devices, and of no use to people."""
    return _key(f"simulated registry {seed}")


@lru_cache(maxsize=65536)
def membership(seed: int, device: int) -> Credentials:
    """What makes a simulated device a member."""
    registry, identity = registry_key(seed), Identity(_key(f"simulated device {seed} {device}"))
    certificate = issue_certificate(registry, identity.public_key, _NEVER_SECONDS)
    return Credentials(identity, certificate, registry.public_key().public_bytes_raw())


def _key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


@lru_cache(maxsize=4)
def _population(home: Path) -> Population:
    return Population(home)


@lru_cache(maxsize=8192)
def _events(home: Path, device: int) -> tuple[Event, ...]:
    return tuple(_population(home).events(device))

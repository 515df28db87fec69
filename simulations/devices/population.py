"""A population of simulated devices: their logs in one folder, their chance from one seed.

Logs are written once and read a slice at a time, so that any process, here or elsewhere, opens any device cheaply.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flwr.app import Context

from client import Credentials, Device, LoadedRelease, NodeState, RoundRequest, load_release
from client.secagg import Contribution
from shared.behaviour import Event, event_from_fields, event_to_fields
from shared.errors import Corrupt
from shared.files import write_atomically
from shared.secure_sum import Identity, issue_certificate
from simulations.devices.computations import note
from simulations.devices.randomness import SeededRandomness

POPULATION = "population"  # folder of what devices learn from
HELD_OUT = "held-out"  # folder of what they are measured on
_NEVER_SECONDS = 2**63

PreparedContribution = tuple[RoundRequest, Contribution, str | None]
"""For which round, what, and the kind and place of what went wrong; None where nothing did."""


def write_logs(directory: Path, logs: Sequence[Sequence[Event]]) -> None:
    """Write one log per device to `directory`: JSON lines, with the byte at which each log begins beside them."""
    lines: list[bytes] = []
    starts = [0]
    for log in logs:
        encoded = b"".join(_encode(event) for event in log)
        lines.append(encoded)
        starts.append(starts[-1] + len(encoded))
    write_atomically(directory / "logs.jsonl", b"".join(lines))
    write_atomically(directory / "starts.u64", np.asarray(starts, np.uint64).tobytes())


class Logs:
    """The logs `write_logs` wrote."""

    def __init__(self, directory: Path) -> None:
        try:
            self._starts = np.fromfile(directory / "starts.u64", np.uint64)
            self._lines = np.memmap(directory / "logs.jsonl", np.uint8, mode="r") if self._starts[-1] else None
        except (OSError, ValueError, IndexError) as error:
            raise Corrupt(f"simulated logs {directory}: could not be read ({error})") from None

    def __len__(self) -> int:
        return len(self._starts) - 1

    def read(self, device: int) -> list[Event]:
        """The events of one device, oldest first."""
        begin, end = int(self._starts[device]), int(self._starts[device + 1])
        if begin == end or self._lines is None:
            return []
        return [_decode(line) for line in self._lines[begin:end].tobytes().splitlines()]


class SimulatedLog:
    """What one simulated person did, read when it is asked for."""

    def __init__(self, home: Path, device: int) -> None:
        self._home, self._device = home, device

    def events(self) -> Sequence[Event]:
        """What the device learns from, oldest first."""
        return _events(self._home / POPULATION, self._device)

    def held_out(self) -> Sequence[Event]:
        """What it is measured on."""
        return _logs(self._home / HELD_OUT).read(self._device)


def always() -> bool:
    """Devices mask in every round."""
    return True


class OpenSimulatedDevice:
    """Opens the device of a Flower node by its partition id; can be sent to another process.

    Args:
        home: folder that holds `population/` and `held-out/` (logs) and `releases/` (one folder per digest).
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
def _logs(directory: Path) -> Logs:
    return Logs(directory)


@lru_cache(maxsize=8192)
def _events(directory: Path, device: int) -> tuple[Event, ...]:
    return tuple(_logs(directory).read(device))


def _encode(event: Event) -> bytes:
    return json.dumps(event_to_fields(event), separators=(",", ":")).encode() + b"\n"


def _decode(line: bytes) -> Event:
    return event_from_fields(json.loads(line))

"""A population of simulated devices: their logs in one folder, their chance from one seed.

Logs are written once and read a slice at a time, so that any process (this one, a Ray worker) opens any device cheaply.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from flwr.app import Context

from client import Device, Installed, NodeState, install
from shared.behaviour import Event, EventKind
from shared.errors import Corrupt
from shared.files import write_atomically


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


class SeededRandomness:
    """Chance that a simulation can repeat. Devices outside simulations have no such thing."""

    def __init__(self, seed: int, device: int, round_number: int) -> None:
        self._words = (seed, device, round_number)

    def _seed(self, purpose: str) -> int:
        text = f"{self._words} {purpose}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1

    def numpy(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(self._seed(purpose))

    def torch(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed(purpose))


class _SimulatedLog:
    def __init__(self, directory: Path, device: int) -> None:
        self._directory, self._device = directory, device

    def events(self) -> Sequence[Event]:
        return _events(self._directory, self._device)


class OpenSimulatedDevice:
    """Opens the device of a Flower node by its partition id; can be sent to another process.

    Args:
        home: folder that holds `population/` (logs) and `releases/` (one folder per digest).
        seed: of all devices' chance.
    """

    def __init__(self, home: Path, seed: int) -> None:
        self._home, self._seed = home, seed

    def __call__(self, context: Context) -> Device:
        device = int(context.node_config["partition-id"])
        return Device(
            device_identity(device),
            _SimulatedLog(self._home / "population", device),
            self._find_release,
            NodeState(context),
            lambda number: SeededRandomness(self._seed, device, number),
        )

    def _find_release(self, digest: str) -> Installed:
        return install(self._home / "releases" / digest)


def device_identity(device: int) -> str:
    """Public id of a simulated device, hexadecimal."""
    return hashlib.sha256(f"simulated device {device}".encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _logs(directory: Path) -> Logs:
    return Logs(directory)


@lru_cache(maxsize=8192)
def _events(directory: Path, device: int) -> tuple[Event, ...]:
    return tuple(_logs(directory).read(device))


def _encode(event: Event) -> bytes:
    fields = [event.time_seconds, event.kind.value, event.item, event.text, event.value, event.shown, event.context]
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _decode(line: bytes) -> Event:
    time_seconds, kind, item, text, value, shown, context = json.loads(line)
    return Event(
        time_seconds, EventKind(kind), item, text, value, tuple(shown), tuple((name, word) for name, word in context)
    )

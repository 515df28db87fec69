"""What simulated devices keep between messages, and how it is stored: their own disks, which no server may read."""

import hashlib
import struct
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from flwr.app import RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict

from server import RoundReport
from shared.errors import Corrupt
from shared.files import write_atomically
from shared.model import Vector

_MAGIC = b"hushrec-devices/2\n"
_ENTRY = struct.Struct("<IQ")
_DIGEST_BYTES = 32

Snapshot = tuple[Mapping[int, bytes], Mapping[int, bytes]]


def encode_state(state: RecordDict) -> bytes:
    """The bytes of a node's state; empty for an empty one."""
    return recorddict_to_proto(state).SerializeToString(deterministic=True)


def decode_state(content: bytes) -> RecordDict:
    """Read what `encode_state` wrote."""
    return recorddict_from_proto(ProtoRecordDict.FromString(content))


class DeviceStates:
    """State of each device by its index. Only what holds something takes memory; what is at rest is kept as bytes."""

    def __init__(self) -> None:
        self._resting: dict[int, bytes] = {}
        self._changed: dict[int, RecordDict | bytes] = {}
        self._lock = threading.Lock()
        self._settle: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"DeviceStates({len(self._resting.keys() | self._changed.keys())} devices)"

    def held(self) -> list[int]:
        """The devices that keep anything."""
        with self._lock:
            return sorted(self._resting.keys() | self._changed.keys())

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Name the call that lets devices finish what they are at; it comes before every export."""
        self._settle = settle

    def take(self, device: int) -> RecordDict:
        """The state of a device; what is then changed in it counts once it is `put` back."""
        with self._lock:
            held = self._changed.get(device, self._resting.get(device, b""))
            return decode_state(held) if isinstance(held, bytes) else held

    def content(self, device: int) -> bytes:
        """The bytes of a device's state; empty for an empty one."""
        with self._lock:
            held = self._changed.get(device, self._resting.get(device, b""))
            return _bytes_of(held)

    def put_content(self, device: int, content: bytes) -> None:
        """Keep the bytes of a device's state."""
        with self._lock:
            self._changed[device] = content

    def put(self, device: int, state: RecordDict) -> None:
        """Keep a device's state."""
        with self._lock:
            if state or device in self._resting or device in self._changed:
                self._changed[device] = state

    def export_changes(self) -> dict[int, bytes]:
        """States put since the last export, by device; empty bytes for one that was emptied."""
        self._settle()
        with self._lock:
            changes = {device: _bytes_of(state) for device, state in sorted(self._changed.items())}
            self._changed.clear()
            self._rest(changes)
        return changes

    def load(self, changes: Mapping[int, bytes]) -> None:
        """Put exported states back."""
        with self._lock:
            self._rest(changes)

    def snapshot(self) -> "Snapshot":
        """All states as they are at this moment."""
        self._settle()
        with self._lock:
            return dict(self._resting), {device: _bytes_of(state) for device, state in self._changed.items()}

    def restore(self, snapshot: "Snapshot") -> None:
        """Give all devices the states of a snapshot; what had changed by then is still to be exported."""
        self._settle()
        with self._lock:
            resting, changed = snapshot
            self._resting = dict(resting)
            self._changed = dict(changed)

    def _rest(self, changes: Mapping[int, bytes]) -> None:
        for device, content in changes.items():
            if content:
                self._resting[device] = content
            else:
                self._resting.pop(device, None)


def _bytes_of(state: RecordDict | bytes) -> bytes:
    return state if isinstance(state, bytes) else encode_state(state)


class StateJournal:
    """Observer of rounds that stores, round by round, which states changed: one file for each round."""

    def __init__(self, folder: Path, states: DeviceStates) -> None:
        self._folder = folder
        self._states = states

    def __repr__(self) -> str:
        return f"StateJournal({str(self._folder)!r})"

    def on_round(self, report: RoundReport, vector: Vector) -> None:
        """Store what changed in the round, over what an earlier try of it left."""
        write_atomically(self._path(report.number), _encode(self._states.export_changes()))

    def restore(self, last_round: int) -> None:
        """Give the devices the states they had after `last_round`, and forget later rounds.

        Raises:
            Corrupt: a round is missing or damaged.
        """
        stored = {int(path.stem.removeprefix("round-")): path for path in self._folder.glob("round-*.states")}
        for number in range(1, last_round + 1):
            if number not in stored:
                raise Corrupt(
                    f"{self._path(number)}: expected the device states of this round, got no file; start anew"
                )
        for number, path in sorted(stored.items()):
            if number <= last_round:
                self._states.load(_decode(path, path.read_bytes()))
            else:
                path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"round-{number:06d}.states"


def _encode(changes: Mapping[int, bytes]) -> bytes:
    """Each different content once, with the devices that have it: most devices of a round have the same."""
    devices: dict[bytes, list[int]] = {}
    for device, content in changes.items():
        devices.setdefault(content, []).append(device)
    body = _MAGIC + b"".join(
        _ENTRY.pack(len(having), len(content)) + content + np.asarray(having, "<u4").tobytes()
        for content, having in devices.items()
    )
    return body + hashlib.sha256(body).digest()


def _decode(path: Path, content: bytes) -> dict[int, bytes]:
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        raise Corrupt(f"{path}: expected device states as they were written, got other bytes; start anew")
    changes: dict[int, bytes] = {}
    place = len(_MAGIC)
    while place < len(body):
        devices, size = _ENTRY.unpack_from(body, place)
        place += _ENTRY.size
        having = np.frombuffer(body, "<u4", devices, place + size)
        changes |= dict.fromkeys(having.tolist(), body[place : place + size])
        place += size + having.nbytes
    return changes

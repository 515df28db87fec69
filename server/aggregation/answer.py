"""Reads what a device sent back: a summand of the right length, or a word why there is none, and nothing beside."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord
from numpy.lib import format as numpy_format
from numpy.typing import NDArray

from shared.errors import Corrupt

STATUSES = ("not-yet", "refused")


@dataclass(frozen=True, slots=True)
class PlainSummand:
    """A device's vector, float32 [length], every number finite and within the limit."""

    vector: NDArray[np.float32]
    upload_bytes: int

    def __repr__(self) -> str:
        return f"PlainSummand({len(self.vector)} numbers)"


@dataclass(frozen=True, slots=True)
class Declined:
    """A device that takes no part in this round: "not-yet" (it is not set up to) or "refused" (its policy or budget).

    What its log holds never makes it decline: see `client.contributing`.
    """

    status: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Flower's error code where a device failed or was gone."""

    code: int


def read_answer(reply: Message, length: int, limit: float) -> PlainSummand | Declined | Failed:
    """Read one reply to a question for a summand in the open.

    Args:
        reply: the message of one device.
        length: numbers expected in the summand.
        limit: largest absolute value that a number may have.

    Raises:
        Corrupt: the reply is none of the three, or holds anything beside; nothing of it may be used.
    """
    found = _only_record(reply)
    if not isinstance(found, tuple):
        return found
    name, record = found
    if name == "summand" and isinstance(record, ArrayRecord) and list(record) == ["vector"]:
        array = record["vector"]
        return PlainSummand(_read_vector(array, length, limit), len(array.data))
    raise Corrupt('answer: expected a record "summand" with one array "vector", or "answer", got something else')


def read_message(reply: Message) -> bytes | Declined | Failed:
    """Read one reply within a private sum: the bytes of a protocol message, which the collector decodes.

    Raises:
        Corrupt: as `read_answer`.
    """
    found = _only_record(reply)
    if not isinstance(found, tuple):
        return found
    name, record = found
    if name == "sum" and isinstance(record, ConfigRecord) and len(record) == 1:
        content = record.get("message")
        if isinstance(content, bytes):
            return content
    raise Corrupt('answer: expected a record "sum" with bytes under "message", or "answer", got something else')


def _only_record(reply: Message) -> tuple[str, ArrayRecord | ConfigRecord | MetricRecord] | Declined | Failed:
    """The one record of a reply, or the word why there is none."""
    if reply.has_error():
        return Failed(reply.error.code)
    content = reply.content
    if len(content) != 1:
        raise Corrupt(f"answer: expected one record, got {len(content)}")
    name, record = next(iter(content.items()))
    if name != "answer" or not isinstance(record, ConfigRecord):
        return name, record
    status = record.get("status")
    if len(record) != 1 or status not in STATUSES:
        raise Corrupt(f"answer: expected a status out of {STATUSES} and nothing else, got {len(record)} entries")
    return Declined(str(status))


def _read_vector(array: Array, length: int, limit: float) -> NDArray[np.float32]:
    """Decode the bytes themselves: the sizes they claim are checked before anything is allocated."""
    stream = BytesIO(array.data)
    try:
        version = numpy_format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"format version {version}")
        shape, _, dtype = numpy_format.read_array_header_1_0(stream)
    except ValueError:
        raise Corrupt("summand: expected an array in numpy's format 1.0, got other bytes") from None
    start = stream.tell()
    if shape != (length,) or dtype != np.dtype("<f4") or len(array.data) != start + 4 * length:
        raise Corrupt(
            f"summand: expected {length} numbers in float32, got {shape} in {dtype}, {len(array.data) - start} bytes"
        )
    vector = np.frombuffer(array.data, np.dtype("<f4"), offset=start)
    if length and not float(np.abs(vector).max()) <= limit:
        raise Corrupt(f"summand: expected finite numbers of at most {limit:g}, got others")
    return vector

"""What one simulated device sends in a masked sum, caught as it passes, beside what was behind it: for reports.

Only a simulation can look behind a mask. Of each task one answer is kept, and of its numbers one stretch.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from numpy.typing import NDArray

from server import SumRequest
from shared.files import write_atomically
from shared.secure_sum import MaskedVector
from shared.tasks import TASKS, Task

STRETCH = 72  # numbers of a vector that are kept
_MASK = "query.mask"


@dataclass(frozen=True, slots=True)
class WatchedAnswer:
    """What one device sent in one masked sum.

    Attributes:
        task: what the sum is for.
        round_number: of the training.
        members: devices in the sum.
        dimension: numbers in the vector.
        first: where in it the stretch begins that is kept.
        plain: the stretch before noise.
        noised: the same with this device's share of the noise, in the same unit.
        masked: the same as it left the device, as a share of 2^32.
        messages: kind and bytes of each message that the device sent, in their order.
    """

    task: Task
    round_number: int
    members: int
    dimension: int
    first: int
    plain: tuple[float, ...]
    noised: tuple[float, ...]
    masked: tuple[float, ...]
    messages: tuple[tuple[str, int], ...]

    def __repr__(self) -> str:
        return f"WatchedAnswer({self.task}, {self.dimension} numbers)"

    @classmethod
    def of(
        cls,
        request: SumRequest,
        members: int,
        vector: NDArray[np.float32],
        words: NDArray[np.uint32],
        messages: Sequence[tuple[str, bytes]],
    ) -> "WatchedAnswer | None":
        """Put an answer together; None where the device's vector did not leave it.

        Args:
            request: the sum.
            members: devices in it.
            vector: what the device adds, float32 [d].
            words: the same, rounded and noised, uint32 [d] modulo 2^32.
            messages: kind and content of what it sent.
        """
        sent = next((content for kind, content in messages if kind == _MASK), None)
        if sent is None:
            return None
        masked = MaskedVector.decode(sent, len(vector)).words
        configuration = request.terms.configuration
        scale = configuration.for_cohort(members, request.terms.local_noise_over_clip).scale
        first = _fullest(vector)
        kept = slice(first, first + STRETCH)
        unit = configuration.clip_norm / scale
        return cls(
            request.task,
            request.round_number,
            members,
            len(vector),
            first,
            tuple(map(float, vector[kept])),
            tuple(map(float, words[kept].view(np.int32) * unit)),
            tuple(map(float, masked[kept] / 2.0**32)),
            tuple((kind, len(content)) for kind, content in messages),
        )


class WatchedAnswers:
    """The answers of a run that were kept, in its work folder, so that a run that is resumed has them too."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, which need not be there."""
        self._folder = folder

    def wants(self, task: Task) -> bool:
        """Whether no answer to this task is kept."""
        return not self._path(task).exists()

    def keep(self, answer: WatchedAnswer) -> None:
        """Keep an answer."""
        write_atomically(self._path(answer.task), json.dumps(asdict(answer)).encode())

    def all(self) -> tuple[WatchedAnswer, ...]:
        """What is kept, in the order of the tasks."""
        paths = (self._path(task) for task in TASKS)
        records = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
        return tuple(WatchedAnswer(**record) for record in records)

    def _path(self, task: Task) -> Path:
        return self._folder / f"{task}.json"


class WatchedGrid(Grid):
    """A grid that notes what one node replies with and changes nothing.

    Attributes:
        messages: kind and content of each reply.
    """

    def __init__(self, grid: Grid, node: int) -> None:
        self._grid, self._node = grid, node
        self.messages: list[tuple[str, bytes]] = []

    def set_run(self, run: Run) -> None:
        """See `Grid`."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """See `Grid`."""
        return self._grid.run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """See `Grid`."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """See `Grid`."""
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """See `Grid`."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """See `Grid`."""
        replies = list(self._grid.pull_messages(message_ids))
        for reply in replies:
            self._note(reply)
        return replies

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """See `Grid`."""
        replies = list(self._grid.send_and_receive(messages, timeout=timeout))
        for reply in replies:
            self._note(reply)
        return replies

    def _note(self, reply: Message) -> None:
        if reply.metadata.src_node_id != self._node or not reply.has_content():
            return
        part = reply.content.get("sum")
        content = part.get("message") if isinstance(part, ConfigRecord) else None
        if isinstance(content, bytes):
            self.messages.append((reply.metadata.message_type, content))


def _fullest(vector: NDArray[np.float32]) -> int:
    """Where the stretch begins that has the most numbers which are not zero."""
    filled = np.concatenate([[0], np.cumsum(vector != 0)])
    if len(vector) <= STRETCH:
        return 0
    return int(np.argmax(filled[STRETCH:] - filled[:-STRETCH]))

"""The one private sum a device may be in: what is kept of it between messages, for how long, and that it ends wiped.

Implements FEDREC-SA/1 section 5 (what each party keeps, and how long).
"""

import json
from collections.abc import MutableMapping
from dataclasses import dataclass

from client.secagg.state import Agreed, Joined, Masked, Prepared, RoleState, Shared, Value, state_from, state_to
from shared.errors import Refused
from shared.secure_sum import RoundConfiguration
from shared.tasks import Task

_TURNS = {"reveal": Prepared, "share": Joined, "mask": Shared, "agree": Masked, "unmask": Agreed}
_HEADER = "header"


@dataclass(frozen=True, slots=True)
class RoundRequest:
    """What a server asks in one round.

    Attributes:
        task: update, statistics or evaluation.
        federation, release: digests that must be those the device has.
        number: a device answers each number of a task once at most; 0 comes before training.
        groups: parameter groups to train; empty for the other tasks.
    """

    task: Task
    federation: str
    release: str
    number: int
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoundCheckpoint:
    """Where a device stands in a private sum.

    Attributes:
        request: the round.
        local_noise_over_clip: of its terms.
        until_seconds: when the next message is too late, since 1970 UTC.
        state: of the role.
    """

    request: RoundRequest
    local_noise_over_clip: float
    until_seconds: float
    state: RoleState


class RoundState:
    """Keeps one `RoundCheckpoint` in a mapping that holds nothing else."""

    def __init__(self, kept: MutableMapping[str, Value]) -> None:
        self._kept = kept

    def __repr__(self) -> str:
        return f"RoundState({'under way' if self._kept else 'empty'})"

    def wipe(self) -> None:
        """Forget everything."""
        for name in list(self._kept):
            del self._kept[name]

    def put(self, turn: RoundCheckpoint) -> None:
        """Keep a turn in place of the one before."""
        self.wipe()
        request = turn.request
        header = [request.task, request.federation, request.release, request.number, list(request.groups)]
        self._kept[_HEADER] = json.dumps([*header, turn.local_noise_over_clip, turn.until_seconds])
        for name, value in state_to(turn.state).items():
            self._kept[name] = value

    def take(self, phase: str, ch: bytes, now_seconds: float) -> RoundCheckpoint:
        """The turn that a message of `phase` belongs to, which is then no longer kept.

        Args:
            phase: that the message asks for, such as "share".
            ch: hash of the configuration of the round that the message names.
            now_seconds: since 1970 UTC, to tell whether the message came too late.

        Raises:
            Refused: there is none, or it waits for another message, or came too late: the round is then lost; or the
                message is of another round, and nothing changes.
        """
        if not self._kept:
            raise Refused(f"{phase}: this device is in no private sum", code="no-round")
        values = dict(self._kept)
        task, federation, release, number, groups, noise, until = json.loads(str(values.pop(_HEADER)))
        request = RoundRequest(task, federation, release, number, tuple(groups))
        turn = RoundCheckpoint(request, noise, until, state_from(values))
        if RoundConfiguration.decode(turn.state.configuration).digest() != ch:
            raise Refused(f"{phase}: this device is in another private sum than the one named", code="other-round")
        self.wipe()
        if type(turn.state) is not _TURNS.get(phase):
            raise Refused(
                f"{phase}: out of turn; this device was {type(turn.state).__name__.lower()}", code="out-of-turn"
            )
        if now_seconds > until:
            raise Refused(
                f"{phase}: {now_seconds - until:.0f} seconds too late; this device has left the private sum",
                code="too-late",
            )
        return turn

"""What a round writes into the devices' own states, as they would: the number, the charge, what could be computed.

Most devices of a cohort have the same state, so the same step is taken once for all of them.
"""

from collections.abc import Callable

from flwr.app import Context

from client import BudgetGuard, NodeState, RoundRequest
from shared.errors import Refused
from shared.federation import FederationFile
from shared.privacy import PrivacyEvent
from simulations.devices import DeviceStates, decode_state, encode_state, note


class DeviceBooks:
    """The states of a cohort's devices in one round."""

    def __init__(
        self,
        federation: FederationFile,
        states: DeviceStates,
        request: RoundRequest,
        charges: tuple[PrivacyEvent, ...],
        reserves: bool,
    ) -> None:
        """Open the books for a round.

        Args:
            federation: its terms.
            states: of all devices.
            request: the round.
            charges: of one answer.
            reserves: whether the round's number is written down, as in private sums.
        """
        self._federation, self._states, self._request = federation, states, request
        self._charges, self._reserves = charges, reserves
        self._affords: dict[bytes, bool] = {}
        self._after: dict[tuple[bytes, str | None, bool], bytes] = {}

    def __repr__(self) -> str:
        return f"DeviceBooks({self._request.task} {self._request.number})"

    def affords(self, device: int) -> bool:
        """Whether the device answers this round at all; where it does not, it is left as it is."""
        content = self._states.content(device)
        if content not in self._affords:
            self._affords[content] = self._tried(content)
        return self._affords[content]

    def close(self, device: int, failure: str | None, summed: bool) -> None:
        """Write down what came of the round.

        Args:
            device: its index; one that `affords` it.
            failure: kind and place of what could not be computed; None where nothing went wrong.
            summed: whether its words left it.
        """
        content = self._states.content(device)
        key = content, failure, summed
        if key not in self._after:
            self._after[key] = self._changed(content, lambda guard, state: self._write(guard, state, failure, summed))
        self._states.put_content(device, self._after[key])

    def _tried(self, content: bytes) -> bool:
        def check(guard: BudgetGuard, state: NodeState) -> None:
            guard.check(self._federation, self._request.task, self._charges)
            if self._reserves:
                guard.reserve_round(self._request.task, self._request.number)

        try:
            self._changed(content, check)
        except Refused:
            return False
        return True

    def _write(self, guard: BudgetGuard, state: NodeState, failure: str | None, summed: bool) -> None:
        request = self._request
        if self._reserves:
            guard.reserve_round(request.task, request.number)
        note(state, request, failure)  # type: ignore[arg-type]
        if summed:
            guard.charge_round(self._federation, request.task, self._charges, request.number)

    def _changed(self, content: bytes, change: Callable[[BudgetGuard, NodeState], None]) -> bytes:
        context = Context(run_id=0, node_id=0, node_config={}, state=decode_state(content), run_config={})
        state = NodeState(context, "device")
        NodeState(context, "sum")  # between rounds there is nothing in it
        change(BudgetGuard(state), state)  # type: ignore[arg-type]
        return encode_state(context.state)

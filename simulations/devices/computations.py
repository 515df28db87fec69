"""What simulated devices could compute and what they could not.

A simulation may look into its own devices; no server can, and what a device could not compute is zeros in its answer.
So a fault in every device would pass for a training.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, MutableMapping

from flwr.app import ConfigRecord

from client import RoundRequest
from shared.errors import NotYet
from simulations.devices.device_states import DeviceStates

_KEY = "computations"  # in a device's state
_DONE = ""
_TOO_LITTLE = NotYet.__name__

Computations = Mapping[str, Mapping[str, int]]  # by task and groups: how often it was done, or failed in which way


def note(state: MutableMapping[str, str], request: RoundRequest, failure: str | None) -> None:
    """Count one computation in a device's own state.

    Args:
        state: of the device, where the count is kept as JSON.
        request: the round that asked: its task, and the groups it trains.
        failure: kind and place of what went wrong; None when nothing did.
    """
    counted = json.loads(state.get(_KEY, "{}"))
    outcomes = counted.setdefault(" ".join((request.task, *request.groups)), {})
    outcomes[failure or _DONE] = outcomes.get(failure or _DONE, 0) + 1
    state[_KEY] = json.dumps(counted)


def computations(states: DeviceStates) -> Computations:
    """All devices' counts together."""
    total: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for device in states.held():
        record = states.take(device).get("device")
        if isinstance(record, ConfigRecord) and _KEY in record:
            for work, outcomes in json.loads(str(record[_KEY])).items():
                total[work].update(outcomes)
    return total


def check_computations(counted: Computations) -> None:
    """See that a run was more than zeros.

    Raises:
        NotYet: no device ever had enough data for an update.
        RuntimeError: every device failed at some work, and not for want of data.
    """
    for work, outcomes in counted.items():
        faults = sorted(failure for failure in outcomes if not failure.startswith(_TOO_LITTLE) and failure != _DONE)
        if _DONE not in outcomes and faults:
            raise RuntimeError(f"{work}: all {sum(outcomes.values())} answers are zeros, as devices failed: {faults}")
    updates = [outcomes for work, outcomes in counted.items() if work.startswith("update")]
    if updates and not any(_DONE in outcomes for outcomes in updates):
        raise NotYet(
            "training: expected people with enough events to learn from, got none in any round; add events, or lower "
            "windows.minimum_events"
        )


def told(counted: Computations) -> list[str]:
    """One sentence for each kind of work that some devices could not do."""
    sentences = []
    for work, outcomes in sorted(counted.items()):
        if failed := {failure: count for failure, count in sorted(outcomes.items()) if failure != _DONE}:
            total = sum(outcomes.values())
            sentences.append(
                f"{work}: {sum(failed.values())} of {total} answers were zeros, as the device could compute nothing "
                f"({', '.join(f'{count} {failure}' for failure, count in failed.items())})."
            )
    return sentences

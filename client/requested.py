"""What a round asks of a device under its installed release: whether it may, how long a summand, which parameters."""

import numpy as np

from client.loaded_release import LoadedRelease
from client.secagg import RoundRequest
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model import Vector
from shared.tasks import TASK_ROWS

_TOLD = 4  # numbers of rounds


def check_asked(request: RoundRequest, federation: FederationFile) -> None:
    """See that the federation asks this task in a round of this number, and for these groups of parameters.

    Raises:
        Misconfigured: it does not. A number beyond its rounds would else lock the task for ever.
    """
    rounds = TASK_ROWS[request.task].rounds(federation)
    if request.number not in rounds:
        expected = "no such round at all"
        if rounds:
            some = ", ".join(map(str, rounds[:_TOLD]))
            expected = f"one of {some}" + (f", … {rounds[-1]}" if len(rounds) > _TOLD else "")
        raise Misconfigured(f"round {request.number} of {request.task}: expected {expected} in this federation")
    groups = federation.trained_groups if request.task == "update" else ()
    if request.groups != groups:
        raise Misconfigured(
            f"round {request.number} of {request.task}: expected the groups {', '.join(groups) or 'none'}, got "
            f"{', '.join(request.groups) or 'none'}"
        )


def summand_length(request: RoundRequest, installed: LoadedRelease) -> int:
    """Numbers that a task's summand has."""
    release = installed.release
    trained = installed.model.layout.select(request.groups).size
    return TASK_ROWS[request.task].dimension(release.federation, len(release.catalogue), trained)


def parameters_for(request: RoundRequest, installed: LoadedRelease, vector: Vector | None) -> Vector:
    """The parameters that a task works under; none for a count. Seen to fit before the log is opened."""
    if not TASK_ROWS[request.task].takes_parameters:
        return np.zeros(0, np.float32)
    size = installed.model.layout.size
    if vector is None:
        raise Misconfigured(f"{request.task}: expected a parameter vector, got none")
    if vector.shape != (size,) or vector.dtype != np.float32 or not np.isfinite(vector).all():
        raise Misconfigured(
            f"{request.task}: expected {size} finite numbers in float32 as parameters, got {vector.dtype} of shape "
            f"{vector.shape}"
        )
    return vector

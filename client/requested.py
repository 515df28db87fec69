"""What a round asks of a device under its installed release: how long a summand, and under which parameters."""

import numpy as np

from client.loaded_release import LoadedRelease
from client.secagg import RoundRequest
from shared.errors import Misconfigured
from shared.metrics import MEASURES
from shared.model import Vector


def summand_length(request: RoundRequest, installed: LoadedRelease) -> int:
    """Numbers that a task's summand has."""
    if request.task == "update":
        return installed.model.layout.select(request.groups).size
    return len(installed.release.catalogue) if request.task == "statistics" else MEASURES


def parameters_for(request: RoundRequest, installed: LoadedRelease, vector: Vector | None) -> Vector:
    """The parameters that a task works under; none for a count. Seen to fit before the log is opened."""
    if request.task == "statistics":
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

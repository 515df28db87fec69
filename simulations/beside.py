"""The baselines measured beside a run."""
from typing import Any

from simulations.report import Progress
from simulations.training import Trained
from simulations.world import World


def measure_baselines(world: World, trained: Trained, which: str, progress: Progress) -> dict[str, Any]:
    return {}

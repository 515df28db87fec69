"""The benchmarks by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from simulations.benchmarks.client_step import client_step
from simulations.benchmarks.deployment import deployment
from simulations.benchmarks.encoder import encoder
from simulations.benchmarks.grid import grid
from simulations.benchmarks.private_round import private_round
from simulations.benchmarks.recommend import benchmark_recommend
from simulations.benchmarks.round import benchmark_round
from simulations.benchmarks.secure_sum import secure_sum
from simulations.report import Progress

BENCHMARKS: Mapping[str, Callable[[Progress], dict[str, Any]]] = MappingProxyType(
    {
        "client-step": client_step,
        "deployment": deployment,
        "encoder": encoder,
        "grid": grid,
        "private-round": private_round,
        "recommend": benchmark_recommend,
        "round": benchmark_round,
        "secure-sum": secure_sum,
    }
)

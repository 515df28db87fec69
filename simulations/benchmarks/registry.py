"""The benchmarks by name, each loaded when it is asked for."""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from simulations.report import Progress

    Measure = Callable[..., dict[str, Any]]


class Benchmark(NamedTuple):
    """A row.

    Attributes:
        module: of `simulations.benchmarks`, where it stands.
        function: that measures; takes where it shows its progress, and gives what it found by name.
        summary: what it measures.
        takes_devices: whether it also takes `devices`, how many there are.
    """

    module: str
    function: str
    summary: str
    takes_devices: bool = False

    def load(self) -> "Measure":
        """The function."""
        measure: Measure = getattr(importlib.import_module(f"simulations.benchmarks.{self.module}"), self.function)
        return measure

    def measure(self, progress: "Progress", devices: int | None = None) -> dict[str, Any]:
        """What it finds; with so many devices, if it takes them."""
        sizes = {"devices": devices} if self.takes_devices and devices is not None else {}
        return self.load()(progress, **sizes)


BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "adapters": Benchmark(
            "adapters", "benchmark_adapters", "a step of the adapter beside one of the heads, 200 devices"
        ),
        "catalogue": Benchmark(
            "catalogue",
            "benchmark_catalogue",
            "encoding the texts of a large catalogue, stopped in the midst and gone on with",
        ),
        "client-step": Benchmark(
            "client_step", "client_step", "one device's update: heads and adapter, with and without per-window privacy"
        ),
        "demo": Benchmark("demo", "benchmark_demo", "the default run with 2,000 people, to its report"),
        "deployment": Benchmark("deployment", "deployment", "a server and devices in processes of their own"),
        "encoder": Benchmark("encoder", "encoder", "texts as servers encode them against as devices do, and on a GPU"),
        "games": Benchmark("games", "benchmark_games", "count and rounds on Amazon's games, beside one by one"),
        "grid": Benchmark("grid", "grid", "a reply of 50,000 numbers, messages copied against really serialised"),
        "many": Benchmark("many", "benchmark_many", "a million people: start, memory, a round of 1,000"),
        "pairs": Benchmark("pairs", "benchmark_pairs", "counting what goes together, and reading the sum of it"),
        "private-round": Benchmark(
            "private_round", "private_round", "a round of 100 one by one: in the open, noised, noised and masked"
        ),
        "recommend": Benchmark("recommend", "benchmark_recommend", "ranking on a device, by the size of the catalogue"),
        "round": Benchmark(
            "round", "benchmark_round", "a noised round of 1,000 beside its floor, the one-by-one path and peers"
        ),
        "round-secure": Benchmark(
            "round_secure",
            "benchmark_round_secure",
            "a masked round of 300 beside its primitives, in one process and two",
        ),
        "scale": Benchmark("scale", "benchmark_scale", "how costs grow with devices, items and numbers that train"),
        "secure-sum": Benchmark("secure_sum", "secure_sum", "the private sum beside flwr's SecAgg+ and one AES pass"),
        "server": Benchmark(
            "server", "benchmark_server", "what devices cost a server, idle and in a round", takes_devices=True
        ),
    }
)

"""The same federation with actors of a Ray cluster for helpers: the same figures to the last bit, whatever is lost."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.errors import Misconfigured
from shared.release.release import Release
from simulations import simulate
from simulations.cohort import CohortSum, Helper, RayActors, ShardPool, ShardWorker
from simulations.devices import DeviceStates
from simulations.report import RunResult
from tests.integration.federation.simulations.cohort_world import SEED, CohortWorld, summed
from tests.support.tiny import Tiny

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.ray


@pytest.fixture
def only_helpers_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools wait until their helpers are ready, and in this process a device's work fails."""
    monkeypatch.setattr(ShardPool, "__enter__", lambda pool: pool.wait() or pool)
    for name in ("words", "contributions", "answers"):

        def fail(*_: object) -> None:
            raise AssertionError("expected an actor to work, got this process")

        fail.__name__ = name
        monkeypatch.setattr(ShardWorker, name, fail)


def run(world: Path, federation: Path, out: Path, **options: Any) -> RunResult:
    return simulate(f"events:{world}", federation=federation, out=out, baselines="none", rounds=2, **options)


def test_a_run_on_ray_equals_one_without_to_the_last_bit(
    world: Path, federation: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    alone = run(world, federation, tmp_path / "local")
    request.getfixturevalue("only_helpers_work")
    spread = run(world, federation, tmp_path / "ray", engine="ray")
    assert alone.release is not None
    assert spread.release is not None
    assert Release.load(spread.release).digest() == Release.load(alone.release).digest()
    assert spread.metrics == alone.metrics
    assert spread.privacy == alone.privacy
    assert spread.masked_rounds == alone.masked_rounds
    timeless = [[row | {"seconds": 0} for row in result.rounds_table] for result in (alone, spread)]
    assert timeless[0] == timeless[1]
    assert not ray.is_initialized()
    assert (os.environ["FLWR_TELEMETRY_ENABLED"], os.environ["RAY_USAGE_STATS_ENABLED"]) == ("0", "0")


class Losing(RayActors):
    """Actors of which one is lost with its node, while the fifth part of a sum is about to be done."""

    def __init__(self, lose: Callable[[list[Any]], None]) -> None:
        super().__init__()
        self._lose, self._lost, self._actors = lose, threading.Event(), list[Any]()
        self._calls = itertools.count(1 - self.count)  # as many are asked whether they are ready

    def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Helper:
        helper = super().start(number, home, seed, accelerator)
        call = helper.call
        self._actors.append(helper._actor)  # type: ignore[attr-defined]

        def counted(*given: Any) -> Any:
            number = next(self._calls)
            if number == 5:
                self._lose(self._actors)
                self._lost.set()
            assert number < 5 or self._lost.wait(60)
            return call(*given)

        helper.call = counted  # type: ignore[method-assign]
        return helper


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each, to which RAY_ADDRESS leads."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")  # other tests run on the same processors
    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **small})
    cluster.add_node(**small)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster
    if ray.is_initialized():
        ray.shutdown()
    cluster.shutdown()


def test_a_node_that_is_lost_in_the_midst_of_a_sum_changes_no_bit_of_it(
    tiny: Tiny, tmp_path: Path, cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world = CohortWorld(tiny, tmp_path, "privacy.level=both", "sum.mode=secure", devices=40)
    request = world.request("evaluation", 1)
    alone = summed(world, CohortSum(world.file, DeviceStates(), world.pool()), DeviceStates(), request)

    def lose_a_node(actors: list[Any]) -> None:
        (node,) = cluster.worker_nodes
        where = [
            actor.__ray_call__.remote(lambda _: (ray.get_runtime_context().get_node_id(), os.getpid()))
            for actor in actors
        ]
        process = Path("/proc") / str(dict(ray.get(where))[node.node_id])
        cluster.remove_node(node, allow_graceful=False)
        until = time.monotonic() + 60
        with contextlib.suppress(FileNotFoundError):
            while " Z " not in (process / "stat").read_text():  # ended, and nobody has asked how
                assert time.monotonic() < until
                time.sleep(0.02)

    with ShardPool(world.home, SEED, Losing(lose_a_node)) as pool:
        assert pool.size == 2
        pool.wait()
        with pytest.raises(RuntimeError, match=r"answers failed \(TypeError\)"):  # what fails is an error, no loss
            pool._workers.spread(ShardWorker.answers, [(None, False, {})])
        spread = summed(world, CohortSum(world.file, DeviceStates(), pool), DeviceStates(), request)
    assert alone.total is not None
    assert spread.total is not None
    assert spread.total.tobytes() == alone.total.tobytes()
    assert any(line.startswith("helper-lost") for line in caplog.messages)
    assert not ray.is_initialized()


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with pytest.raises(Misconfigured, match="RAY_ADDRESS: expected the address of a running Ray cluster, got 'nowhere"):
        RayActors()

"""The same federation with actors of a Ray cluster for helpers: the same figures to the last bit, whatever is lost."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server import SumResult
from shared.errors import Misconfigured
from shared.release.release import Release
from simulations import simulate
from simulations.cohort import CohortSum, RayActors, ShardPool, ShardWorker
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
    return simulate(f"events:{world}", federation=federation, out=out, baselines="none", rounds=3, **options)


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


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each beside a head of none, to which RAY_ADDRESS leads."""
    from ray.cluster_utils import Cluster

    quiet = {"include_dashboard": False, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **quiet})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(2)]
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster, nodes
    if ray.is_initialized():
        ray.shutdown()
    cluster.shutdown()


def summed_alone(world: CohortWorld, task: str) -> SumResult:
    return summed(world, CohortSum(world.file, DeviceStates(), world.pool()), DeviceStates(), world.request(task, 1))


def test_a_node_that_is_lost_in_the_midst_of_a_sum_changes_no_bit_of_it(
    tiny: Tiny, tmp_path: Path, cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world = CohortWorld(tiny, tmp_path, "privacy.level=both", "sum.mode=secure", devices=150)
    alone = {task: summed_alone(world, task) for task in ("evaluation", "update")}
    ray_cluster, nodes = cluster
    with ShardPool(world.home, SEED, RayActors()) as pool:
        assert pool.size == 2
        pool.wait()
        results = {}
        for task in alone:  # a node is lost in each, and with the second the last
            ray_cluster.remove_node(nodes.pop(), allow_graceful=False)
            results[task] = summed(
                world, CohortSum(world.file, DeviceStates(), pool), DeviceStates(), world.request(task, 1)
            )
    for task, result in results.items():
        expected = alone[task]
        assert expected.total is not None
        assert result.total is not None
        assert result.total.tobytes() == expected.total.tobytes()
    assert sum(line.startswith("helper-lost") for line in caplog.messages) >= 2


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(Misconfigured, match=r"RAY_ADDRESS: expected the address of a running Ray cluster, got '127"):
        RayActors()

"""Runs the same federation on Flower's Ray engine, devices in worker processes. It must send no telemetry.

Flower's own `run_simulation` is deprecated, reports home and cannot resume devices; this starts the engine beneath it.
"""

import os
import tempfile
import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from flwr.app import Context, Message, RecordDict
from flwr.app.user_config import UserConfigValue
from flwr.clientapp import ClientApp
from flwr.common.constant import HEARTBEAT_INTERVAL_INF, NOOP_ACCOUNT_NAME, NOOP_FLWR_AID, SUPERLINK_NODE_ID
from flwr.proto.task_pb2 import Task
from flwr.server.superlink.fleet.vce.metrics import VceMetrics
from flwr.server.superlink.fleet.vce.vce_api import run_api
from flwr.server.superlink.linkstate import InMemoryLinkState, LinkStateFactory
from flwr.server.superlink.linkstate.in_memory_linkstate import RunRecord
from flwr.serverapp import ServerApp
from flwr.supercore.constant import FLWR_IN_MEMORY_DB_NAME, NOOP_FEDERATION_ID
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.grid import InMemoryGrid

from shared.errors import Misconfigured
from simulations.devices import DeviceStates

_RUN_ID = 1 << 62
_OBJECT_STORE_BYTES = 256 * 2**20


def run_ray(
    server_app: ServerApp,
    client_app: ClientApp,
    devices: int,
    *,
    workers: int = 2,
    states: DeviceStates | None = None,
    run_config: Mapping[str, UserConfigValue] | None = None,
) -> None:
    """Run `server_app` to its end against `devices` nodes with `client_app`, on `workers` processes of one CPU each.

    Every worker loads the ClientApp once, whatever it holds. The server's clock must be the real one.

    Raises:
        Misconfigured: Ray is not installed.
    """
    try:
        import ray
        from flwr.server.superlink.fleet.vce.backend.raybackend import RayBackend
    except ImportError:
        raise Misconfigured("engine: expected Ray for --engine ray, found none; pip install 'hushrec[ray]'") from None
    os.environ.update(FLWR_TELEMETRY_ENABLED="0", RAY_USAGE_STATS_ENABLED="0")
    factory = LinkStateFactory(FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), ObjectStoreFactory())
    stop, failures = threading.Event(), SimpleQueue[BaseException]()
    grid = _open_grid(factory, stop)
    nodes = _register(factory, devices)
    kept = states if states is not None else DeviceStates()
    contexts = {
        node: _NodeContexts(node, device, devices, kept, dict(run_config or {})) for node, device in nodes.items()
    }
    backend = {
        "init_args": {
            "num_cpus": workers,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
            "log_to_driver": False,
            "logging_level": "error",
        },
        "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
        "actor": {"tensorflow": 0},
    }
    context = Context(_RUN_ID, 0, {}, RecordDict(), dict(run_config or {}))
    server = threading.Thread(target=_serve, args=(server_app, grid, context, stop, failures), name="server-app")
    with tempfile.TemporaryDirectory(prefix="hushrec-ray-") as folder:
        stored = Path(folder) / "client-app.pickle"
        stored.write_bytes(ray.cloudpickle.dumps(client_app))
        app = _StoredApp(str(stored))
        server.start()
        try:
            run_api(
                lambda: app,
                lambda: RayBackend(backend),  # type: ignore[arg-type]
                nodes,
                factory,
                contexts,  # type: ignore[arg-type]
                stop,
                VceMetrics(),
            )
        finally:
            stop.set()
            server.join()
            if ray.is_initialized():
                ray.shutdown()
    if not failures.empty():
        raise failures.get()


def _serve(
    server_app: ServerApp,
    grid: InMemoryGrid,
    context: Context,
    stop: threading.Event,
    failures: "SimpleQueue[BaseException]",
) -> None:
    try:
        server_app(grid, context)
    except BaseException as error:
        failures.put(error)
    finally:
        stop.set()


def _open_grid(factory: LinkStateFactory, stop: threading.Event) -> "_EngineGrid":
    """A grid over Flower's in-memory server state, with one run in it."""
    run = Run.create_empty(run_id=_RUN_ID)
    run.primary_task_id, run.federation_id = 1, NOOP_FEDERATION_ID
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = _RUN_ID, 1, SUPERLINK_NODE_ID
    state = factory.state()
    if not isinstance(state, InMemoryLinkState):
        raise RuntimeError(f"ray engine: expected Flower's state in memory, got {type(state).__name__}")
    state.run_ids[_RUN_ID] = RunRecord(run=run)
    state.task_store[1] = Task(task_id=1, run_id=_RUN_ID)
    grid = _EngineGrid(factory, stop)
    grid.set_run(run)
    return grid


class _EngineGrid(InMemoryGrid):
    """Flower's grid over its in-memory state, which fails when the engine behind it has stopped, instead of waiting."""

    def __init__(self, factory: LinkStateFactory, stop: threading.Event) -> None:
        super().__init__(factory)
        self._stop = stop

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        if self._stop.is_set():
            raise RuntimeError("the Ray engine stopped before the federation was done; its own log says why")
        return super().pull_messages(message_ids)


def _register(factory: LinkStateFactory, devices: int) -> dict[int, int]:
    """Nodes that are always online, each with the index of its device."""
    state, nodes = factory.state(), {}
    for device in range(devices):
        node = state.create_node(
            NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, device.to_bytes(32), heartbeat_interval=HEARTBEAT_INTERVAL_INF
        )
        state.acknowledge_node_heartbeat(node_id=node, heartbeat_interval=HEARTBEAT_INTERVAL_INF)
        nodes[node] = device
    return nodes


class _NodeContexts:
    """What the engine asks for the context of one node, kept among the device states instead of its own store."""

    def __init__(
        self, node: int, device: int, devices: int, states: DeviceStates, run_config: dict[str, UserConfigValue]
    ) -> None:
        self._node = node
        self._device = device
        self._devices = devices
        self._states = states
        self._run_config = run_config

    def retrieve_context(self, run_id: int) -> Context:
        node_config: dict[str, UserConfigValue] = {"partition-id": self._device, "num-partitions": self._devices}
        return Context(run_id, self._node, node_config, self._states.take(self._device), dict(self._run_config))

    def update_context(self, run_id: int, context: Context) -> None:
        self._states.put(self._device, context.state)


class _StoredApp(ClientApp):
    """Stands for a ClientApp in a file: the engine pickles its app anew for every message, and this one is small."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def __call__(self, message: Message, context: Context) -> Message:
        return _load_app(self._path)(message, context)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_StoredApp, (self._path,))


@lru_cache(maxsize=1)
def _load_app(path: str) -> ClientApp:
    """The app in this worker process; the file was written by the run that started it."""
    from ray import cloudpickle

    app = cloudpickle.loads(Path(path).read_bytes())
    if not isinstance(app, ClientApp):
        raise RuntimeError(f"ray engine: expected a ClientApp, got {type(app).__name__}")
    return app

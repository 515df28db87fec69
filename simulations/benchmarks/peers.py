"""Other simulators at the same work: Flower's Ray engine and pfl-research, each with this project's own model."""

import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from torch import Tensor, nn

from client import make_client_app
from server import Clock, IdealSum
from server.aggregation import NodeDirectory
from shared.model import Windows
from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.cohort import COLUMNS, WindowColumns, draw_windows, indexed, read_own_words
from simulations.devices import DeviceStates, SeededRandomness

HOW_PFL = "pip install --no-deps pfl==0.6.0 multiprocess dill prv-accountant"
_RAY_WORKERS = 2


def flower_ray_seconds(world: BenchmarkWorld, rounds: int) -> list[float] | None:
    """Wall seconds of each round of the same federation and ClientApp on Flower's Ray engine; None without Ray.

    Two workers share the devices, so that a round takes two processors' time.
    """
    if importlib.util.find_spec("ray") is None:
        return None
    from flwr.simulation import run_simulation
    from flwr.supercore import telemetry

    telemetry.FLWR_TELEMETRY_ENABLED = "0"  # read from the environment when it was imported
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    taken: list[float] = []
    federation, _ = world.federation("ray", DeviceStates(), IdealSum(), Clock(), NodeDirectory())
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        for _ in range(rounds):
            started = time.perf_counter()
            next(iter(federation.run(grid, until=federation.round_number + 1)))
            taken.append(time.perf_counter() - started)

    initialised: dict[str, Any] = {
        "num_cpus": _RAY_WORKERS,
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": "error",
    }
    run_simulation(
        app,
        make_client_app(world.opener()),
        world.devices,
        backend_config={"init_args": initialised, "client_resources": {"num_cpus": 1}},
    )
    return taken


class _Heads(nn.Module):
    """The heads as pfl-research wants a model: a loss of one user's batch."""

    def __init__(self, world: BenchmarkWorld) -> None:
        super().__init__()
        world.model.train_only(world.settings.trained_groups)
        self.heads = world.model.heads
        settings = world.settings.windows
        self._expected = settings.per_device * settings.sampling_probability

    def loss(self, *windows: Tensor) -> Tensor:
        losses: Tensor = self.heads.losses(Windows(*windows))
        return losses.sum() / self._expected

    def metrics(self, *windows: Tensor) -> dict[str, float]:
        return {}


def pfl_round(world: BenchmarkWorld) -> Callable[[], object] | None:
    """One round of pfl-research's simulated backend over the same windows; None where it is not installed.

    The windows are drawn and looked up beforehand, and kept as tensors in memory: it is timed on local training,
    clipping, adding up and central Gaussian noise alone.
    """
    try:
        from pfl.aggregate.simulate import SimulatedBackend
        from pfl.algorithm.base import NNAlgorithmParams
        from pfl.algorithm.federated_averaging import FederatedAveraging
        from pfl.common_types import Population
        from pfl.context import CentralContext
        from pfl.data.dataset import Dataset
        from pfl.data.federated_dataset import FederatedDataset
        from pfl.hyperparam import NNTrainHyperParams
        from pfl.model.pytorch import PyTorchModel
        from pfl.privacy.gaussian_mechanism import GaussianMechanism
        from pfl.privacy.privacy_mechanism import CentrallyAppliedPrivacyMechanism
    except ImportError:
        return None
    datasets = {device: Dataset(tuple(windows)) for device, windows in _batches(world).items()}
    order = iter(list(datasets) * 10_000)
    data = FederatedDataset(datasets.__getitem__, lambda: next(order))
    mechanism = CentrallyAppliedPrivacyMechanism(GaussianMechanism(world.settings.clipping.update_norm, 1.0))
    backend = SimulatedBackend(data, data, postprocessors=[mechanism])
    module = _Heads(world)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    model = PyTorchModel(
        module, lambda parameters, lr: torch.optim.SGD(trained, lr=lr), torch.optim.SGD(trained, lr=1.0)
    )
    algorithm = FederatedAveraging()
    params = NNAlgorithmParams(1, 0, len(datasets), None)
    training = NNTrainHyperParams(local_num_epochs=1, local_learning_rate=1.0, local_batch_size=None)
    context = CentralContext(0, False, len(datasets), Population.TRAIN, params, training)
    return lambda: backend.gather_results(model, algorithm, central_context=context)


def _batches(world: BenchmarkWorld) -> dict[int, Windows]:
    """The windows of each device that has enough events, looked up."""
    columns = WindowColumns(world.home / COLUMNS)
    index, popularity = world.release.index, world.release.log_popularity
    _, embeddings = read_own_words(world.home / COLUMNS)
    words = world.release.whitening.apply(embeddings)
    texts = torch.from_numpy(np.concatenate([index, words, np.zeros((1, index.shape[1]), np.float32)]))
    popular = torch.from_numpy(np.concatenate([popularity, np.zeros(len(words) + 1, np.float32)]))
    own = len(index) + np.arange(len(words))
    found = {}
    for device in range(world.devices):
        drawn = draw_windows(columns, world.settings, len(index), None, device, SeededRandomness(SEED, device, 1))
        if len(drawn.windows) and columns.events[device] >= world.settings.windows.minimum_events:
            rows = indexed(columns, [drawn], own, len(texts) - 1)
            found[device] = Windows(
                texts[rows.events], texts[rows.targets], rows.predicted, texts[rows.others], rows.allowed,
                popular[rows.targets], popular[rows.others], rows.importance, rows.context,
            )  # fmt: skip
    return found

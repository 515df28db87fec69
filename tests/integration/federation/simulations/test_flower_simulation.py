"""Flower's own simulation runs our ServerApp against anybody's ClientApp, to the same numbers."""

import pytest
from flwr.supercore import telemetry

from server import make_server_app
from simulations.engine import run_local, simulated_clock

pytest.importorskip("ray")
pytestmark = pytest.mark.ray


def test_flowers_simulation_and_the_in_process_grid_give_the_same_numbers(toy, monkeypatch):
    from flwr.simulation import run_simulation

    monkeypatch.setattr(telemetry, "FLWR_TELEMETRY_ENABLED", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # other tests run on the same processors
    settings = ("training.rounds=2", "model.popularity=true")

    def behave(device, kind):
        return {3: "not-yet", 4: "refused"}.get(device, "answer")

    local = toy.federation(*settings, folder=toy.folder / "local", clock=simulated_clock())
    run_local(make_server_app(lambda context: local), toy.client_app(behave), 8)
    flowers = toy.federation(*settings, folder=toy.folder / "flower")
    run_simulation(
        make_server_app(lambda context: flowers),
        toy.client_app(behave),
        8,
        backend_config={
            "init_args": {"num_cpus": 1, "include_dashboard": False, "log_to_driver": False},
            "client_resources": {"num_cpus": 1},
        },
    )
    assert flowers.vector.tobytes() == local.vector.tobytes()
    timeless = [[report.to_json() | {"seconds": 0} for report in run.reports] for run in (local, flowers)]
    assert timeless[0] == timeless[1]

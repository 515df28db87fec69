"""The same federation on Flower's Ray engine: the same numbers, and nothing left behind."""

import os

import pytest
from flwr.supercore import telemetry

from server import make_server_app
from simulations.devices import DeviceStates
from simulations.engine import run_local, run_ray, simulated_clock

pytest.importorskip("ray")
pytestmark = pytest.mark.ray


def test_ray_and_the_in_process_grid_give_the_same_numbers_and_device_states(toy):
    import ray

    settings = ("training.rounds=3", "training.adapter_rounds=1", "model.popularity=true")

    def behave(device, kind):
        return {3: "not-yet", 4: "refused"}.get(device, "answer")

    local_states, ray_states = DeviceStates(), DeviceStates()
    local = toy.federation(*settings, folder=toy.folder / "local", clock=simulated_clock())
    run_local(make_server_app(lambda context: local), toy.client_app(behave), 8, states=local_states)
    distributed = toy.federation(*settings, folder=toy.folder / "ray")
    run_ray(make_server_app(lambda context: distributed), toy.client_app(behave), 8, workers=2, states=ray_states)

    assert distributed.vector.tobytes() == local.vector.tobytes()
    timeless = [[report.to_json() | {"seconds": 0} for report in run.reports] for run in (local, distributed)]
    assert timeless[0] == timeless[1]
    assert ray_states.export_changes() == local_states.export_changes()
    assert not ray.is_initialized()
    assert os.environ["FLWR_TELEMETRY_ENABLED"] == "0"
    assert telemetry.state["source"] is None  # set by the first event that is built


def test_a_server_app_that_fails_on_ray_raises_its_own_error(toy):
    def open_federation(context):
        raise ArithmeticError("of the server")

    with pytest.raises(ArithmeticError, match="of the server"):
        run_ray(make_server_app(open_federation), toy.client_app(), 2, workers=1)

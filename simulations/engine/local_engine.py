"""Runs a federation in this process, in simulated time: deadlines pass only while nobody has anything to do."""

from collections.abc import Mapping

from flwr.app import Context, RecordDict
from flwr.app.user_config import UserConfigValue
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

from server import Clock
from simulations.devices import AnswerTogether, DeviceStates, Dropouts, Fidelity, InProcessGrid


def simulated_clock() -> Clock:
    """A clock that moves only when someone sleeps, and then at once."""
    elapsed = [0.0]

    def sleep(seconds: float) -> None:
        elapsed[0] += seconds

    return Clock(now=lambda: elapsed[0], sleep=sleep, wall=lambda: elapsed[0])


def run_local(
    server_app: ServerApp,
    client_app: ClientApp,
    devices: int,
    *,
    seed: int = 0,
    fidelity: Fidelity = "copy",
    dropouts: Dropouts | None = None,
    states: DeviceStates | None = None,
    run_config: Mapping[str, UserConfigValue] | None = None,
    answer_together: AnswerTogether | None = None,
) -> None:
    """Run `server_app` to its end against `devices` nodes with `client_app`; see `InProcessGrid` for the arguments."""
    grid = InProcessGrid(
        client_app,
        devices,
        seed=seed,
        fidelity=fidelity,
        dropouts=dropouts,
        states=states,
        run_config=run_config,
        answer_together=answer_together,
    )
    context = Context(
        run_id=grid.run.run_id, node_id=0, node_config={}, state=RecordDict(), run_config=dict(run_config or {})
    )
    server_app(grid, context)
    grid.settle()

"""Where simulated devices live: in this process, or on Flower's Ray engine. The apps are those of production."""

from simulations.grid.device_states import DeviceStates, StateJournal
from simulations.grid.dropouts import Dropouts
from simulations.grid.in_process import Fidelity, InProcessGrid
from simulations.grid.local_engine import run_local, simulated_clock
from simulations.grid.ray_engine import run_ray

__all__ = [
    "DeviceStates",
    "Dropouts",
    "Fidelity",
    "InProcessGrid",
    "StateJournal",
    "run_local",
    "run_ray",
    "simulated_clock",
]

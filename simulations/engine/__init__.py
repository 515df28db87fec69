"""Runs a whole federation on one machine: devices, messages, training, resuming, and what it spends."""

from simulations.engine.device_states import DeviceStates, StateJournal
from simulations.engine.dropouts import Dropouts
from simulations.engine.embedding_cache import embed_catalogue
from simulations.engine.in_process import Fidelity, InProcessGrid
from simulations.engine.local_engine import run_local, simulated_clock
from simulations.engine.population import (
    HELD_OUT,
    POPULATION,
    OpenSimulatedDevice,
    SeededRandomness,
    registry_key,
    write_logs,
)
from simulations.engine.prior_knowledge import Prior
from simulations.engine.ray_engine import run_ray
from simulations.engine.run_folder import RunFolder
from simulations.engine.training import Trained, one_thread, train_federation

__all__ = [
    "HELD_OUT", "POPULATION", "DeviceStates", "Dropouts", "Fidelity", "InProcessGrid", "OpenSimulatedDevice",
    "Prior", "RunFolder", "SeededRandomness", "StateJournal", "Trained", "embed_catalogue",
    "one_thread", "registry_key", "run_local", "run_ray", "simulated_clock", "train_federation", "write_logs",
]  # fmt: skip

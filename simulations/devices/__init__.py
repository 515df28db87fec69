"""Simulated devices: their logs, their chance, what they keep, and a Flower grid that runs them one by one."""

from simulations.devices.computations import Computations, check_computations, computations, note, told
from simulations.devices.device_states import DeviceStates, StateJournal, decode_state, encode_state
from simulations.devices.dropouts import Dropouts
from simulations.devices.in_process import Fidelity, InProcessGrid
from simulations.devices.population import (
    HELD_OUT,
    POPULATION,
    OpenSimulatedDevice,
    PreparedContribution,
    SimulatedLog,
    always,
    membership,
    registry_key,
    write_logs,
)
from simulations.devices.randomness import SeededRandomness

__all__ = [
    "HELD_OUT", "POPULATION", "Computations", "DeviceStates", "Dropouts", "Fidelity", "InProcessGrid",
    "OpenSimulatedDevice", "PreparedContribution", "SeededRandomness", "SimulatedLog", "StateJournal", "always",
    "check_computations", "computations", "decode_state", "encode_state", "membership", "note", "registry_key", "told",
    "write_logs",
]  # fmt: skip

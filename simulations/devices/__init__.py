"""Simulated devices: their logs, their chance, what they keep, and a Flower grid that runs them one by one."""

from simulations.devices.computations import Computations, check_computations, computations, note, told
from simulations.devices.device_states import DeviceStates, StateJournal, decode_state, encode_state
from simulations.devices.directory import SimulatedDirectory
from simulations.devices.dropouts import Dropouts
from simulations.devices.in_process import Fidelity, InProcessGrid
from simulations.devices.population import (
    POPULATION,
    OpenSimulatedDevice,
    Population,
    PreparedContribution,
    SimulatedLog,
    always,
    membership,
    registry_key,
    write_logs,
    write_population,
)
from simulations.devices.randomness import SeededRandomness
from simulations.devices.running import AnswerTogether, DeviceAnswer, DeviceQuestion, answer_question

__all__ = [
    "POPULATION", "AnswerTogether", "Computations", "DeviceAnswer", "DeviceQuestion", "DeviceStates", "Dropouts",
    "Fidelity", "InProcessGrid", "OpenSimulatedDevice", "Population", "PreparedContribution", "SeededRandomness",
    "SimulatedDirectory", "SimulatedLog", "StateJournal", "always", "answer_question", "check_computations",
    "computations", "decode_state", "encode_state", "membership", "note", "registry_key", "told", "write_logs",
    "write_population",
]  # fmt: skip

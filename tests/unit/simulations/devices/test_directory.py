"""Devices that are always there take turns like others, and none is asked who it is."""

from collections import Counter

import pytest

from client import make_client_app
from server import Clock
from server.aggregation import NodeDirectory
from simulations.devices import InProcessGrid, OpenSimulatedDevice, SimulatedDirectory, membership, write_logs
from simulations.engine import simulated_clock

DEVICES, SEED = 10, 3


@pytest.fixture
def grid(tmp_path) -> InProcessGrid:
    write_logs(tmp_path, [[]] * DEVICES)
    return InProcessGrid(make_client_app(OpenSimulatedDevice(tmp_path, SEED)), DEVICES)


def test_members_are_those_that_devices_say_they_are(grid: InProcessGrid) -> None:
    known = SimulatedDirectory(SEED, DEVICES).wait_for(grid, 1, 0.0, Clock())
    asked = NodeDirectory().wait_for(grid, 1, 60.0, simulated_clock())
    assert {(one.device, one.node) for one in known} == {(one.device, one.node) for one in asked}
    assert [one.device for one in known[2:9:3]] == [membership(SEED, n).identity.device.hex() for n in (2, 5, 8)]


def test_all_take_turns_before_any_comes_again(grid: InProcessGrid) -> None:
    directory = SimulatedDirectory(SEED, DEVICES)
    members = directory.wait_for(grid, 1, 0.0, Clock())
    asked = [one.node for round_ in range(5) for one in directory.cohort(members, 3, 4 / 3, "update", 4 * round_)]
    assert set(Counter(asked).values()) == {2}
    assert len(set(asked[:DEVICES])) == DEVICES
    again = SimulatedDirectory(SEED, DEVICES).cohort(members, 3, 4 / 3, "update", 0)
    assert [one.node for one in again] == asked[:4]
    others = directory.cohort(members, DEVICES, 1.0, "evaluation", 0)
    assert [one.node for one in others] != asked[:DEVICES]


def test_nobody_is_revoked_in_a_simulation(grid: InProcessGrid) -> None:
    with pytest.raises(RuntimeError, match="none revoked"):
        SimulatedDirectory(SEED, DEVICES).wait_for(grid, 1, 0.0, Clock(), frozenset({"00" * 16}))

"""A thousand devices a round: what was of one round is gone in the next."""

import gc
import sys

from simulations.devices import DeviceStates, InProcessGrid, StateJournal
from simulations.engine import simulated_clock


def test_a_thousand_devices_a_round_leave_no_memory_behind(toy):
    federation = toy.federation("training.rounds=8", "training.clients_per_round=1000", clock=simulated_clock())
    states = DeviceStates()
    grid = InProcessGrid(toy.client_app(), 1000, states=states)
    journal = StateJournal(toy.folder / "devices", states)
    objects, blocks = [], []
    for _ in federation.run(grid, [journal]):
        gc.collect()
        objects.append(len(gc.get_objects()))
        blocks.append(sys.getallocatedblocks())
    # from the second round on: one report a round may stay, and nothing for each device
    assert objects[-1] - objects[1] < 300
    assert blocks[-1] - blocks[1] < 900

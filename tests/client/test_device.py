"""One device: what it checks, what it charges, what it refuses."""

import hashlib

import numpy as np
import pytest

from client import LEDGER, Device, Installed, RoundRequest
from client.training import LocalTraining
from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured, NotYet, Refused
from shared.privacy import Ledger, SampledGaussian, spent_epsilon
from tests.tiny import Log, Seeded, events, person

IDENTITY = hashlib.sha256(b"one").hexdigest()
GROUPS = ("dense", "bias")


class Home:
    """A device with its release, its log and what it keeps."""

    def __init__(self, tiny, *settings, log=None, seeded=True):
        self.release, self.model = tiny.release(*settings)
        self.digest = self.release.digest()
        self.installed = Installed(self.release, self.digest, self.model, LocalTraining(self.model))
        self.state = {}
        self.log = Log(person(0, 9) if log is None else log)
        chance = {"randomness": Seeded} if seeded else {}
        self.device = Device(IDENTITY, self.log, self.find, self.state, **chance)

    def find(self, digest):
        if digest != self.digest:
            raise Misconfigured(f"release {digest[:12]}: not installed")
        return self.installed

    def ask(self, number=1, groups=GROUPS, **changed):
        asked = {"federation": self.release.federation.digest(), "release": self.digest} | changed
        return RoundRequest(asked["federation"], asked["release"], number, groups)

    def update(self, number=1, **changed):
        return self.device.update(self.ask(number, **changed), self.release.vector)


def test_a_summand_is_the_signal_and_the_noise_of_the_groups_asked(tiny):
    home = Home(tiny)
    summand = home.update(3)
    update = home.installed.training.update(home.release, home.release.vector, GROUPS, home.log.events(), Seeded(3))
    assert summand.shape == (home.model.layout.select(GROUPS).size,)
    assert summand.dtype == np.float32
    assert np.allclose(summand, update.signal + update.noise, atol=1e-6)
    assert update.noise.any()


def test_another_federation_or_an_unknown_release_is_not_answered_nor_charged(tiny):
    home = Home(tiny)
    for changed in ({"federation": "0" * 64}, {"release": "0" * 64}):
        with pytest.raises(Misconfigured):
            home.update(**changed)
        with pytest.raises(Misconfigured):
            home.device.statistics(home.ask(**changed))
    assert home.state == {}


def test_every_answer_is_charged_and_the_ledger_lives_in_the_state(tiny):
    home = Home(tiny, "windows.sampling_probability=0.25")
    for number in range(1, 4):
        home.device = Device(IDENTITY, home.log, home.find, home.state, Seeded)  # a restart between messages
        home.update(number)
        held = Ledger.from_json(8.0, 1e-6, home.state[LEDGER])
        assert dict(held.charged) == {SampledGaussian(0.25, 1.5): number}


def test_at_its_budget_a_device_refuses_and_goes_on_refusing(tiny):
    budget = spent_epsilon({SampledGaussian(0.5, 1.5): 2}, 1e-6)
    home = Home(tiny, f"privacy.event_epsilon={budget!r}")
    home.update(1)
    home.update(2)
    ledger = home.state[LEDGER]
    for number in (3, 4, 5):
        home.device = Device(IDENTITY, home.log, home.find, home.state, Seeded)
        with pytest.raises(Refused, match="would exceed"):
            home.update(number)
    assert home.state == {LEDGER: ledger}


def test_the_charge_is_kept_before_the_summand_leaves(tiny):
    class Full(dict):
        def __setitem__(self, key, value):
            raise OSError("the disk is full")

    home = Home(tiny)
    home.device = Device(IDENTITY, home.log, home.find, Full(), Seeded)
    with pytest.raises(OSError, match="full"):
        home.update()


def test_an_empty_draw_is_charged_like_any_other(tiny):
    home = Home(tiny, "windows.sampling_probability=1e-6")
    assert home.update().all()
    assert dict(Ledger.from_json(8.0, 1e-6, home.state[LEDGER]).charged) == {SampledGaussian(1e-6, 1.5): 1}


def test_with_too_few_events_nothing_is_charged(tiny):
    dismissed = [Event(float(n), EventKind.DISMISSAL, "garden-0") for n in range(5)]
    for log in ([], person(0, 1), [*person(0, 1), *dismissed]):
        home = Home(tiny, log=log)
        with pytest.raises(NotYet):
            home.update()
        assert home.state == {}


def test_without_event_privacy_nothing_is_charged(tiny):
    home = Home(tiny, "privacy.level=none")
    home.update()
    assert home.state == {}


def test_counts_are_of_the_newest_distinct_items_one_each(tiny):
    log = [
        *events(["garden-0", "garden-1", "garden-0", "withdrawn", "music-2", "music-3", "music-2"]),
        Event(9.0, EventKind.SKIP, "kitchen-5"),
        Event(10.0, EventKind.SEARCH, text="knee pain"),
    ]
    for capacity, expected in (
        (64, {"garden-0", "garden-1", "music-2", "music-3"}),
        (3, {"garden-0", "music-2", "music-3"}),
    ):
        home = Home(tiny, "privacy.level=none", f"statistics.items_per_device={capacity}", log=log)
        counts = home.device.statistics(home.ask(groups=()))
        assert counts.dtype == np.float32
        assert counts.shape == (24,)
        assert {home.release.catalogue[row].id for row in np.flatnonzero(counts)} == expected
        assert counts.sum() == len(expected)


def test_counts_of_an_empty_log_are_zeros(tiny):
    home = Home(tiny, "privacy.level=none", log=[])
    assert home.device.statistics(home.ask()).tolist() == [0.0] * 24


def test_counts_are_refused_where_event_privacy_is_promised(tiny):
    home = Home(tiny)
    with pytest.raises(Refused, match="private sum"):
        home.device.statistics(home.ask())


def test_left_to_itself_a_device_takes_chance_nobody_can_repeat(tiny):
    home = Home(tiny, seeded=False)
    assert not np.allclose(home.update(1), home.update(1), atol=1e-3)


def test_a_device_prints_its_public_id_and_no_more(tiny):
    home = Home(tiny, log=events(["secret-item", "garden-0"], words={0: "knee pain"}))
    home.device._state["note"] = "private"
    assert repr(home.device) == f"Device({IDENTITY[:8]})"

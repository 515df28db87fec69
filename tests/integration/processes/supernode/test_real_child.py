"""A round in a real child process, on a real release: what it answers, what it leaves, and that it ends."""

import json
import logging
import os
import re
import signal
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.home import create_home
from client.membership import Membership
from client.participation import pause_answers
from client.releases.trial import try_loading
from client.secagg.round_state import RoundRequest
from client.store import Store
from client.supernode.round_proxy import RoundProxy, start_child
from shared.errors import Corrupt, Refused
from shared.federation import write_toml
from shared.privacy import read_charges
from shared.round_parameters import derive_round_parameters, round_binding
from shared.secure_sum import Advert, issue_certificate
from tests.support.tiny import person

FAR_SECONDS = 4_000_000_000
SETTINGS = (
    "privacy.level=user",
    "sum.mode=secure",
    "round.minimum_answers=3",
    "round.deadline_seconds=90",
    "round.answer_seconds.update=1.0",
    "training.rounds=8",
    "sum.phase_seconds=20",
)


class Setting:
    """A device that has joined, with a person's events and a release."""

    def __init__(self, folder: Path, released):
        (self.release, self.model), self.digest = released, released[0].digest()
        release = self.release
        policy = {"smallest_cohort": 3, "largest_epsilon_per_round": 8.0}
        self.home = create_home(folder / "device", policy=policy, keyring=False)
        release.save(self.home.releases / self.digest)
        with Store.open(self.home.store, self.home.keys.data_key()) as store:
            store.append(list(person(1, 14)))
        registry, self.identity = Ed25519PrivateKey.generate(), self.home.keys.identity()
        self.registry = registry.public_key().public_bytes_raw()
        Membership(
            url="https://127.0.0.1:1",
            server="none",
            authority="none",
            operator="ab" * 32,
            registry=self.registry.hex(),
            device=self.identity.device.hex(),
            certificate=issue_certificate(registry, self.identity.public_key, FAR_SECONDS).encode().hex(),
            certificate_days=365,
            federation="tiny",
            terms=write_toml(release.federation),
        ).save(self.home.membership)
        self.children = []
        self.rounds = RoundProxy(self.home, self.identity.device.hex(), self.find, self.start)

    def find(self, release):
        return self.home.releases / release

    def start(self, home):
        self.children.append(start_child(home))
        return self.children[-1]

    def forks(self):
        """Processes that the one with the model has forked and that have not ended."""
        (child,) = self.children
        return [int(pid) for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()]

    def configuration(self, number):
        federation, vector = self.release.federation, self.release.vector
        groups = federation.trained_groups
        subject = round_binding("update", federation.digest(), self.digest, number, groups, vector.tobytes())
        dimension = self.model.layout.select(groups).size
        return derive_round_parameters(federation, "update", number, dimension, subject, self.registry).configuration

    def request(self, number):
        federation = self.release.federation
        return RoundRequest("update", federation.digest(), self.digest, number, federation.trained_groups)

    def advertise(self, number):
        return self.rounds.advertise(self.request(number), self.release.vector, self.configuration(number).encode())


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def release(tiny):
    return tiny.release(*SETTINGS)


def test_a_round_is_joined_in_a_child_that_ends_with_the_first_message_that_does_not_hold(tmp_path, release, caplog):
    device = Setting(tmp_path, release)
    before = {path.name for path in device.home.directory.rglob("*")}
    with caplog.at_level(logging.INFO, "client.supernode"):
        advert = Advert.decode(device.advertise(3))
    advert.verify(device.configuration(3).digest(), device.registry, 1_800_000_000)
    assert advert.device == device.identity.device
    assert json.loads(device.home.rounds.read_text()) == {"update": 3}
    assert "round 3 of update: joined after" in caplog.text
    (fork,) = device.forks()
    with pytest.raises(Refused, match="another private sum"):
        device.rounds.phase("share", bytes(32), [b"roster"])
    assert device.forks() == [fork]

    with pytest.raises(Corrupt, match="roster"):
        device.rounds.phase("share", device.configuration(3).digest(), [b"garbage"])
    assert device.forks() == []
    assert read_charges(device.home.ledger) == ()
    left = {path.name for path in device.home.directory.rglob("*")} - before
    assert left <= {"clock", "rounds.json", ".rounds.json.lock", "store.sqlite-wal", "store.sqlite-shm"}

    with pytest.raises(Refused, match="answered round 3 already"):
        device.advertise(3)
    assert device.forks() == []
    another = Advert.decode(device.advertise(4))
    assert another.encryption_key != advert.encryption_key
    (fork,) = device.forks()
    assert len(device.children) == 1
    os.kill(device.children[0].pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while not gone(fork) and time.monotonic() < end:
        time.sleep(0.1)
    assert gone(fork)


@pytest.mark.parametrize("damage", ["torn", "gone", "another's"])
def test_a_store_that_cannot_be_read_is_answered_for_like_any_other(tmp_path, release, capfd, damage):
    device = Setting(tmp_path, release)
    store = device.home.store
    for beside in store.parent.glob(f"{store.name}-*"):
        beside.unlink()
    if damage == "torn":
        store.write_bytes(b"knee pain" * 999)
    else:
        store.unlink()
    if damage == "another's":
        Store.open(store, bytes(32)).close()
    advert = Advert.decode(device.advertise(3))
    advert.verify(device.configuration(3).digest(), device.registry, 1_800_000_000)
    assert json.loads(device.home.rounds.read_text()) == {"update": 3}
    assert len(device.forks()) == 1
    device.rounds.close()
    said = capfd.readouterr().err  # of the child's own: the device's log
    assert re.search(r"round 3 of update: zeros were sent: (Corrupt|NotYet) at \w+\.py:\d+", said)
    assert "knee" not in said


def test_a_pause_ends_the_round_under_way_and_charges_nothing(tmp_path, release):
    device = Setting(tmp_path, release)
    device.advertise(3)
    assert len(device.forks()) == 1
    pause_answers(device.home)
    with pytest.raises(Refused) as refused:
        device.rounds.phase("share", device.configuration(3).digest(), [b"garbage"])
    assert refused.value.code == "paused"
    assert device.forks() == []
    assert read_charges(device.home.ledger) == ()


def test_another_configuration_than_the_one_that_follows_is_refused_and_no_round_is_used_up(tmp_path, release):
    device = Setting(tmp_path, release)
    weaker = device.configuration(1).encode()[:-10] + bytes(10)
    with pytest.raises(Exception, match=r"expected|configuration"):
        device.rounds.advertise(device.request(1), device.release.vector, weaker)
    assert not device.home.rounds.exists()
    assert device.forks() == []
    device.rounds.close()
    assert gone(device.children[0].pid)


def test_a_release_is_tried_out_in_a_process_of_its_own(tmp_path, release):
    folder = tmp_path / release[0].digest()
    release[0].save(folder)
    try_loading(folder, release[0].digest())
    with pytest.raises(Corrupt, match="expected to load what its manifest names"):
        try_loading(folder, "ab" * 32)

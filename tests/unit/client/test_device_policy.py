"""A person's device: masked sums only, and a policy read before every answer, which no message can loosen."""

import os

import numpy as np
import pytest

from client import Device
from client.secagg.round_state import RoundCheckpoint, RoundRequest, RoundState
from shared.charges import user_charge
from shared.errors import Corrupt, Misconfigured, Refused
from shared.privacy import read_charges
from tests.support.persons import persons, policy_file
from tests.support.private_round import NOW, PrivateRound, another_round, configuration, parties
from tests.support.tiny import Seeded
from tests.unit.client.test_device import GROUPS, PRIVATE, Home

SECURE = (*PRIVATE, "sum.mode=secure")
AFTER = {"share": (), "mask": ("share",), "agree": ("share", "mask"), "unmask": ("share", "mask", "agree")}


@pytest.fixture
def home(tiny, tmp_path):
    """A person's device, asked by a federation that its policy takes."""
    home = Home(tiny, *SECURE)
    home.folder = tmp_path
    home.start(**persons(tmp_path))
    return home


def test_without_a_policy_or_with_a_ledger_in_memory_there_is_no_persons_device(home):
    for missing, expected in ({"policy": None}, "policy file"), ({"state": {}}, "ledger in a file"):
        with pytest.raises(Refused, match=expected):
            home.start(**(persons(home.folder) | missing))


def test_a_persons_device_gives_nothing_in_the_open(tiny, tmp_path):
    for settings in (("privacy.level=none",), ("privacy.level=event", "privacy.local_noise=on")):
        home = Home(tiny, *settings)
        home.start(**persons(tmp_path))
        with pytest.raises(Refused, match="secure sums only"):
            home.update()
        assert read_charges(tmp_path / "ledger.jsonl") == ()
    home = Home(tiny, *PRIVATE)
    home.start(**persons(tmp_path))
    with pytest.raises(Refused, match="secure sums only"):
        home.advertise()
    assert home.session == {}


def test_a_persons_device_joins_no_sum_without_noise(tiny, tmp_path):
    home = Home(tiny, "privacy.level=none", "sum.mode=secure")
    home.start(**persons(tmp_path))
    with pytest.raises(Refused, match="no user-level privacy"):
        home.advertise()
    assert home.session == {}


def test_a_persons_device_takes_no_chance_that_somebody_could_repeat(tiny, tmp_path):
    home = Home(tiny, *PRIVATE, "sum.mode=secure")
    with pytest.raises(Refused, match="operating system"):
        home.start(simulated=False, randomness=Seeded)
    home.start(**persons(tmp_path))
    first, _ = home.advertise(1)
    second, _ = home.advertise(2)
    assert first[120:152] != second[120:152]  # the encryption key of the advert


def test_a_persons_device_does_not_answer_when_its_work_is_done(tiny, tmp_path):
    home = Home(tiny, *PRIVATE, "sum.mode=secure")
    with pytest.raises(Refused, match="at a moment that tells nothing of its work"):
        home.start(**(persons(tmp_path) | {"run": None}))


def test_the_work_of_an_answer_is_granted_the_seconds_of_its_task_and_without_an_outcome_zeros_leave(tiny, tmp_path):
    home = Home(tiny, *PRIVATE, "sum.mode=secure", "round.answer_seconds.update=7.0")
    granted = []
    home.start(**(persons(tmp_path) | {"run": lambda work, seconds: granted.append(seconds)}))
    advert, _ = home.advertise(1)
    assert len(advert) == 280
    assert granted == [7.0]
    assert not np.frombuffer(home.session["vector"], np.float32).any()


def test_what_went_wrong_is_told_within_the_seconds_of_the_round(tiny, tmp_path):
    """Telling it takes time that depends on the log, so that it must not come after the answer's moment."""
    home = Home(tiny, *PRIVATE, "sum.mode=secure")
    order = []

    def run(work, seconds):
        made = work()
        order.append("the moment")
        return made

    home.start(**(persons(tmp_path) | {"run": run, "observe": lambda request, failure: order.append("told")}))
    home.advertise(1)
    assert order == ["told", "the moment"]


def test_a_round_that_keeps_every_rule_is_answered_and_the_file_says_so(home):
    advert, _ = home.advertise(1)
    assert advert
    assert (home.folder / "rounds.json").read_text() == '{"update": 1}'


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"smallest_cohort": 3}, "smallest_cohort"),
        ({"largest_epsilon_per_round": 0.5}, "largest_epsilon_per_round"),
        ({"largest_epsilon_in_life": 7.9}, "largest_epsilon_in_life"),
        ({"largest_delta": 9e-7}, "largest_delta"),
        ({"tasks": ["statistics", "evaluation"]}, "tasks"),
        ({"smallest_dropout_share": 0.11}, "smallest_dropout_share"),
        ({"smallest_corrupt_share": 0.11}, "smallest_corrupt_share"),
        ({"pins.registry": "ab" * 32}, "pins.registry"),
        ({"pins.model_sha256": "ab" * 32}, "pins.model_sha256"),
        ({"pins.tokenizer_sha256": "ab" * 32}, "pins.tokenizer_sha256"),
    ],
)
def test_what_the_person_changes_counts_at_the_next_answer(home, changed, rule):
    home.advertise(1)
    policy_file(home.folder, changed)
    with pytest.raises(Refused, match=rf"^policy: {rule}: allows .*, got "):
        home.advertise(2)
    assert (home.folder / "rounds.json").read_text() == '{"update": 1}'
    assert read_charges(home.folder / "ledger.jsonl") == ()
    assert home.session == {}
    policy_file(home.folder)
    home.advertise(2)


@pytest.mark.parametrize("damage", [None, b"", b"smallest_cohort = ", b"\xff\xfe", b"smallest_cohort = 2\nsmalest = 1"])
def test_a_missing_or_damaged_policy_refuses_everything(home, damage):
    path = home.folder / "policy.toml"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    for task in ("update", "statistics", "evaluation"):
        with pytest.raises(Refused, match=r"^policy: file: "):
            home.advertise(task=task)
    assert not (home.folder / "rounds.json").exists()


@pytest.mark.parametrize("phase", AFTER)
@pytest.mark.parametrize("damage", ["stricter", "missing"])
def test_every_phase_asks_the_policy_again(home, phase, damage):
    """A device in the middle of a round that its policy no longer takes says nothing more of it, and forgets it."""
    one = PrivateRound(configuration(minimum_cohort=3, noise=1, rho_units=2**30), parties(5))
    for step in ("advertise", *AFTER[phase]):
        getattr(one, step)()
    request = RoundRequest("update", home.release.federation.digest(), home.digest, 42, GROUPS)

    def ask():
        RoundState(home.session).put(RoundCheckpoint(request, 0.0, NOW, one.parties[0].state))
        return home.device.phase(phase, one.configuration.digest(), [b"not what it must be"])

    with pytest.raises(Corrupt):  # the policy lets it pass, so the message is looked at
        ask()
    if damage == "stricter":
        policy_file(home.folder, {"smallest_cohort": 4})
    else:
        (home.folder / "policy.toml").unlink()
    with pytest.raises(Refused, match=r"^policy: (smallest_cohort|file): "):
        ask()
    assert home.session == {}
    assert read_charges(home.folder / "ledger.jsonl") == ()


def test_what_is_masked_is_paid_for_on_disk_before_it_leaves(home, monkeypatch):
    one = PrivateRound(configuration(minimum_cohort=3, noise=1, rho_units=2**30), parties(5))
    for step in ("advertise", "share"):
        getattr(one, step)()
    party = one.parties[0]
    device = Device(
        party.member, home.log, home.find, session=home.session, now_seconds=lambda: NOW, **persons(home.folder)
    )
    request = RoundRequest("update", home.release.federation.digest(), home.digest, 42, GROUPS)

    def mask():
        RoundState(home.session).put(RoundCheckpoint(request, 0.0, NOW, party.state))
        return device.phase("mask", one.configuration.digest(), [one.u1, one.collector.inbox(party.device)])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Misconfigured, match="nothing may leave"):
            mask()
    one.collector.vector(party.device, mask())  # the collector takes it
    (charge,) = read_charges(home.folder / "ledger.jsonl")[-1:]
    assert (charge.round_number, charge.event) == (42, user_charge(home.release.federation, "update"))


def test_no_message_can_loosen_the_policy(home):
    """A server that says weaker terms than the federation file is not believed, whichever it weakens."""
    policy_file(home.folder, {"smallest_cohort": 2, "smallest_dropout_share": 0.1, "smallest_corrupt_share": 0.1})
    request = home.ask()
    right = home.configuration(request, home.release.vector)
    for weaker in (
        {"minimum_cohort": 2, "maximum_cohort": 2},
        {"rho_units": right.rho_units * 100},
        {"noise": 0},
        {"dropout_ppm": 0},
        {"corrupt_ppm": 0},
        {"registry_hash": bytes(32)},
    ):
        with pytest.raises((Misconfigured, Refused), match=r"got another|^policy: "):
            home.device.advertise(request, home.release.vector, another_round(right, **weaker).encode())
    assert home.session == {}
    assert not (home.folder / "rounds.json").exists()

"""What a person's device writes down of its promises: on disk before anything leaves, and never less than before."""

import json
import os

import pytest

from client.budget_guard import LEDGER, BudgetGuard, budget
from client.file_record import device_record
from client.home import create_home
from client.membership import Membership
from client.privacy_report import spent_privacy
from shared.charges import epsilon_alone
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import read_federation, write_toml
from shared.privacy import (
    LEVELS,
    Ledger,
    LedgerFile,
    LocalWindow,
    SummedGaussian,
    SummedWindow,
    composed_epsilon,
    read_charges,
)
from shared.round_parameters import derive_round_parameters
from tests.support.records import file_record


def federation(*settings):
    return read_federation(settings=["privacy.participations.update=3", "privacy.local_noise=on", *settings])


def charges(file, task):
    return derive_round_parameters(file, task, 1, 1000, bytes(32), bytes(32)).charges


def check(promises, file, task):
    promises.check(file, task, charges(file, task))


def pay(promises, file, task, number):
    promises.charge_round(file, task, charges(file, task), number)


def membership(file):
    """As joining leaves it."""
    keys = {"operator": "01" * 32, "registry": "02" * 32, "device": "03" * 16, "certificate": "04" * 72}
    return Membership(
        url="https://server:9443",
        server="server",
        authority="PEM",
        certificate_days=365,
        federation=file.name,
        terms=write_toml(file),
        **keys,
    )


@pytest.fixture
def promises(tmp_path):
    return BudgetGuard(file_record(tmp_path))


def test_a_charge_is_in_the_ledgers_file_with_its_round_before_pay_returns(promises, tmp_path):
    check(promises, federation(), "update")
    assert read_charges(tmp_path / "ledger.jsonl") == ()
    pay(promises, federation(), "update", 7)
    held = read_charges(tmp_path / "ledger.jsonl")
    assert [charge.event for charge in held] == list(charges(federation(), "update"))
    assert {charge.round_number for charge in held} == {7}


def test_a_file_and_a_mapping_refuse_at_the_same_answer(promises, tmp_path):
    state = {}
    simulated = BudgetGuard(state)
    for number in (1, 2, 3):
        for one in (promises, simulated):
            check(one, federation(), "update")
            pay(one, federation(), "update", number)
    before = (tmp_path / "ledger.jsonl").read_bytes()
    for one in (promises, simulated):
        for call in (lambda: check(one, federation(), "update"), lambda: pay(one, federation(), "update", 4)):  # noqa: B023
            with pytest.raises(Refused, match="budget"):
                call()
    assert (tmp_path / "ledger.jsonl").read_bytes() == before
    with LedgerFile(tmp_path / "ledger.jsonl", budget(federation())) as held:
        counted = Ledger.from_json(budget(federation()), state[LEDGER])
        assert [held.epsilon(level) for level in LEVELS] == [counted.epsilon(level) for level in LEVELS]
        assert min(held.epsilon(level) for level in LEVELS) > 0


def test_another_federation_finds_what_was_spent_under_the_first(promises):
    """The ledger is the person's, not the federation's: a new file with the same budget has none of it left."""
    for number in (1, 2, 3):
        pay(promises, federation(), "update", number)
    with pytest.raises(Refused, match="budget"):
        check(promises, federation("name=another"), "update")


def test_a_torn_ledger_stops_every_answer_and_is_left_as_it_lies(promises, tmp_path):
    for number in (1, 2):
        pay(promises, federation("privacy.level=user"), "update", number)
    path = tmp_path / "ledger.jsonl"
    torn = path.read_bytes().replace(b'"round": 1', b'"round": 2')
    path.write_bytes(torn)
    for call in (check, lambda *asked: pay(*asked, 3)):
        with pytest.raises(Corrupt, match=r"ledger\.jsonl: line 1"):
            call(promises, federation("privacy.level=user"), "update")
    assert path.read_bytes() == torn


def test_a_round_is_answered_once_also_by_the_next_process(promises, tmp_path):
    promises.reserve_round("update", 5)
    again = BudgetGuard(file_record(tmp_path))
    for one in (promises, again):
        for number in (5, 4):
            with pytest.raises(Refused, match=f"round {number} of update: this device has answered round 5 already"):
                one.reserve_round("update", number)
    again.reserve_round("evaluation", 2)
    promises.reserve_round("update", 6)
    assert json.loads((tmp_path / "rounds.json").read_bytes()) == {"evaluation": 2, "update": 6}
    assert (tmp_path / "rounds.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"update": "5"}', b'{"update": -1}', b'{"other": 1}', b'{"update": true}', b"\xff"]
)
def test_damaged_last_rounds_stop_every_answer(promises, tmp_path, content):
    (tmp_path / "rounds.json").write_bytes(content)
    with pytest.raises(Corrupt, match=r"rounds\.json: expected the last round of each task"):
        promises.reserve_round("update", 9)
    assert (tmp_path / "rounds.json").read_bytes() == content


def test_without_room_on_disk_nothing_is_answered(promises, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    promises.reserve_round("update", 1)
    pay(promises, federation(), "update", 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Misconfigured, match="nothing may leave"):
            pay(promises, federation(), "update", 2)
        with pytest.raises(Misconfigured, match="No space left"):
            promises.reserve_round("update", 2)
    assert json.loads((tmp_path / "rounds.json").read_bytes()) == {"update": 1}


def test_what_is_spent_is_told_beside_what_the_policy_allows(tmp_path):
    home = create_home(tmp_path / "device", {"smallest_cohort": 4, "largest_delta": 1e-7}, keyring=False)
    assert spent_privacy(home) == {
        "promised": None,
        "allowed": {
            "epsilon": 8.0,
            "epsilon_per_round": 8.0,
            "epsilon_alone": 5000.0,
            "delta": 1e-7,
            "cohort": 4,
            "tasks": ["update", "statistics", "evaluation"],
        },
        "spent": {"user": 0.0, "event": 0.0, "local": 0.0},
        "spent_in_period": None,
        "answers": {"update": 0, "statistics": 0, "evaluation": 0},
        "faults": [],
        "paused": False,
        "offered_terms": [],
    }
    promises = BudgetGuard(device_record(home))
    pay(promises, federation(), "update", 1)
    pay(promises, federation(), "update", 2)
    pay(promises, federation(), "statistics", 0)
    update, window, local = charges(federation(), "update")
    count, window_of_count, local_count = charges(federation(), "statistics")
    with LedgerFile(home.ledger, budget(federation())):  # a round may be under way
        told = spent_privacy(home)
    assert told["answers"] == {"update": 2, "statistics": 1, "evaluation": 0}
    assert told["spent"]["user"] == composed_epsilon({update: 2, count: 1}, 1e-7)
    assert told["spent"]["event"] == composed_epsilon({window: 2, window_of_count: 1}, 1e-7)
    assert told["spent"]["local"] == composed_epsilon({local: 2, local_count: 1}, 1e-7)
    assert [type(event) for event in (update, window, local)] == [SummedGaussian, SummedWindow, LocalWindow]
    assert type(local_count) is LocalWindow
    assert json.loads(json.dumps(told)) == told


def test_once_joined_what_was_promised_is_told_and_what_is_spent_is_at_its_deltas(tmp_path):
    home = create_home(tmp_path / "device", keyring=False)
    cohorts = ("round.minimum_answers=50",)
    file = federation("privacy.user_delta=1e-8", "privacy.event_delta=1e-7", *cohorts)
    membership(file).save(home.membership)
    pay(BudgetGuard(device_record(home)), file, "update", 1)
    told = spent_privacy(home)
    assert told["promised"] == {
        "federation": "hushrec",
        "user": {"epsilon": 8.0, "delta": 1e-8},
        "event": {"epsilon": 8.0, "delta": 1e-7},
        "local": {"epsilon": 8.0, "delta": 1e-7},
        "cohort": 50,
        "epsilon_alone": epsilon_alone(file),
        "period": None,
    }
    update, window, local = charges(file, "update")
    assert told["spent"]["user"] == composed_epsilon({update: 1}, 1e-8)
    assert told["spent"]["event"] == composed_epsilon({window: 1}, 1e-7)
    assert told["spent"]["local"] == composed_epsilon({local: 1}, 1e-7)
    alone = federation("privacy.level=user")
    membership(alone).save(home.membership)
    assert spent_privacy(home)["promised"]["event"] is None
    assert spent_privacy(home)["promised"]["local"] is None


PERIOD = (
    "privacy.level=both",
    "privacy.local_noise=off",
    "privacy.user_epsilon=20.0",
    "privacy.event_epsilon=20.0",
    "privacy.local_noise=off",
    "privacy.period_days=365",
    "privacy.period_user_epsilon=4.0",
    "privacy.period_event_epsilon=4.0",
)


def test_noise_of_an_answer_follows_from_the_period_where_there_is_one():
    yearly, life = (
        federation(*PERIOD),
        federation("privacy.level=both", "privacy.local_noise=off", "privacy.user_epsilon=4.0"),
    )
    assert charges(yearly, "update")[0] == charges(life, "update")[0]
    assert charges(yearly, "update")[0].rho < charges(federation(*PERIOD, "privacy.period_days=0"), "update")[0].rho


def test_a_device_answers_again_when_a_period_is_over_until_its_life_is_spent(tmp_path):
    file, now, answered = federation(*PERIOD, "privacy.user_epsilon=10.0"), 0.0, []
    promises = BudgetGuard(file_record(tmp_path, now_seconds=lambda: now))
    for number in range(1, 120):
        now = number * 40 * 86_400.0
        try:
            check(promises, file, "update")
            pay(promises, file, "update", number)
        except Refused as reason:
            last = reason.code
            continue
        answered.append(number)
    assert answered[:6] == [1, 2, 3, 11, 12, 13]
    assert 3 * 3 < len(answered) < 119 * 40 / 365 * 3
    assert last == "budget-spent"


def test_a_simulated_device_lives_within_one_period():
    promises = BudgetGuard({})
    for number in (1, 2, 3):
        pay(promises, federation(*PERIOD), "update", number)
    with pytest.raises(Refused, match="in 365 days in a row"):
        pay(promises, federation(*PERIOD), "update", 4)


def test_what_is_spent_in_a_period_is_told_beside_what_is_spent_in_a_life(tmp_path):
    home, file = create_home(tmp_path / "device", keyring=False), federation(*PERIOD)
    membership(file).save(home.membership)
    for number, day in ((1, 0), (2, 10), (3, 365)):
        pay(BudgetGuard(device_record(home, lambda day=day: day * 86_400.0)), file, "update", number)
    update, window = charges(file, "update")
    told = spent_privacy(home, lambda: 5 * 86_400.0)  # a clock that was set back
    assert told["promised"]["period"] == {"days": 365, "user": 4.0, "event": 4.0}
    assert told["spent"]["user"] == composed_epsilon({update: 3}, 1e-6)
    assert told["spent_in_period"]["user"] == composed_epsilon({update: 2}, 1e-6)
    assert told["spent_in_period"]["event"] == composed_epsilon({window: 2}, 1e-6)
    later = spent_privacy(home, lambda: 800 * 86_400.0)
    assert later["spent_in_period"] == {"user": 0.0, "event": 0.0}


@pytest.mark.parametrize("settings", [(), ("privacy.local_noise=on",)])
def test_a_device_can_answer_as_often_as_the_shipped_federation_file_says(settings):
    file = read_federation(settings=settings)
    promises = BudgetGuard({})
    for number in range(1, file.privacy.most_answers("update") + 1):
        pay(promises, file, "update", number)
    for number in range(1, file.privacy.most_answers("evaluation") + 1):
        pay(promises, file, "evaluation", number)
    pay(promises, file, "statistics", 0)
    with pytest.raises(Refused):
        pay(promises, file, "update", file.privacy.most_answers("update") + 1)


def test_what_would_leave_without_any_charge_is_refused_where_something_is_promised(promises):
    for level in ("event", "user", "both"):
        for call in (promises.check, lambda *asked: promises.charge_round(*asked, 1)):
            with pytest.raises(Refused, match="without noise"):
                call(federation(f"privacy.level={level}"), "update", ())
    promises.check(federation("privacy.level=none"), "update", ())

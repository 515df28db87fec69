"""Mending a device: what was lost is charged again, and no mend ever gives budget back."""

import json
import shutil
from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from client.budget_guard import BudgetGuard
from client.cli.commands import app
from client.file_record import device_record
from client.home import create_home
from client.mending import check_device, mend_device
from client.privacy_report import spent_privacy
from client.releases import ChainPast, Superseded
from client.wall_clock import kept_seconds
from shared.enrolment import sign_receipt
from shared.errors import Misconfigured, Refused
from shared.privacy import SummedWindow, composed_epsilon, read_charges
from tests.unit.client.test_budget_guard import charges, federation, membership

FILE = federation("privacy.level=both", "privacy.local_noise=off", "privacy.participations.update=6")
OPERATOR = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
NOW = 1_800_000_000.0


@pytest.fixture
def home(tmp_path):
    """A device that joined and answered rounds 1 to 3; `older` is its folder after the first of them."""
    home = create_home(tmp_path / "device", keyring=False)
    operator = OPERATOR.public_key().public_bytes_raw().hex()
    membership(FILE).model_copy(update={"operator": operator}).save(home.membership)
    answer(home, 1)
    shutil.copytree(home.directory, tmp_path / "older")
    answer(home, 2)
    answer(home, 3)
    return home


def answer(home, number, task="update"):
    guard, due = BudgetGuard(device_record(home, lambda: NOW)), charges(FILE, task)
    guard.check(FILE, task, due)
    guard.reserve_round(task, number)
    guard.charge_round(FILE, task, due, number)


def put_back(home):
    shutil.copytree(home.directory.parent / "older", home.directory, dirs_exist_ok=True)


def put_back_ledger(home):
    for name in ("ledger.jsonl", "ledger.head", "rounds.json"):
        shutil.copy(home.directory.parent / "older" / name, home.directory / name)


def receipt(home, **answers):
    home.receipt.write_bytes(sign_receipt(OPERATOR, b"\x03" * 16, answers, 5).encode())


def events(home):
    return Counter(charge.event for charge in read_charges(home.ledger))


def cut(home):
    home.ledger.write_bytes(b"".join(home.ledger.read_bytes().splitlines(keepends=True)[:-3]))


def test_a_device_that_is_well_is_left_as_it_is(home):
    before = home.ledger.read_bytes(), home.head.read_bytes()
    assert check_device(home) == []
    assert mend_device(home) == []
    assert (home.ledger.read_bytes(), home.head.read_bytes()) == before


@pytest.mark.parametrize("loss", [cut, lambda home: home.ledger.unlink(), lambda home: home.ledger.write_bytes(b"")])
def test_what_the_head_knows_of_is_charged_again_exactly(home, loss):
    whole = events(home)
    loss(home)
    assert check_device(home)
    assert mend_device(home, lambda: NOW)
    assert check_device(home) == []
    assert events(home) == whole
    answer(home, 4)
    assert {charge.day for charge in read_charges(home.ledger)} == {int(NOW // 86_400)}
    assert spent_privacy(home)["answers"]["update"] == 4


def test_what_the_server_alone_knows_of_costs_what_such_an_answer_cost_before(home):
    put_back(home)
    assert check_device(home) == []
    receipt(home, update=(3, 3))
    assert check_device(home) == [f"{home.ledger}: expected 3 answers of update as the server has had, got 1"]
    mend_device(home, lambda: NOW)
    assert check_device(home) == []
    user, window = charges(FILE, "update")
    assert events(home) == {user: 3, window: 3}
    with pytest.raises(Refused, match="answered round 3"):
        answer(home, 3)
    answer(home, 4)


@pytest.mark.parametrize("answered", [0, 1])
def test_a_count_that_the_server_alone_knows_of_is_charged_at_the_highest_price(home, answered):
    """What another count cost says nothing: the price follows the catalogue."""
    for _ in range(answered):
        answer(home, 0, "statistics")
    receipt(home, update=(3, 3), statistics=(answered + 1, 1))
    mend_device(home, lambda: NOW)
    user, window = charges(FILE, "statistics")
    dearest = SummedWindow("statistics", 4 * user.rho)
    assert window.rho < dearest.rho
    assert [events(home)[event] for event in (user, window, dearest)] == [answered + 1, answered, 1]


def test_without_any_head_as_much_is_charged_as_the_rounds_allow(home):
    cut(home)
    home.head.unlink()
    mend_device(home, lambda: NOW)
    user = charges(FILE, "update")[0]
    assert events(home)[user] == 3  # of rounds 1 to 3
    assert check_device(home) == []


def test_without_heads_and_rounds_the_whole_life_is_spent(home):
    for path in (home.ledger, home.head, home.rounds):
        path.unlink()
    mend_device(home, lambda: NOW)
    assert check_device(home) == []
    for task, number in (("update", 9), ("statistics", 0), ("evaluation", 9)):
        with pytest.raises(Refused, match="budget"):
            answer(home, number, task)


def test_what_cannot_be_priced_is_not_mended(home):
    home.head.unlink()
    home.membership.unlink()
    with pytest.raises(Misconfigured, match="expected the terms by which what was lost is charged"):
        mend_device(home)
    assert check_device(home)


def test_a_damaged_line_stays_beside_the_ledger_and_what_it_held_is_charged_again(home):
    whole = events(home)
    lines = home.ledger.read_bytes().splitlines(keepends=True)
    bent = b"".join([*lines[:2], lines[2].replace(b"update", b"udpate"), *lines[3:]])
    home.ledger.write_bytes(bent)
    assert any("line 3" in said for said in check_device(home))
    mend_device(home, lambda: NOW)
    assert events(home) == whole
    (kept,) = home.directory.glob("ledger.jsonl.damaged-*")
    assert kept.read_bytes() == bent


def test_mending_twice_over_gives_nothing_back(home):
    cut(home)
    mend_device(home, lambda: NOW)
    whole = events(home)
    cut(home)
    mend_device(home, lambda: NOW)
    assert events(home) >= whole


def test_more_is_told_as_spent_than_was_promised_where_more_was_spent(home):
    receipt(home, update=(40, 50))
    mend_device(home, lambda: NOW)
    user = charges(FILE, "update")[0]
    assert spent_privacy(home)["spent"]["user"] == composed_epsilon({user: 40}, 1e-6) > 8
    with pytest.raises(Refused, match="budget"):
        answer(home, 51)


def test_damaged_rounds_are_made_of_the_ledger(home):
    home.rounds.write_bytes(b"{")
    assert any("expected the last round" in said for said in check_device(home))
    mend_device(home, lambda: NOW)
    assert check_device(home) == []
    with pytest.raises(Refused, match="answered round 3"):
        answer(home, 3)


def test_a_clock_that_was_far_ahead_goes_by_the_systems_again_and_makes_no_room(home):
    home.clock.write_bytes(b"%d\n" % (NOW + 999 * 86_400))
    assert any("999 days ahead" in said for said in check_device(home, lambda: NOW))
    assert mend_device(home, lambda: NOW)
    assert kept_seconds(home.clock) == NOW
    assert check_device(home, lambda: NOW) == []
    home.clock.write_bytes(b"soon")
    assert any("expected seconds since 1970" in said for said in check_device(home, lambda: NOW))
    mend_device(home, lambda: NOW)
    assert kept_seconds(home.clock) == NOW


def test_the_command_says_what_is_wrong_and_mends_it(home):
    run = CliRunner().invoke
    assert run(app, ["check", str(home.directory)]).exit_code == 0
    cut(home)
    said = run(app, ["check", str(home.directory)])
    assert said.exit_code == 2
    assert "expected 6 charges as in ledger.head, got 3" in said.stdout
    mended = run(app, ["check", str(home.directory), "--mend"])
    assert mended.exit_code == 0
    assert "mended; answers charged again: update 1" in mended.stdout
    assert run(app, ["check", str(home.directory), "--json"]).stdout == (
        '{"faults": [], "mended": [], "superseded": []}\n'
    )


def test_the_command_names_what_the_server_replaced_and_a_damaged_past(home):
    run = CliRunner().invoke
    lost = Superseded(sequence=500, digest="ab" * 32, by_sequence=501, by_digest="cd" * 32)
    ChainPast(superseded=(lost,)).save(home.past)
    said = run(app, ["check", str(home.directory)])
    assert said.exit_code == 0  # it may be right
    assert "publication 500 (abababababab) was superseded by publication 501 (cdcdcdcdcdcd)" in said.stdout
    assert json.loads(run(app, ["check", str(home.directory), "--json"]).stdout)["superseded"] == [lost.model_dump()]
    home.past.write_bytes(b"{")
    damaged = run(app, ["check", str(home.directory)])
    assert damaged.exit_code == 2
    assert "past.json: expected what this device keeps" in damaged.stdout

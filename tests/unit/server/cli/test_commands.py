"""`hushrec-server` as a person runs it: what it says, where it says it, and how it ends."""

import csv
import json
import os
import re
import stat
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from server.aggregation import Phase
from server.cli import app
from server.home import Home, create_server
from server.instance_lock import instance_lock
from server.training import RoundReport
from server.training.progress import PhaseReport, WaitingReport
from shared.enrolment import Invitation, JoinRequest, fingerprint, fingerprint_text
from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused
from shared.federation import default_federation_text, read_federation, write_toml
from shared.metrics import decode_metrics, encode_metrics
from shared.metrics.federated import BREADTH, QUALITY
from shared.secure_sum import Identity
from tests.support.published import publish_files
from tests.support.tiny import catalogue


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: object) -> Any:
    """The one JSON object on the last line."""
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch):
    """Puts a module with these members where a command will import it from."""

    def put(name: str, **members: Any) -> None:
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)

    return put


def join(home: Home, number: int = 1) -> str:
    """A device joins as a device would; gives its id."""
    invitation = Invitation.decode(answer("enrol", home.directory)["invitation"])
    identity = Identity(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    request = JoinRequest.make(invitation.code, identity, ec.generate_private_key(ec.SECP384R1()))
    with home.registry() as registry:
        registry.join(request.code, request.device_key, request.node_key, time.time(), 365, home.certify)
    return identity.device.hex()


def test_a_newcomer_makes_a_server_and_finds_nothing_wrong(tmp_path):
    made = call("init", tmp_path / "server")
    assert made.exit_code == 0
    assert f"{tmp_path / 'server'}: a new server, https://127.0.0.1:9443" in made.stdout
    operator = fingerprint(Home.open(tmp_path / "server").operator_key().public_key().public_bytes_raw())
    assert f"fingerprint of its operator's key: {fingerprint_text(operator)}\n" in made.stdout
    assert "keep a copy of" in made.stderr
    assert f"next: hushrec-server catalogue {tmp_path / 'server'} FILE" in made.stderr
    checked = call("check", tmp_path / "server")
    assert (checked.exit_code, checked.stdout) == (0, f"{tmp_path / 'server'}: nothing is wrong\n")


def test_every_option_of_init_reaches_its_file(tmp_path):
    (tmp_path / "own.toml").write_text('name = "films"\n')
    said = answer(
        "init", tmp_path / "server", "--name", "Films", "--host", "0.0.0.0", "--port", 443,
        "--public-url", "https://films.example.org:443", "--also", "192.0.2.7", "--also", "films.local",
        "--superlink-port", 7000, "--federation", tmp_path / "own.toml", "--set", "training.rounds=70",
    )  # fmt: skip
    home = Home.open(tmp_path / "server")
    assert said["url"] == home.settings.url == "https://films.example.org:443"
    assert said["directory"] == str(home.directory)
    assert (home.settings.name, home.settings.host, home.settings.port) == ("Films", "0.0.0.0", 443)
    assert (home.settings.names, home.settings.superlink_port) == (("192.0.2.7", "films.local"), 7000)
    assert (home.federation().name, home.federation().training.rounds) == ("films", 70)
    assert call("check", home.directory).exit_code == 0


def test_people_fit_the_federation_file_to_them(tmp_path):
    call("init", tmp_path / "many", "--people", 5000, "--items", 4000, "--events", 90)
    call("init", tmp_path / "few", "--people", 100, "--items", 4000, "--events", 90)
    many, few = (Home.open(tmp_path / name).federation() for name in ("many", "few"))
    assert (many.training.clients_per_round, few.training.clients_per_round) == (4096, 100)
    assert many.round.minimum_answers == few.round.minimum_answers == 50
    assert {"dense"} <= set(many.training.groups)
    assert set(few.training.groups) == {"forgetting", "scales"}
    assert few.training.reasons["dense"].startswith("left off")
    assert call("check", tmp_path / "many").exit_code == 0


def test_without_changes_the_federation_file_keeps_its_comments(home):
    assert home.federation_path.read_text().count("#") == default_federation_text().count("#")
    assert home.federation() == read_federation(settings=["round.minimum_answers=50"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "9442"], "superlink_port: expected another port than the gateway's"),
        (["--host", "0.0.0.0"], "public_url: expected https://HOST:PORT where devices reach this server"),
        (["--also", "a b"], "names: expected names and addresses"),
        (["--set", "training.ruonds=3"], "training.ruonds"),
        (["--federation", "none.toml"], "none.toml"),
        (["--federation", "none.toml", "--people", 90], "--people: expected it without --federation"),
    ],
)
def test_wrong_options_of_init_name_the_key_and_make_nothing(tmp_path, options, said):
    result = call("init", tmp_path / "server", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert os.listdir(tmp_path) == []


def test_init_leaves_a_folder_that_holds_something(home):
    key = home.operator_key_path.read_bytes()
    result = call("init", home.directory)
    assert result.exit_code == 2
    assert "expected a new or an empty folder" in result.stderr
    assert home.operator_key_path.read_bytes() == key


def test_check_says_what_is_wrong_and_mends_what_needs_no_choice(home):
    home.server_certificate_path.unlink()
    home.operator_key_path.chmod(0o644)
    checked = call("check", home.directory)
    assert checked.exit_code == 2
    assert checked.stdout.splitlines() == [
        f"keys/operator.key: expected mode 0600, got 0644; chmod 600 {home.operator_key_path}, or `hushrec-server "
        "check DIR --mend`",
        "keys/server.pem: expected a certificate, got none; make it anew with `hushrec-server check DIR --mend`, then "
        "start the server again",
    ]
    found = json.loads(call("check", home.directory, "--json").stdout)
    assert [finding["what"] for finding in found["findings"]] == ["keys/operator.key", "keys/server.pem"]
    assert set(found["findings"][0]) == {"what", "expected", "got", "fix"}
    mended = call("check", home.directory, "--mend")
    assert mended.exit_code == 0
    assert mended.stdout.endswith("nothing is wrong\n")
    assert answer("check", home.directory) == {"findings": [], "mended": []}


def test_check_of_no_server_says_how_to_make_one(tmp_path):
    result = call("check", tmp_path)
    assert result.exit_code == 2
    assert f"`hushrec-server init {tmp_path}`" in result.stdout


@pytest.mark.parametrize(
    "command", ["catalogue {} x", "up {}", "enrol {}", "revoke {} x", "rounds {} --count 1", "status {}", "releases {}",
                "promote {} x", "rollback {} x", "check {} --mend", "pause {}", "resume {}"],
)  # fmt: skip
def test_every_command_on_no_server_says_how_to_make_one(tmp_path, command):
    result = call(*command.format(tmp_path).split())
    assert result.exit_code == 2
    assert f"`hushrec-server init {tmp_path}`" in result.stderr


def test_enrol_prints_an_invitation_alone_on_standard_output(home):
    result = call("enrol", home.directory, "--note", "Ada's telephone", "--hours", 2)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    invitation = Invitation.decode(result.stdout)
    assert invitation.url == home.settings.url
    assert invitation.operator == fingerprint(home.operator_key().public_key().public_bytes_raw())
    assert f"fingerprint  {fingerprint_text(invitation.operator)}\n" in result.stderr
    assert "for one device" in result.stderr
    with home.registry() as registry:
        (row,) = registry.invitations()
        assert registry.offerable(invitation.code, row.created_seconds)
    assert (row.note, row.expires_seconds) == ("Ada's telephone", invitation.expires_seconds)
    assert row.expires_seconds - row.created_seconds == 7200


def test_many_are_invited_at_once_each_by_a_code_of_its_own(home, tmp_path):
    said = call("enrol", home.directory, "--count", 3, "--note", "kiosk")
    texts = said.stdout.split()
    assert len({Invitation.decode(text).code for text in texts}) == 3
    path = tmp_path / "invitations.csv"
    answered = answer("enrol", home.directory, "--count", 2, "--csv", path)
    assert (answered["count"], answered["csv"]) == (2, str(path))
    assert "invitation" not in answered
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert all(Invitation.decode(row["invitation"]) for row in rows)
    with home.registry() as registry:
        assert [row.note for row in registry.invitations()] == ["kiosk 1", "kiosk 2", "kiosk 3", "1", "2"]


def test_a_group_gets_one_invitation_for_so_many_devices(home):
    said = call("enrol", home.directory, "--seats", 30)
    assert Invitation.decode(said.stdout)
    assert ", for 30 devices" in said.stderr
    assert answer("enrol", home.directory, "--seats", 2)["seats"] == 2
    assert ", each for 5 devices" in call("enrol", home.directory, "--seats", 5, "--count", 2).stderr
    with home.registry() as registry:
        assert [row.seats for row in registry.invitations()] == [30, 2, 5, 5]


def test_a_list_of_invitations_overwrites_no_other_and_then_makes_none(home, tmp_path):
    path = tmp_path / "invitations.csv"
    path.write_text("mine")
    result = call("enrol", home.directory, "--count", 2, "--csv", path)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "expected a new file" in result.stderr
    with home.registry() as registry:
        assert not registry.invitations()


def test_a_schedule_is_paused_goes_on_and_shows_in_the_status(home):
    assert answer("status", home.directory)["schedule"] is None
    assert "no schedule" in call("resume", home.directory).stdout
    text = home.settings_path.read_text()
    home.settings_path.write_text(text.replace("every_hours = 0.0", "every_hours = 6.0"))
    assert "schedule: every 6 h; the next round waits for a server that is up" in call("status", home.directory).stdout
    assert answer("pause", home.directory)["paused"] is True
    assert answer("status", home.directory)["schedule"] == {
        "every_hours": 6.0, "paused": True, "last_seconds": None, "fruitless": 0,
        "waits_for": f"`hushrec-server resume {home.directory}`",
    }  # fmt: skip
    assert "a round every 6 h" in call("resume", home.directory).stdout
    assert answer("status", home.directory)["schedule"]["paused"] is False


def test_an_invitation_to_this_machine_alone_says_so(home):
    assert "note: only devices on this machine reach https://127.0.0.1:9443" in call("enrol", home.directory).stderr
    text = home.settings_path.read_text().replace('public_url = ""', 'public_url = "https://192.0.2.7:9443"')
    home.settings_path.write_text(text)
    assert "only devices on this machine" not in call("enrol", home.directory).stderr


def test_somebody_elses_server_is_no_fault_of_ours(home, stand_in):
    def up(*_):
        raise PermissionError(13, "Permission denied", "/somewhere/run/up.lock")

    stand_in("server.supervisor", run_server=up)
    result = call("up", home.directory)
    assert result.exit_code == 2
    assert "/somewhere/run/up.lock: expected to be let in" in result.stderr
    assert "run it as the user whose folder this is" in result.stderr


def test_an_invitation_holds_as_long_as_the_settings_say(home):
    home.settings_path.write_text(home.settings_path.read_text().replace("_hours = 72", "_hours = 5"))
    said = answer("enrol", home.directory)
    assert set(said) == {"invitation", "url", "operator", "fingerprint", "expires_seconds", "seats"}
    with home.registry() as registry:
        (row,) = registry.invitations()
    assert row.expires_seconds - row.created_seconds == 5 * 3600
    assert said["expires_seconds"] == row.expires_seconds == Invitation.decode(said["invitation"]).expires_seconds


def test_the_qr_code_holds_the_invitation_and_is_drawn_when_asked_for(home, tmp_path):
    result = call("enrol", home.directory, "--qr")
    with open(tmp_path / "qr", "w", encoding="utf-8") as drawn:
        segno.make(result.stdout.strip(), error="m").terminal(drawn, compact=True)
    assert (tmp_path / "qr").read_text(encoding="utf-8") in result.stderr
    assert result.stdout.count("\n") == 1
    assert "\u2588" not in call("enrol", home.directory, "--no-qr").output
    assert "\u2588" not in call("enrol", home.directory).output  # nobody looks at a pipe


def test_revoking_ends_a_devices_part_and_says_so_once_more(home):
    device = join(home)
    said = answer("revoke", home.directory, device)
    assert (said["device"], said["sequence"]) == (device, 1)
    assert answer("revoke", home.directory, device) == said
    assert call("revoke", home.directory, device).stdout.startswith(f"{device}: revoked since 20")
    with home.registry() as registry:
        assert registry.revocations() == (1, frozenset({bytes.fromhex(device)}))


def test_revoking_nobody_is_an_error_that_says_where_the_names_are(home):
    result = call("revoke", home.directory, "00" * 16)
    assert result.exit_code == 2
    assert "`hushrec-server status` lists them" in result.stderr


def test_status_says_who_takes_part_and_what_is_missing(home):
    fresh = call("status", home.directory)
    assert fresh.exit_code == 0
    assert fresh.stdout.splitlines() == [
        "Hushrec at https://127.0.0.1:9443: not up",
        "rounds: 0",
        "release: none yet; hushrec-server catalogue makes release zero",
        "invitations: 0 open, 0 used, 0 expired",
        "devices: none yet; hushrec-server enrol invites one",
    ]
    first, second = join(home, 1), join(home, 2)
    call("enrol", home.directory)
    call("revoke", home.directory, second)
    said = answer("status", home.directory)
    assert (said["up"], said["parts"], said["rounds"], said["release"]) == (False, [], 0, None)
    assert said["invitations"] == {"open": 1, "used": 2, "expired": 0}
    assert {row["device"]: row["state"] for row in said["devices"]} == {first: "member", second: "revoked"}
    assert said["states"] == {"member": 1, "expired": 0, "revoked": 1}
    table = call("status", home.directory).stdout
    assert "devices: 2 (1 member, 1 revoked)\n" in table
    assert re.search(rf"{first}  member +20\d\d-\d\d-\d\d \d\d:\d\d UTC", table)


def test_status_counts_many_devices_and_lists_them_when_asked_to(home, monkeypatch):
    monkeypatch.setattr("server.cli.status._FEW", 2)
    devices = [join(home, number) for number in (1, 2, 3)]
    short, long = (call("status", home.directory, *options).stdout for options in ([], ["--devices"]))
    assert short.endswith("devices: 3 (3 member)\n  hushrec-server status DIR --devices lists them\n")
    assert not any(device in short for device in devices)
    assert all(device in long for device in devices)
    assert {one["device"] for one in answer("status", home.directory)["devices"]} == set(devices)


def test_status_says_for_how_many_devices_a_round_waits(home):
    def said(serverapp: int | None) -> tuple[Any, bool]:
        home.status.write_text(json.dumps({"parts": [], "serverapp": serverapp}))
        line = "waiting for devices: 3 are here, 4 are needed\n"
        return answer("status", home.directory)["waiting"], line in call("status", home.directory).stdout

    report = WaitingReport(home)
    report(3, 4)
    assert said(os.getpid()) == (None, False)  # the server is not up
    with instance_lock(home):
        assert said(os.getpid()) == ({"here": 3, "needed": 4}, True)
        assert said(None) == said(1) == (None, False)  # the ServerApp that waited is gone
        report(4, None)
        assert said(os.getpid()) == (None, False)
        home.waiting.write_text("{")
        home.status.write_text(json.dumps({"parts": [], "serverapp": 1}))
        assert "waiting.json: expected what a round writes" in call("status", home.directory).stderr


def test_status_says_which_phase_of_a_sum_is_under_way(home):
    report = PhaseReport(home, lambda: 0.0)
    report(Phase("update", 3, "query.mask", 9, None))
    with instance_lock(home):
        home.status.write_text(json.dumps({"parts": [], "serverapp": os.getpid()}))
        line = "phase: query.mask of round 3 (update), 9 asked, under way (1970-01-01 00:00 UTC)\n"
        assert line in call("status", home.directory).stdout
        report(Phase("update", 3, "query.mask", 9, 8))
        assert answer("status", home.directory)["phase"]["through"] == 8
        assert "8 came through" in call("status", home.directory).stdout
        home.status.write_text(json.dumps({"parts": [], "serverapp": 1}))
        assert answer("status", home.directory)["phase"] is None  # of a ServerApp that is gone
        home.phase.write_text("{")
        assert "phase.json: expected what a round writes" in call("status", home.directory).stderr


def row(number: int, answered: int, task: str = "update", **others: Any) -> dict[str, Any]:
    """A line of rounds.csv about nine devices."""
    counts = {"not_yet": 0, "refused": 0, "failed": 0, "rejected": 0, "late": 9 - answered, "failed_codes": ""}
    rest = {"skipped": int(not answered), "seconds": 4.4, "metrics": ""}
    return {"number": number, "task": task, "selected": 9, "answered": answered} | counts | rest | others


@pytest.fixture
def brings(monkeypatch: pytest.MonkeyPatch):
    """Makes the next order of rounds bring these rows, behind those of an earlier one; gives what was asked for."""
    from server.cli import rounds

    asked: list[tuple[Home, object]] = []

    def make(*rows: dict[str, Any]) -> list[tuple[Home, object]]:
        there = [row(5, 8), row(6, 8)]
        done = SimpleNamespace(round=7)

        def submit_job(at, count):
            asked.append((at, count))
            return SimpleNamespace(until=9)

        def wait_for_job(at, order, progress, held_up):
            progress(done)
            held_up("the disk")
            asked.append((at, order.until))
            there.extend(rows)
            return done

        monkeypatch.setattr(rounds, "submit_job", submit_job)
        monkeypatch.setattr(rounds, "wait_for_job", wait_for_job)
        monkeypatch.setattr(rounds, "read_rounds", lambda at: list(there))
        return asked

    return make


def test_rounds_orders_follows_and_reports(home, brings):
    rows = [row(7, 8), row(8, 0)]
    asked = brings(*rows)
    said = answer("rounds", home.directory, "--count", 2)
    assert (said["ordered"], said["rounds"], "error" in said) == (2, 7, False)
    assert [{name: one[name] for name in rows[0]} for one in said["sums"]] == rows
    assert asked == [(home, 2), (home, 9)]
    brings(*rows)
    result = call("rounds", home.directory, "--count", 2)
    assert result.exit_code == 0  # one round of two brought something
    table = result.stdout.splitlines()
    assert [line.split()[0] for line in table] == ["round", "7", "8", "late:"]
    assert "a step" in table[1]
    assert "nothing: too few answered" in table[2]
    assert call("rounds", home.directory, "--count", 0).exit_code == 2


def test_rounds_that_brought_nothing_are_not_yet_and_say_what_became_of_the_devices(home, brings):
    rows = (
        row(0, 9, "statistics"),  # a count trains nothing
        row(7, 0, refused=4, failed=2, failed_codes="2:1 5:1", late=3),
        row(8, 0, not_yet=1, refused=4, rejected=1, late=3),
    )
    brings(*rows)
    result = call("rounds", home.directory, "--count", 2)
    assert result.exit_code == 4
    assert "expected a round that enough devices answer, got 2 with at most 0 in the sum" in result.stderr
    assert "(1 not yet, 8 refused, 2 failed, 1 rejected, 6 late" in result.stderr
    assert result.stdout.splitlines()[0].split()[6:] == ["not", "yet", "refused", "failed", "rejected", "late",
                                                         "seconds", "came", "to"]  # fmt: skip
    assert re.search(r"^8 +update +9 +0 +1 +4 +0 +1 +3 +4 +nothing", result.stdout, re.MULTILINE)
    assert "\nrefused: the device's policy or budget says no" in result.stdout
    assert "(Flower's word: its app ended with an error, it was gone)" in result.stdout
    brings(*rows)
    result = call("rounds", home.directory, "--count", 2, "--json")
    assert result.exit_code == 4
    said = json.loads(result.stdout)
    assert said["error"]["code"] == "not-yet"
    assert "8 refused" in said["error"]["message"]
    assert [set(one["why"]) for one in said["sums"]] == [
        set(), {"refused", "failed", "late"}, {"not yet", "refused", "rejected", "late"}
    ]  # fmt: skip


def test_rounds_that_nobody_was_there_for_say_so(home, brings):
    brings(row(7, 0, selected=0, late=0))
    result = call("rounds", home.directory, "--count", 1)
    assert result.exit_code == 4
    assert "in the sum (no device was there)" in result.stderr
    assert "nothing: no device was there" in result.stdout
    assert "late:" not in result.stdout


def test_a_figure_is_printed_with_its_interval_and_one_that_noise_hides_is_said_to_be(home, brings):
    measured = (
        "hr@10:0.5000 auc:1.0000 novelty:0.0200 ndcg@10, few events:0.0000 "
        "hr@10 deviation:0.1000 auc deviation:0.2600 novelty deviation:0.0500 ndcg@10, few events deviation:0.2000"
    )
    brings(row(7, 9), row(7, 9, "evaluation", metrics=measured))
    said = answer("rounds", home.directory, "--count", 1)["sums"][1]["figures"]
    assert said["hr@10"] == pytest.approx({"mean": 0.5, "low": 0.304, "high": 0.696})  # 1.96 deviations
    assert said["auc"] is None
    brings(row(7, 9), row(7, 9, "evaluation", metrics=measured))
    lines = call("rounds", home.directory, "--count", 1).stdout.splitlines()
    told = lines[lines.index("measured after round 7, with 95 % intervals:") + 2 :]
    assert [re.split("  +", line.strip()) for line in told] == [
        ["hr@10", "0.500", "0.304 to 0.696"],
        ["auc", "hidden by noise"],
        ["novelty", "0.020", "0.000 to 0.118"],
        ["ndcg@10, few events", "0.000", "0.000 to 0.392"],
    ]


def test_what_a_report_holds_is_read_back_from_its_row(home, brings):
    report = RoundReport(
        7, "evaluation", (), 9, 9, 0, 0, {}, 0, 0, False, 4.4, 90, 0.0,
        decode_metrics(40 * encode_metrics(dict.fromkeys((*QUALITY, *BREADTH), 0.6), 12).astype(float), 0.5),
    )  # fmt: skip
    brings(row(7, 9), report.to_row())
    figures = answer("rounds", home.directory, "--count", 1)["sums"][1]["figures"]
    assert set(figures) == {*QUALITY, *BREADTH, "ndcg@10, some events"}
    assert all(figure["low"] < 0.6 < figure["high"] for figure in figures.values())


def test_rounds_of_a_server_that_is_not_up_is_not_yet(home):
    result = call("rounds", home.directory, "--count", 1)
    assert result.exit_code == 4
    assert "start `hushrec-server up`" in result.stderr


def test_giving_up_waiting_for_rounds_says_that_they_go_on(home, brings, monkeypatch):
    def follow(*_):
        raise KeyboardInterrupt

    brings()
    monkeypatch.setattr("server.cli.rounds.wait_for_job", follow)
    result = call("rounds", home.directory, "--count", 2)
    assert result.exit_code != 0
    assert "the server goes on with the order" in result.stderr


def test_up_warns_of_what_is_wrong_says_when_it_is_ready_and_ends_well(home, stand_in):
    def up(at, ready):
        assert at == home
        ready()

    stand_in("server.supervisor", run_server=up)
    home.operator_key_path.chmod(0o644)
    result = call("up", home.directory, "--json")
    assert result.exit_code == 0
    assert "warning: keys/operator.key: expected mode 0600" in result.stderr
    assert "ready: devices reach it at https://127.0.0.1:9443" in result.stderr
    assert json.loads(result.stdout) == {"directory": str(home.directory), "stopped": True}


def test_a_file_of_items_becomes_release_zero_and_once_more_changes_nothing(tmp_path, tiny):
    home = create_server(tmp_path / "server", federation=write_toml(tiny.file("sum.mode=secure")))
    catalogue().save(tmp_path / "items.jsonl")
    said = answer("catalogue", home.directory, tmp_path / "items.jsonl")
    assert (said["items"], said["new"], said["sequence"]) == (len(catalogue()), len(catalogue()), 1)
    (one,) = answer("releases", home.directory)["releases"]
    assert (one["release"], one["why"]) == (said["release"], "release zero")
    again = call("catalogue", home.directory, tmp_path / "items.jsonl")
    assert re.search(r"^new +0$", again.stdout, re.MULTILINE)
    assert len(answer("releases", home.directory)["releases"]) == 1
    assert answer("check", home.directory)["findings"] == []
    (tmp_path / "items.jsonl").write_text('{"id": 1}\n{"id": "a", "title": "b"}\n{}\n')
    wrong = call("catalogue", home.directory, tmp_path / "items.jsonl")
    assert wrong.exit_code == 2
    assert "items.jsonl:1:" in wrong.stderr
    assert "items.jsonl:3:" in wrong.stderr


@pytest.fixture
def released(home) -> list[str]:
    """Digests of two releases, oldest first."""
    parts = ({"manifest.json": b"one"}, {"manifest.json": b"two"})
    return [publish_files(home, files, why) for files, why in zip(parts, ("release zero", "round 20"), strict=True)]


def test_releases_are_listed_oldest_first(home, released):
    said = answer("releases", home.directory)["releases"]
    assert [one["release"] for one in said] == released
    assert said[0] == {
        "sequence": 1, "release": released[0], "federation": home.federation().digest(),
        "published_seconds": 1_800_000_000, "why": "release zero",
    }  # fmt: skip
    lines = call("releases", home.directory).stdout.splitlines()
    assert lines[0].split() == ["number", "release", "published", "why"]
    assert lines[2] == f"2       {released[1]}  2027-01-15 08:00 UTC  round 20"  # date -u -d @1800000000


def test_status_names_the_current_release(home, released):
    assert answer("status", home.directory)["release"] == {
        "sequence": 2, "release": released[1], "published_seconds": 1_800_000_000, "why": "round 20",
    }  # fmt: skip
    assert f"release: number 2, {released[1][:16]}, round 20" in call("status", home.directory).stdout


def test_a_rollback_and_a_promotion_are_new_publications_of_what_was_there(home, released):
    assert call("rollback", home.directory, released[0][:8]).stdout == (
        f"{released[0]}: current from now on, as number 3\n"
    )
    assert answer("promote", home.directory, released[1])["sequence"] == 4
    assert [one["release"] for one in answer("releases", home.directory)["releases"]] == [*released, *released]
    assert call("check", home.directory).exit_code == 0


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_a_name_that_fits_no_other_release_changes_nothing(home, released, command):
    for name in ("", released[0][:7], "ef" * 32, "../..", released[1]):
        assert call(command, home.directory, name).exit_code == 2
    assert len(answer("releases", home.directory)["releases"]) == 2


NO = "this: expected that, got another; do so"


@pytest.mark.parametrize(
    ("error", "status"), [(Misconfigured(NO), 2), (Corrupt(NO), 2), (Refused(NO, code="policy"), 3), (NotYet(NO), 4)]
)
def test_each_kind_of_no_has_its_exit_status_and_its_message(home, stand_in, error: HushrecError, status: int):
    def up(*_):
        raise error

    stand_in("server.supervisor", run_server=up)
    result = call("up", home.directory)
    assert result.exit_code == status
    assert result.stderr.endswith("hushrec-server: this: expected that, got another; do so\n")


def test_a_fault_of_ours_shows_its_place_and_its_words_only_when_asked(home, stand_in):
    def up(*_):
        raise KeyError("a person's words")

    stand_in("server.supervisor", run_server=up)
    result = call("up", home.directory)
    assert result.exit_code == 1
    assert "a fault of ours, not of your input: KeyError at test_commands.py" in result.stderr
    assert "a person's words" not in result.output
    assert "a person's words" in call("up", home.directory, "--debug").stderr


def test_no_command_prints_a_private_key_or_a_code_but_enrol(home):
    device = join(home)
    said = "".join(
        call(*command).output
        for command in (
            ("check", home.directory), ("check", home.directory, "--mend"), ("status", home.directory),
            ("status", home.directory, "--json"), ("revoke", home.directory, device),
        )
    )  # fmt: skip
    code = answer("enrol", home.directory)["invitation"].split(".")[-2]
    said += call("status", home.directory, "--json").output
    assert code not in said
    for name in ("operator.key", "registry.key", "authority.key", "server.key"):
        assert (home.keys / name).read_text().splitlines()[1] not in said
    assert home.superexec_secret_path.read_text() not in said


def test_help_is_there_for_every_command():
    overview = call("--help")
    for command in ("init", "check", "catalogue", "up", "enrol", "revoke", "rounds", "status", "releases", "promote",
                    "pause", "resume", "console", "monitoring", "rollback"):  # fmt: skip
        assert command in overview.stdout
        assert call(command, "--help").exit_code == 0


def test_status_waits_only_where_it_is_asked_to(home, stand_in):
    waited = []
    stand_in("server.health", wait_until_up=lambda home, seconds: waited.append((home.directory, seconds)))
    assert call("status", home.directory).exit_code == 0
    assert waited == []
    assert call("status", home.directory, "--wait", 60).exit_code == 0
    assert waited == [(home.directory, 60.0)]
    assert call("status", home.directory, "--wait", -1).exit_code == 2


def test_status_of_a_server_that_does_not_come_up_in_time_is_not_yet(home):
    result = call("status", home.directory, "--wait", 0.01)
    assert result.exit_code == NotYet.exit_status
    assert "got none; start it with `hushrec-server up" in result.stderr
    assert result.stdout == ""


def test_the_version_is_told() -> None:
    answer = call("--version")
    assert (answer.exit_code, answer.stdout.partition(" ")[0]) == (0, "hushrec")


def test_a_backup_and_its_restoration_say_what_they_did(home: Home, tmp_path: Path) -> None:
    saved = answer("backup", home.directory, tmp_path / "saved.tar")
    assert saved["archive"] == str(tmp_path / "saved.tar")
    assert saved["files"] > 8
    result = call("backup", home.directory, tmp_path / "saved.tar")
    assert result.exit_code == 2
    assert "expected a new file" in result.stderr
    restored = answer("restore", tmp_path / "saved.tar", tmp_path / "restored")
    assert (restored["directory"], restored["expired_invitations"]) == (str(tmp_path / "restored"), 0)
    assert answer("check", tmp_path / "restored")["findings"] == []
    call("enrol", home.directory)
    assert "private keys" in call("backup", home.directory, tmp_path / "again.tar").stderr
    told = call("restore", tmp_path / "again.tar", tmp_path / "again").stderr
    assert "may have been used since: 1 expired; invite again" in told
    result = call("restore", tmp_path / "saved.tar", home.directory)
    assert result.exit_code == 2
    assert "holds something" in result.stderr


def test_a_device_that_is_set_aside_stands_in_the_status(home: Home) -> None:
    home.status.write_text(json.dumps({"set_aside": [{"device": "ab" * 16, "why": "node: unregistered"}]}))
    assert answer("status", home.directory)["set_aside"] == [{"device": "ab" * 16, "why": "node: unregistered"}]


def test_a_disk_that_is_too_full_for_a_round_stands_in_status_and_check(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answer("status", home.directory)["disk"]["shortage"] == ""
    monkeypatch.setattr("server.disk.shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    found = answer("status", home.directory)
    assert found["disk"]["free_bytes"] == 10**6
    assert "no round goes on: disk: expected 68 MB free for a round, got 1 MB" in call("status", home.directory).stdout
    result = call("check", home.directory)
    assert result.exit_code == 2
    assert "free some space; until then no device is asked" in result.stdout


def test_whoever_waits_for_rounds_is_told_what_holds_them_up(home: Home, brings) -> None:
    brings(row(7, 8))
    assert "no round goes on: the disk" in call("rounds", home.directory, "--count", 1).stderr

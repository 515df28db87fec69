"""`hushrec-server` as a person runs it: what it says, where it says it, and how it ends."""

import json
import os
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from server.cli.commands import app
from server.home import Home, create_server
from shared.enrolment import Invitation, JoinRequest, fingerprint
from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused
from shared.federation import default_federation_text, read_federation, write_toml
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
    operator = fingerprint(Home.open(tmp_path / "server").operator_key().public_key().public_bytes_raw()).hex()
    assert operator in made.stdout
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
                "promote {} x", "rollback {} x", "check {} --mend"],
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
    assert invitation.operator.hex() in result.stderr
    assert "for one device" in result.stderr
    with home.registry() as registry:
        (row,) = registry.invitations()
        assert registry.offerable(invitation.code, row.created_seconds)
    assert (row.note, row.expires_seconds) == ("Ada's telephone", invitation.expires_seconds)
    assert row.expires_seconds - row.created_seconds == 7200


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
    assert set(said) == {"invitation", "url", "operator", "expires_seconds"}
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
    table = call("status", home.directory).stdout
    assert re.search(rf"{first}  member +20\d\d-\d\d-\d\d \d\d:\d\d UTC", table)


def test_rounds_orders_follows_and_reports(home, stand_in):
    calls = []

    class Progress:
        round = 7

    class Order:
        until = 9

    def submit_job(at, count):
        calls.append((at, count))
        return Order

    rows = [
        {"number": number, "task": "update", "selected": 9, "answered": 8, "not_yet": 0, "refused": 1, "failed": 0,
         "rejected": 0, "late": 0, "skipped": 0, "seconds": 4.4, "metrics": ""}
        for number in (5, 6)
    ]  # fmt: skip

    def follow(at, order, progress):
        progress(Progress)
        calls.append((at, order))
        rows.append({**rows[0], "number": 7, "answered": 0, "skipped": 1})
        return Progress

    stand_in("server.training", submit_job=submit_job, wait_for_job=follow, read_rounds=lambda at: list(rows), Row=dict)
    assert answer("rounds", home.directory, "--count", 2) == {"ordered": 2, "rounds": 7, "sums": rows[2:]}
    assert calls == [(home, 2), (home, Order)]
    table = call("rounds", home.directory, "--count", 2).stdout.splitlines()
    assert [line.split()[0] for line in table] == ["round", "7"]
    assert "nothing: too few answered" in table[1]
    assert call("rounds", home.directory, "--count", 0).exit_code == 2


def test_rounds_of_a_server_that_is_not_up_is_not_yet(home):
    result = call("rounds", home.directory, "--count", 1)
    assert result.exit_code == 4
    assert "start `hushrec-server up`" in result.stderr


def test_giving_up_waiting_for_rounds_says_that_they_go_on(home, stand_in):
    def follow(*_):
        raise KeyboardInterrupt

    stand_in("server.training", submit_job=lambda *_: None, wait_for_job=follow, read_rounds=lambda _: [])
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
                    "rollback"):  # fmt: skip
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

"""`hushrec-device`: what each command prints, writes and ends with, on a device that is not up and on one that is."""

import json
import os
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from client.cli import commands
from client.cli.remote import RemoteDesk
from client.home import Home
from client.store import Store
from shared.enrolment import Invitation
from shared.errors import NotYet
from shared.federation import read_federation
from shared.locks import exclusive
from tests.support.fakes import RankingOfHome
from tests.unit.client.test_budget_guard import membership

INVITATION = Invitation("https://127.0.0.1:9443", b"o" * 32, b"c" * 16, 4_000_000_000).encode()


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr("client.facade.device_facade.RankingClient", RankingOfHome)

    def invoke(*arguments, status=0, typed=None):
        result = CliRunner().invoke(commands.app, [str(argument) for argument in arguments], input=typed)
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def home(run, tmp_path):
    run("init", tmp_path / "device", "--no-keyring", "--port", 0)
    return Home.open(tmp_path / "device")


def test_a_full_disk_of_a_device_that_is_up_is_told_from_bad_input(run, home, monkeypatch):
    answers = {"/v1/health": (200, {"ok": True}), "/v1/events": (507, {"error": "storage", "meaning": "no room"})}
    monkeypatch.setattr(RemoteDesk, "_exchange", lambda self, method, path, *_, **__: answers[path])
    home.api.write_text(json.dumps({"host": "127.0.0.1", "port": 1, "pid": os.getpid()}))
    answer = run("log", home.directory, "--item", "a", "--json", status=2)
    assert last(answer)["error"]["code"] == "storage"
    assert "no room" in answer.stderr


def last(result):
    return json.loads(result.stdout.splitlines()[-1])


def stored(home):
    with Store.open(home.store, home.keys.data_key(), read_only=True) as store:
        return store.rows()


def test_init_makes_a_device_and_no_second_one_over_it(run, home):
    assert home.settings.port == 0
    assert "expected a new or an empty folder" in run("init", home.directory, status=2).stderr


def test_a_folder_that_is_no_device_is_named_with_the_command_that_makes_one(run, tmp_path):
    assert "hushrec-device init" in run("recommend", tmp_path, status=2).stderr


def test_one_event_is_written_by_options(run, home):
    answer = run(
        "log", home.directory, "--kind", "rating", "--item", "music-0", "--text", "fine", "--value", "4",
        "--time-seconds", "5", "--shown", "music-1", "--propensity", "0.5", "--context", "hour:08", "--json",
    )  # fmt: skip
    assert last(answer) == {"ids": [1], "new": 1, "unknown": []}
    ((_, event),) = stored(home)
    assert (event.kind, event.item, event.text, event.value) == ("rating", "music-0", "fine", 4.0)
    assert (event.time_seconds, event.shown, event.propensity) == (5.0, ("music-1",), 0.5)
    assert event.context == (("hour", "08"),)


def test_a_file_is_written_once_however_often_it_is_logged(run, home, tmp_path):
    lines = [json.dumps({"time_seconds": n, "kind": "click", "item": f"i{n}"}) for n in range(450)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    assert "450 events" in run("log", home.directory, "--file", file).stdout
    file.write_text("\n".join([*lines, json.dumps({"time_seconds": 900, "kind": "click", "item": "new"})]))
    run("log", home.directory, "--file", file)
    assert [event.item for _, event in stored(home)] == [*(f"i{n}" for n in range(450)), "new"]


def test_items_that_the_catalogue_does_not_have_are_named(run, home, tmp_path):
    file = tmp_path / "events.jsonl"
    lines = [json.dumps({"time_seconds": n, "kind": "click", "item": f"i{n % 210}"}) for n in range(450)]
    file.write_text("\n".join(lines))
    said = run("log", home.directory, "--file", file)
    assert "the catalogue does not have i0, i1, i2, i3, i4 and 205 more" in said.stderr
    assert "450 events" in said.stdout
    assert last(run("log", home.directory, "--file", file, "--json"))["unknown"] == [f"i{n}" for n in range(210)]
    assert run("log", home.directory, "--item", "music-0").stderr == ""


def test_events_come_through_a_pipe(run, home):
    run("log", home.directory, "--file", "-", typed='{"time_seconds": 1, "kind": "click", "item": "a"}\n')
    assert len(stored(home)) == 1


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--kind", "stare", "--item", "a"],
        ["--item", "a", "--propensity", "2"],
        ["--item", "a", "--context", "hour"],
        ["--item", "a", "--file", "-"],
        ["--file", "/nowhere.jsonl"],
        ["--item", "a", "--time-seconds", "1e13"],
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(run, home, options):
    run("log", home.directory, *options, status=2)
    assert stored(home) == []


def test_recommendations_follow_what_was_logged_muted_and_forgotten(run, home):
    def first(*options):
        return last(run("recommend", home.directory, "-n", 1, "--json", *options))["recommendations"][0]["item"]

    row = last(run("log", home.directory, "--item", "kitchen-0", "--json"))["ids"][0]
    assert first() == "kitchen-1"
    run("interests", home.directory, "--mute", "kitchen")
    assert first() == "garden-0"
    run("interests", home.directory, "--clear", "kitchen")
    assert first() == "kitchen-1"
    assert last(run("forget", home.directory, "--event", row, "--yes", "--json")) == {"deleted": 1}
    assert first() == "garden-0"


def test_a_search_ranks_for_words_and_writes_nothing(run, home):
    found = last(run("search", home.directory, "a guitar for the music", "-n", 2, "--json"))["recommendations"]
    assert [one["item"] for one in found] == ["music-0", "music-1"]
    assert "Music-0" in run("search", home.directory, "music").stdout
    run("search", home.directory, " ", status=2)
    assert stored(home) == []


def test_tables_show_items_reasons_and_decisions(run, home):
    run("log", home.directory, "--item", "kitchen-0")
    table = run("recommend", home.directory, "-n", 2).stdout
    assert "kitchen-1" in table
    assert "your interest in kitchen" in table
    assert "without the events 1: rank 9" in run("explain", home.directory, "kitchen-1").stdout
    assert "muted" in run("interests", home.directory, "--mute", "music").stdout
    assert "in no federation" in run("privacy", home.directory).stdout


def test_privacy_sets_what_is_spent_beside_what_was_promised(run, home, monkeypatch):
    promised = {
        "federation": "books",
        "user": {"epsilon": 8.0, "delta": 1e-6},
        "event": None,
        "local": None,
        "cohort": 100,
        "epsilon_alone": 310.5,
        "period": {"days": 365, "user": 2.0, "event": None},
    }
    allowed = {
        "epsilon": 8.0,
        "epsilon_per_round": 2.0,
        "epsilon_alone": 500.0,
        "delta": 1e-6,
        "cohort": 50,
        "tasks": ["update"],
    }
    answer = {
        "promised": promised,
        "allowed": allowed,
        "spent": {"user": 1.25, "event": 0.0, "local": 0.0},
        "spent_in_period": {"user": 0.75, "event": 0.0},
        "answers": {"update": 3, "statistics": 1},
        "faults": ["expected the ledger"],
        "paused": True,
        "offered_terms": [{"key": "privacy.user_epsilon", "before": 8.0, "after": 9.0}],
    }
    monkeypatch.setattr("client.facade.device_facade.spent_privacy", lambda home: answer)
    said = run("privacy", home.directory).stdout
    assert "were everybody else in league with the server: epsilon 310, no promise;" in " ".join(said.split())
    for words in (
        "promised by books",
        "epsilon 8 at delta 1e-06",
        "epsilon 1.25",
        "update 3, statistics 1",
        "50 people",
        "epsilon 2 in any 365 days in a row",
        "epsilon 0.75",
        "fault: expected the ledger",
        "paused: no round is answered",
        "the server offers other terms, and waits for your word",
    ):
        assert words in said


def test_titles_are_never_markup_nor_control_the_terminal(run, home, monkeypatch):
    told = RankingOfHome.recommend

    def bent(self, *args):
        return [{**one, "title": "[red]\x1b[2Jx[/]"} for one in told(self, *args)]

    monkeypatch.setattr(RankingOfHome, "recommend", bent)
    output = run("recommend", home.directory, "-n", 1).stdout
    assert "[red] [2Jx[/]" in output
    assert "\x1b" not in output


def test_an_unknown_item_ends_with_2(run, home):
    run("explain", home.directory, "nothing", status=2)


def test_no_release_ends_with_4(run, home, monkeypatch):
    def none_yet(self):
        raise NotYet("no release is installed yet")

    monkeypatch.setattr(RankingOfHome, "_ready", none_yet)
    assert "no release" in run("recommend", home.directory, status=4).stderr


def test_forgetting_asks_first(run, home):
    run("log", home.directory, "--item", "kitchen-0")
    assert "nothing was deleted" in run("forget", home.directory, typed="n\n", status=3).stderr
    assert "--yes" in run("forget", home.directory, typed="", status=2).stderr
    assert len(stored(home)) == 1
    run("forget", home.directory, typed="y\n")
    assert stored(home) == []


def test_after_forgetting_nothing_is_said_to_be_known(run, home):
    run("log", home.directory, "--item", "kitchen-0")
    run("interests", home.directory, "--mute", "music")
    run("forget", home.directory, "--yes")
    said = run("interests", home.directory).stdout
    assert "nothing is known of you" in said
    assert "kitchen" not in said
    assert "muted" in said
    assert "%" not in said
    run("interests", home.directory, "--clear", "music")
    assert run("interests", home.directory).stdout.strip() == "nothing is known of you: there are no events"


def test_an_export_is_written_for_its_owner_only_and_over_nothing(run, home, tmp_path):
    run("log", home.directory, "--item", "kitchen-0", "--time-seconds", "5")
    out = tmp_path / "mine.json"
    assert last(run("export", home.directory, "--out", out, "--json")) == {"file": str(out), "events": 1}
    assert out.stat().st_mode & 0o077 == 0
    assert json.loads(out.read_text()) == last(run("export", home.directory))
    assert json.loads(out.read_text())["events"] == [
        {"id": 1, "time_seconds": 5.0, "kind": "click", "item": "kitchen-0"}
    ]
    run("export", home.directory, "--out", out, status=2)


def test_joining_shows_the_promise_and_asks(run, home, monkeypatch):
    joined = []
    promise = SimpleNamespace(lines=("epsilon 8 in your device's whole life", "\x1b[2Jserver"))
    membership = SimpleNamespace(
        federation="books", device="ab12", url="https://127.0.0.1:9443", fingerprint="0001 0203"
    )
    monkeypatch.setattr("client.enrolment.prepare", lambda home, invitation: promise)
    monkeypatch.setattr("client.enrolment.enroll", lambda home, prepared: joined.append(prepared) or membership)
    declined = run("join", home.directory, "hushrec://x", typed="n\n", status=3)
    assert "epsilon 8" in declined.stderr
    assert "\x1b" not in declined.stderr
    assert joined == []
    accepted = run("join", home.directory, "hushrec://x", "--yes", "--json")
    assert joined == [promise]
    assert last(accepted) == vars(membership)


def test_a_pause_is_told_and_ends_with_resume(run, home):
    assert last(run("privacy", home.directory, "--json"))["paused"] is False
    assert "until: hushrec-device resume" in run("pause", home.directory).stdout
    assert last(run("pause", home.directory, "--json")) == {"paused": True}
    assert last(run("privacy", home.directory, "--json"))["paused"] is True
    assert "paused" in run("privacy", home.directory).stdout
    assert len(last(run("recommend", home.directory, "-n", 1, "--json"))["recommendations"]) == 1
    assert last(run("resume", home.directory, "--json")) == {"paused": False}
    assert "answered again" in run("resume", home.directory).stdout
    assert last(run("privacy", home.directory, "--json"))["paused"] is False


def test_leaving_asks_first_says_what_stays_and_is_for_good(run, home, monkeypatch):
    told = []

    def tell_server(home, membership):
        told.append(membership.device)
        if len(told) == 1:
            raise NotYet("the server sleeps")

    monkeypatch.setattr("client.participation.tell_server", tell_server)
    membership(read_federation()).save(home.membership)
    assert "nothing was left" in run("leave", home.directory, typed="n\n", status=3).stderr
    assert "--yes" in run("leave", home.directory, typed="", status=2).stderr
    with exclusive(home.up_lock, "busy"):
        assert "stop it first" in run("leave", home.directory, "--yes", status=4).stderr
    assert home.membership.exists()
    said = run("leave", home.directory, "--yes").stdout
    for words in ("released models", "has spent", "your events", "could not be told: the server sleeps"):
        assert words in said
    assert told[0] in said
    assert "joined no federation" in run("up", home.directory, status=2).stderr
    assert last(run("leave", home.directory, "--yes", "--json")) == {
        "federation": "hushrec", "device": told[0], "told": True,
    }  # fmt: skip
    assert told == [told[0]] * 2
    assert "has left a federation for good" in run("join", home.directory, INVITATION, status=2).stderr
    assert last(run("privacy", home.directory, "--json"))["promised"] is None


def test_up_runs_until_it_is_stopped(run, home, monkeypatch):
    ran = []

    def running(home, ready):
        ready()
        ran.append(home.directory)

    monkeypatch.setattr("client.maintenance.run_device", running)
    stopped = run("up", home.directory, "--json")
    assert ran == [home.directory]
    assert "the device is up" in stopped.stderr
    assert last(stopped) == {"directory": str(home.directory), "stopped": True}


def test_a_device_that_joined_nothing_does_not_come_up(run, home):
    assert "hushrec-device join" in run("up", home.directory, status=2).stderr


def test_a_fault_of_ours_shows_no_text_without_debug(run, home, monkeypatch):
    def broken(self):
        raise RuntimeError("the secret words of a person")

    monkeypatch.setattr(RankingOfHome, "_ready", broken)
    shown = run("recommend", home.directory, status=1)
    assert "a fault of ours" in shown.stderr
    assert "secret" not in shown.output


def test_help_names_every_command_and_option(run):
    names = ["init", "join", "up", "log", "recommend", "explain", "interests", "privacy", "forget", "export"]
    names += ["pause", "resume", "leave", "check"]
    text = run("--help").stdout
    assert all(name in text for name in names)
    for name in names:
        assert "--json" in run(name, "--help").stdout


def test_init_takes_what_a_person_agrees_to_instead_of_the_shipped_policy(run, tmp_path):
    run("init", tmp_path / "d", "--no-keyring", "--policy", "smallest_cohort=4", "--policy", 'tasks=["update"]')
    policy = Home.open(tmp_path / "d").policy()
    assert (policy.smallest_cohort, policy.tasks) == (4, ("update",))
    for wrong in ("smallest_cohort", "smallest_cohort=many", "unheard=1"):
        run("init", tmp_path / "e", "--no-keyring", "--policy", wrong, status=2)
        assert not (tmp_path / "e").exists()


def test_a_file_that_was_read_before_adds_nothing_and_says_so(run, home, tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("Time_Seconds,Kind,Item\n1700000000,click,music-0\n1700000100,click,music-1\n")
    first = run("log", home.directory, "--file", file)
    assert "2 events are written down" in first.stdout
    assert "note: events.csv: names are read without regard to capitals" in first.stderr
    file.write_text(file.read_text() + "1700000200,click,music-2\n")
    assert "1 events are written down; 2 were there already" in run("log", home.directory, "--file", file).stdout
    assert last(run("log", home.directory, "--file", file, "--json"))["new"] == 0
    assert len(stored(home)) == 3


def test_a_key_of_the_policy_that_there_is_not_is_named_with_the_near_one(run, tmp_path):
    said = run("init", tmp_path / "new", "--policy", "smalest_cohort=4", status=2).stderr
    assert "smalest_cohort" in said
    assert "did you mean smallest_cohort?" in said
    assert not (tmp_path / "new").exists()


def test_the_version_is_told(run):
    assert run("--version").stdout.startswith("hushrec ")

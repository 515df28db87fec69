"""The console: who may see and do what, what it shows, and that its page has words for all of it, in each language."""

import asyncio
import json
import re
import stat
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from server.aggregation import Phase
from server.console import write_monitoring
from server.console.access import Access, console_tokens
from server.console.actions import ACTIONS
from server.console.alerts import CODES, alerts_of
from server.console.metrics import metrics_text
from server.console.pages import make_console
from server.console.snapshot import Snapshots
from server.home import Home, create_server
from server.instance_lock import instance_lock
from server.training import RoundReport, pending_job
from server.training.progress import PhaseReport, write_progress
from shared.enrolment import Revocations
from shared.errors import Corrupt, Misconfigured, NotYet
from tests.unit.server.cli.test_commands import join

READER, OPERATOR = "r" * 43, "o" * 43
HOST = "127.0.0.1:9445"
NOW = 1_700_000_000.0


class Nodes:
    """Which nodes are connected; None for a SuperLink that does not answer."""

    def __init__(self) -> None:
        self.here: frozenset[int] | None = frozenset()
        self.asked = 0

    def online(self) -> frozenset[int]:
        self.asked += 1
        if self.here is None:
            raise NotYet("SuperLink: away")
        return self.here


class Console:
    """A console without a socket."""

    def __init__(self, home: Home) -> None:
        self.home, self.nodes, self.now = home, Nodes(), NOW
        self.snapshots = Snapshots(home, self.nodes, lambda: self.now)
        access = Access({"reader": READER, "operator": OPERATOR})
        self.app = make_console(home, self.snapshots, access, {HOST})

    def ask(self, method: str, path: str, token: str = "", **given: Any) -> httpx.Response:
        headers = {"host": HOST, **({"authorization": f"Bearer {token}"} if token else {}), **given.pop("headers", {})}

        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, headers=headers, **given)

        return asyncio.run(asking())

    def do(self, name: str, facts: Any, token: str = OPERATOR) -> httpx.Response:
        return self.ask("POST", f"/v1/actions/{name}", token, json=facts)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(create_server(tmp_path / "server"))


PATHS = ["/v1/status", "/v1/live", "/metrics", "/v1/actions/rounds"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer guess", f"Basic {OPERATOR}", OPERATOR, f"Bearer {OPERATOR}x"])
def test_a_stranger_learns_nothing_but_that_a_token_is_needed(console, path, header):
    method = "POST" if "actions" in path else "GET"
    answer = console.ask(method, path, headers={"authorization": header} if header else {})
    assert answer.status_code == 401
    assert str(console.home.directory) not in answer.text
    assert console.nodes.asked == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:9445", ""])
@pytest.mark.parametrize("path", ["/", *PATHS])
def test_another_name_that_leads_here_is_refused(console, host, path):
    assert console.ask("GET", path, OPERATOR, headers={"host": host}).status_code == 421


def test_a_reader_looks_and_an_operator_acts(console):
    assert console.ask("GET", "/v1/status", READER).json()["role"] == "reader"
    assert console.ask("GET", "/v1/status", OPERATOR).json()["role"] == "operator"
    refused = console.do("pause", {}, READER)
    assert (refused.status_code, console.home.schedule_pause.exists()) == (403, False)
    assert console.do("pause", {}).json() == {"paused": True}
    assert console.home.schedule_pause.exists()
    assert console.do("resume", {}).json() == {"paused": False}


def test_no_form_of_another_page_can_act(console):
    """What a browser sends without asking first (CORS preflight): a form's content types, no header of a page's own."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        headers = {"content-type": kind, "origin": "https://evil.example"}
        assert console.ask("POST", "/v1/actions/pause", content=b"{}", headers=headers).status_code == 401
        assert console.ask("POST", "/v1/actions/pause", OPERATOR, content=b"{}", headers=headers).status_code == 415
    preflight = console.ask("OPTIONS", "/v1/actions/pause", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in preflight.headers
    assert not console.home.schedule_pause.exists()


def test_the_page_runs_no_script_but_its_own_and_stands_in_no_frame(console):
    answer = console.ask("GET", "/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! src)| style=| on\w+=", answer.text)


def test_rounds_are_ordered_as_by_the_command(console):
    refused = console.do("rounds", {"count": 2})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not-yet")
    console.home.chain.write_bytes(b"a link\n")
    with instance_lock(console.home):
        assert console.do("rounds", {"count": 2}).json() == {"until": 2}
    assert pending_job(console.home).until == 2


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("rounds", {"count": 0}, "rounds: count"),
        ("rounds", {"count": "2"}, "rounds: count"),
        ("rounds", {"count": 2, "more": 1}, "rounds: more"),
        ("revoke", {"device": "../x"}, "revoke: device"),
        ("revoke", {"device": "0" * 32}, "expected the id of one that joined"),
        ("rollback", {"release": "x"}, "rollback: release"),
        ("pause", {"count": 1}, "pause: count"),
        ("shutdown", {}, "action: expected one of"),
    ],
)
def test_what_is_no_action_is_named_and_nothing_is_done(console, name, facts, said):
    answer = console.do(name, facts)
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_a_body_that_is_too_long_or_no_json_is_refused(console):
    headers = {"content-type": "application/json"}
    long = console.ask("POST", "/v1/actions/pause", OPERATOR, content=b" " * 5_000, headers=headers)
    broken = console.ask("POST", "/v1/actions/pause", OPERATOR, content=b"{", headers=headers)
    assert (long.status_code, broken.status_code) == (413, 422)


def test_a_device_is_revoked(console):
    device = join(console.home)
    assert console.do("revoke", {"device": device}).json()["revoked_seconds"] > 0
    written = Revocations.decode(console.home.revocations_path.read_bytes())  # as the command writes it
    assert written.devices == {bytes.fromhex(device)}
    assert console.ask("GET", "/v1/status", READER).json()["states"]["revoked"] == 1


def test_devices_are_shown_as_connected_by_their_nodes(console):
    devices = [join(console.home, number) for number in (1, 2)]
    with console.home.registry() as registry:
        registry.set_node(devices[0], 7)
        registry.set_node(devices[1], 8)
    console.nodes.here = frozenset({8})
    with instance_lock(console.home):
        shot = console.snapshots.take()
    assert shot["online"] == 1
    assert {row["device"]: row["online"] for row in shot["devices"]} == {devices[0]: False, devices[1]: True}


def test_many_who_look_make_one_snapshot_a_second(console):
    with instance_lock(console.home):
        for _ in range(5):
            console.ask("GET", "/v1/status", READER)
        assert console.nodes.asked == 1
        console.now += 1.0
        console.ask("GET", "/v1/status", READER)
    assert console.nodes.asked == 2


def codes(console: Console) -> list[str]:
    console.now += 1.0
    return [alert["code"] for alert in console.snapshots.take()["alerts"]]


def report(number: int, skipped: bool, task: str = "update", **more: Any) -> RoundReport:
    answered = 0 if skipped else 8
    counts = {"not_yet": 0, "refused": 0, "failed": {}, "rejected": 0, "late": 9 - answered, "upload_bytes": 100}
    return RoundReport(
        number=number,
        task=task,
        groups=(),
        selected=9,
        answered=answered,
        skipped=skipped,
        seconds=4.0,
        update_norm=0.0,
        **counts,
        **more,
    )


def test_alerts_come_and_go(console):
    assert codes(console) == ["down", "no-release"]
    with instance_lock(console.home):
        assert codes(console) == ["no-release", "few-devices"]
        console.nodes.here = None
        assert codes(console) == ["flower-away", "no-release"]
        console.nodes.here = frozenset(range(60))
        assert codes(console) == ["no-release"]
        write_progress(console.home, [report(1, False), report(2, True), report(3, True)], 3, 100, "", 0)
        assert codes(console) == ["no-sum", "no-release"]
        write_progress(console.home, [report(3, True), report(4, False)], 4, 100, "", 0)
        assert codes(console) == ["no-release"]
        parts = [{"name": "gateway", "pid": 1, "restarts": 3}]
        console.home.status.write_text(json.dumps({"parts": parts, "serverapp": None}))
        assert codes(console) == ["restarts", "no-release"]
        aside = [{"device": "ab" * 16, "why": "node: unregistered"}]
        console.home.status.write_text(json.dumps({"parts": [], "serverapp": None, "set_aside": aside}))
        assert codes(console) == ["no-release", "set-aside"]
        console.home.status.unlink()
        console.now = console.snapshots.take()["certificates"]["server"] - 3 * 86_400.0
        assert codes(console) == ["certificate", "no-release"]


def test_a_full_disk_is_an_alert(console):
    shot = console.snapshots.take() | {"disk_free_bytes": 2**20}
    assert {"code": "disk", "facts": {"megabytes": 1}} in alerts_of(shot)


@pytest.fixture
def busy(console: Console) -> Console:
    """A server in the middle of a round, with an evaluation behind it."""
    figures = {"ndcg@10": 0.31, "ndcg@10 deviation": 0.01, "auc": 0.9, "auc deviation": 0.4}
    reports = [report(1, False), report(1, False, "evaluation", metrics=figures), report(2, True)]
    write_progress(console.home, reports, 2, 100, "", 0)
    PhaseReport(console.home, lambda: NOW)(Phase("update", 3, "query.mask", 60, None))
    join(console.home)
    return console


def test_metrics_say_what_the_snapshot_says(busy):
    answer = busy.ask("GET", "/metrics", READER)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["hushrec_up",] == 0
    assert found["hushrec_round",] == 2
    assert found["hushrec_devices", "member"] == 1
    assert (found["hushrec_sum_selected", "update"], found["hushrec_sum_skipped", "update"]) == (9, 1)
    assert found["hushrec_evaluation_mean", "ndcg@10"] == 0.31
    assert found["hushrec_evaluation_high", "ndcg@10"] == pytest.approx(0.31 + 1.96 * 0.01)
    assert ("hushrec_evaluation_mean", "auc") not in found  # hidden by its noise
    assert found["hushrec_alert", "down"] == 1
    assert ("hushrec_devices_online",) not in found  # not known is not zero


def test_rules_and_dashboard_ask_for_metrics_that_there_are(busy, tmp_path):
    busy.nodes.here = frozenset({1})
    with instance_lock(busy.home):
        busy.home.status.write_text(
            json.dumps({"parts": [{"name": "gateway", "pid": 1, "restarts": 0}], "serverapp": 1})
        )
        release = {"sequence": 1, "release": "0" * 64, "published_seconds": 1, "why": "zero"}
        text = metrics_text(busy.snapshots.take() | {"release": release}).decode()
    known = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    written = write_monitoring(busy.home, tmp_path / "monitoring")
    asked = {name for path in written[1:] for name in re.findall(r"\bhushrec_\w+", path.read_text())}
    assert asked
    assert asked <= known
    assert {code for path in written for code in re.findall(r'code="([^"]+)"', path.read_text())} <= set(CODES)
    json.loads(written[2].read_text())
    token = Path(re.search(r'credentials_file: "(.*)"', written[0].read_text())[1])
    assert Access(console_tokens(busy.home)).role(f"Bearer {token.read_text()}") == "reader"
    with pytest.raises(Misconfigured, match="expected no such file yet"):
        write_monitoring(busy.home, tmp_path / "monitoring")


def test_a_scrape_names_the_file_of_the_token_wherever_the_folder_lies(tmp_path):
    home = create_server(tmp_path / 'two "words" \\ 目录')
    (scrape, *_) = write_monitoring(home, tmp_path / "monitoring")
    (job,) = yaml.safe_load(scrape.read_text())
    assert job["authorization"]["credentials_file"] == str(home.console_tokens["reader"])


def test_tokens_are_made_once_kept_private_and_differ(console):
    tokens = console_tokens(console.home)
    assert console_tokens(console.home) == tokens
    assert tokens["reader"] != tokens["operator"]
    paths = console.home.console_tokens.values()
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert not any(token in repr(Access(tokens)) for token in tokens.values())
    with pytest.raises(Corrupt, match="the same twice"):
        Access({"reader": READER, "operator": READER})
    console.home.console_tokens["reader"].write_text("short")
    with pytest.raises(Corrupt, match="remove the file"):
        console_tokens(console.home)


def template(name: str, package: str = "server.console") -> str:
    return resources.files(package).joinpath("templates", name).read_text(encoding="utf-8")


def test_every_language_has_the_same_words_with_the_same_places_to_fill():
    words = json.loads(template("words.json"))
    places: Callable[[str], set[str]] = lambda text: set(re.findall(r"\{(\w+)\}", text))  # noqa: E731
    assert {language: sorted(texts) for language, texts in words.items()} == dict.fromkeys(words, sorted(words["en"]))
    for key, text in words["en"].items():
        for language in words:
            assert places(words[language][key]) == places(text), (language, key)


def test_the_page_says_nothing_that_it_has_no_words_for(busy):
    words = json.loads(template("words.json"))["en"]
    page, script = (
        template("console.html"),
        template("console.js") + template("page.js", "shared"),
    )
    asked = set(re.findall(r'data-word="(\w+)"', page)) | set(re.findall(r'\bsay\("([\w.]+)"', script))
    asked |= {f"alert_{code}" for code in CODES} | set(re.findall(r'"((?:train|query)\.\w+)"', script))
    asked |= {key for row in re.findall(r'table\("\w+", \[([^\]]*)\]', script) for key in re.findall(r'"(\w+)"', row)}
    assert asked <= words.keys()
    assert set(re.findall(r'element\("(\w+)"\)', script)) <= set(re.findall(r'id="(\w+)"', page))
    assert set(re.findall(r'act\("(\w+)"', script)) <= ACTIONS.keys()

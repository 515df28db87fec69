"""`GET /v1/mail`: for members alone, with what is new beside the hint; and limits for each device."""

import asyncio
from pathlib import Path

import pytest

from server.gateway.routes import Gateway, guarded
from server.home import Limits, ServerSettings, create_server
from shared.enrolment import MailAnswer, sign_revocations
from tests.support.asking_gateway import FakeControl, FakeSuperLink, Person, ask, said
from tests.support.house import House

MAIL, PULL = "/v1/mail", "/v1/fleet/pull-messages"
NOBODY: frozenset[int] = frozenset()


class Small:
    """A server whose devices may ask 60 times a minute, and its gateway's inside."""

    def __init__(self, folder: Path) -> None:
        limits = Limits(body_bytes=65_536, requests_per_minute=10**6, requests_per_device_minute=60)
        self.home = create_server(folder / "server", ServerSettings(limits=limits))
        self.superlink = FakeSuperLink()
        self.gateway = Gateway(self.home, control=FakeControl(), superlink=self.superlink)  # type: ignore[arg-type]
        self.app = guarded(self.gateway, limits)
        self.registry = self.home.registry()

    def joined(self) -> Person:
        person = Person()
        body = person.request(self.registry.invite(10**9, 10**6)).encode()
        assert ask(self.app, "POST", "/v1/join", body=body).status == 200
        return person

    def node(self, person: Person) -> int:
        row = self.registry.device(person.device)
        assert row is not None
        assert row.node_id is not None
        return row.node_id

    def mail(self, person: Person, within: str = "within=0") -> MailAnswer:
        answer = ask(self.app, "GET", MAIL, [person.signed("GET", f"{MAIL}?{within}")], query=within.encode())
        assert answer.status == 200
        return MailAnswer.decode(answer.body)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def test_a_member_is_told_whether_to_ask_whether_it_is_present_and_what_is_new(small: Small) -> None:
    person, revoked = small.joined(), small.joined()
    small.gateway.mail.deliver(NOBODY)
    assert small.mail(person) == MailAnswer(mail=False, present=False, publications=0, revocations=0)
    small.gateway.mail.deliver(frozenset({small.node(person)}))
    small.gateway.mail.keep(frozenset({small.node(person)}))
    small.registry.revoke(revoked.device, 1.0)
    assert small.mail(person) == MailAnswer(mail=True, present=True, publications=0, revocations=1)
    assert not small.superlink.seen


def test_what_is_new_is_the_list_that_is_handed_out_and_not_what_the_registry_counts(small: Small) -> None:
    person, path = small.joined(), "/v1/held/revocations"
    small.gateway.mail.deliver(NOBODY)
    held = sign_revocations(small.home.registry_key(), 2, [b"a" * 16, b"b" * 16])  # the registry knows neither
    assert ask(small.app, "POST", path, [person.signed("POST", path)], held.encode()).status == 200
    assert small.registry.revocations()[0] == 0
    assert small.mail(person).revocations == 2


def test_asking_the_superlink_takes_the_hint_back_and_saying_good_bye_ends_the_presence(small: Small) -> None:
    person = small.joined()
    node = frozenset({small.node(person)})
    small.gateway.mail.deliver(node)
    small.gateway.mail.keep(node)
    assert ask(small.app, "POST", PULL, person.fleet()).status == 200
    assert not small.mail(person).mail
    assert small.mail(person).present
    assert ask(small.app, "POST", "/v1/fleet/deactivate-node", person.fleet()).status == 200
    assert not small.mail(person).present


def test_strangers_get_one_answer_whoever_they_say_they_are(house: House, member: Person) -> None:
    query = "within=0"
    target = f"{MAIL}?{query}"
    revoked, other = house.joined(), Person()
    house.registry.revoke(revoked.device, 1.0)
    asked = {
        "nobody": [],
        "unknown": [other.signed("GET", target)],
        "revoked": [revoked.signed("GET", target)],
        "another path": [member.signed("GET", MAIL)],
        "another method": [member.signed("POST", target)],
    }
    answers = {who: ask(house.app, "GET", MAIL, headers, query=query.encode()) for who, headers in asked.items()}
    assert {who: answer.status for who, answer in answers.items()} == dict.fromkeys(asked, 403)
    assert all(answer.told == answers["nobody"].told and said(answer) for answer in answers.values())


@pytest.mark.parametrize("query", ["after=1", "within=", "within=-1", "within=1.5", "within=1000", "within=1&within=2"])
def test_another_query_does_not_exist(house: House, member: Person, query: str) -> None:
    headers = [member.signed("GET", f"{MAIL}?{query}")]
    assert ask(house.app, "GET", MAIL, headers, query=query.encode()).status == 404
    assert ask(house.app, "GET", "/v1/releases/chain", headers, query=b"within=1").status == 404


def test_a_device_that_hangs_up_waits_no_more(small: Small) -> None:
    person = small.joined()
    small.gateway.mail.deliver(NOBODY)
    query = "within=600"
    scope = {
        "type": "http", "method": "GET", "path": MAIL, "raw_path": MAIL.encode(), "query_string": query.encode(),
        "headers": [person.signed("GET", f"{MAIL}?{query}")], "client": ("192.0.2.1", 5), "http_version": "1.1",
    }  # fmt: skip
    messages = iter(({"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}))

    async def receive() -> dict[str, object]:
        return next(messages)

    async def send(message: object) -> None:
        raise AssertionError("answered")

    async def work() -> str:
        await asyncio.wait_for(small.app(scope, receive, send), 20)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        return repr(small.gateway.mail)

    assert asyncio.run(work()) == "MailRoom(0 waiting)"


def test_one_device_that_asks_too_often_waits_and_the_others_do_not(small: Small) -> None:
    greedy, other = small.joined(), small.joined()
    passed = [ask(small.app, "POST", PULL, greedy.fleet()).status for _ in range(70)]
    assert passed[:60] == [200] * 60
    assert set(passed[65:]) == {503}  # some tokens come back meanwhile; Flower's client gives up after 429
    assert len(small.superlink.seen) < 70
    answer = ask(small.app, "GET", "/v1/revocations", [greedy.signed("GET", "/v1/revocations")])
    assert (answer.status, answer.headers[b"retry-after"]) == (429, b"5")
    assert ask(small.app, "POST", PULL, other.fleet(), address="192.0.2.1").status == 200
    forged = dict(other.fleet()) | {b"flwr-public-key": dict(greedy.fleet())[b"flwr-public-key"]}
    assert ask(small.app, "POST", PULL, list(forged.items())).status == 403  # nobody spends what is another's

"""Every path of the gateway, asked by everybody who is no member: a table of who may, and nothing learnt or stopped."""

import time

import pytest

from server.gateway.routes import Gateway
from tests.support.asking_gateway import Person, ask, said
from tests.support.house import House

FILE = f"/v1/releases/{'a' * 64}/manifest.json"
# Who may: everybody, whoever has an invitation, or members alone.
TABLE = {
    ("GET", "/health"): "everybody",
    ("GET", "/ready"): "everybody",
    ("GET", "/v1/authority"): "everybody",
    ("POST", "/v1/join/offer"): "invited",
    ("POST", "/v1/join"): "invited",
    ("POST", "/v1/rejoin"): "invited",
    ("POST", "/v1/renew"): "member",
    ("POST", "/v1/leave"): "member",
    ("GET", "/v1/revocations"): "member",
    ("GET", "/v1/receipt"): "member",
    ("POST", "/v1/held/publication"): "member",
    ("POST", "/v1/held/revocations"): "member",
    ("POST", "/v1/held/receipt"): "member",
    ("GET", "/v1/mail"): "member",
    ("GET", "/v1/releases/chain"): "member",
    ("GET", FILE): "member",
    ("POST", "/v1/fleet/pull-messages"): "member",
    ("POST", "/v1/fleet/push-messages"): "member",
}
MEMBERS = [call for call, who in TABLE.items() if who == "member"]


def test_the_table_has_every_path_there_is(house: House) -> None:
    routes = Gateway(house.home, control=house.control, superlink=house.superlink)._routes
    reached = {pattern.pattern for pattern, _, _ in routes for _, path in TABLE if pattern.fullmatch(path)}
    assert reached == {pattern.pattern for pattern, _, _ in routes}


def callers(house: House, method: str, path: str) -> dict[str, list[tuple[bytes, bytes]]]:
    """Headers of everybody who is no member here, or says something else than it may."""
    stranger, former, member = Person(), house.joined(), house.joined()
    house.registry.revoke(former.device, time.time())
    fleet = path.startswith("/v1/fleet/")
    yesterday = time.time() - 86_400

    def told(person: Person, at: float | None = None) -> list[tuple[bytes, bytes]]:
        return person.fleet(at) if fleet else [person.signed(method, path, at)]

    other_key = [*stranger.fleet()[:1], *member.fleet()[1:]]
    other_path = [member.signed(method, "/v1/another")]
    return {
        "nobody": [],
        "a stranger with keys": told(stranger),
        "a former member": told(former),
        "a member's words of yesterday": told(member, yesterday),
        "a member's word on another call, or with another's key": other_key if fleet else other_path,
        "noise": [(b"authorization", b"\xff" * 64), (b"flwr-public-key", b"\xff" * 64)],
    }


@pytest.mark.parametrize(("method", "path"), MEMBERS, ids=lambda part: part)
def test_who_is_no_member_gets_fixed_words_and_moves_nothing(house: House, method: str, path: str) -> None:
    asked = callers(house, method, path)
    devices, revoked = house.registry.devices(), house.registry.revocations()
    answers = {who: ask(house.app, method, path, headers, b"{}") for who, headers in asked.items()}
    assert {who: answer.status for who, answer in answers.items() if answer.status not in (401, 403)} == {}
    assert all(said(answer) for answer in answers.values())
    assert answers["a stranger with keys"].told == answers["a former member"].told  # who was here is not told
    assert (house.registry.devices(), house.registry.revocations()) == (devices, revoked)
    assert house.superlink.seen == []


@pytest.mark.parametrize("path", [path for (_, path), who in TABLE.items() if who == "invited"])
def test_without_an_invitation_nobody_joins(house: House, path: str) -> None:
    devices = house.registry.devices()
    for body in (b"", b"{}", b'{"code": "AAAA"}', Person().request(bytes(16)).encode()):
        assert ask(house.app, "POST", path, body=body).status in (400, 403)
    assert house.registry.devices() == devices


@pytest.mark.parametrize("path", [path for (_, path), who in TABLE.items() if who == "everybody"])
def test_what_everybody_may_ask_is_the_same_for_all(house: House, path: str) -> None:
    answers = [ask(house.app, "GET", path, headers) for headers in callers(house, "GET", path).values()]
    assert len({answer.told[0::2] for answer in answers}) == 1

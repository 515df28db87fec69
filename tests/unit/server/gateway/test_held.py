"""What a server that was restored from a copy has lost, members give back: what it signed itself, and nothing else."""

import asyncio
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.gateway import release_files
from server.gateway.given_back import GivenBack
from server.gateway.responses import HttpError
from server.registry import Registry
from shared.enrolment import JoinAnswer, Receipt, RejoinRequest, Revocations, sign_receipt, sign_revocations
from shared.release.publication import Publication
from shared.secure_sum import Certificate, issue_certificate, verify_certificate
from tests.support.asking_gateway import Answer, Person, ask, said
from tests.support.house import House
from tests.unit.server.gateway.test_releases import get, publish


def give(house: House, person: Person, what: str, body: bytes) -> Answer:
    path = f"/v1/held/{what}"
    return ask(house.app, "POST", path, [person.signed("POST", path)], body)


def chain(house: House) -> list[Publication]:
    return [Publication.decode(line) for line in house.home.chain.read_bytes().splitlines()]


def test_the_chain_goes_on_in_the_place_of_a_publication_that_is_lost(house: House, member: Person) -> None:
    *kept, lost = publish(house, 3)
    house.home.chain.write_bytes(b"".join(link.encode() + b"\n" for link in kept))
    (house.home.releases / "newest.json").unlink(missing_ok=True)
    lost = lost.model_copy(update={"release": "ab" * 32, "files": _named(lost, "ab" * 32)}).sign(
        house.home.operator_key()
    )
    for _ in range(2):  # whoever gives it back, and however often
        assert give(house, member, "publication", lost.encode()).status == 200
    *before, last = chain(house)
    assert before == kept
    last.follows(kept[-1])
    assert (last.supersedes, last.release) == (lost.digest(), kept[-1].release)
    assert "in place of publication 3" in last.why
    assert get(house, member, "/v1/releases/chain", b"after=2").body == last.encode() + b"\n"


def test_each_number_that_is_lost_is_published_again_so_that_none_falls(house: House, member: Person) -> None:
    *kept, lost, last = publish(house, 5)
    kept = kept[:2]  # 3, 4 and 5 are lost
    house.home.chain.write_bytes(b"".join(link.encode() + b"\n" for link in kept))
    (house.home.releases / "newest.json").unlink(missing_ok=True)
    assert give(house, member, "publication", last.encode()).status == 200
    after = chain(house)[2:]
    assert [(link.sequence, link.supersedes) for link in after] == [(3, ""), (4, ""), (5, last.digest())]
    assert {link.release for link in after} == {kept[-1].release}
    assert [link.why.split(",")[0] for link in after] == [
        f"restored: in place of publication {number}" for number in (3, 4, 5)
    ]
    assert give(house, member, "publication", lost.encode()).status == 200
    assert [(link.sequence, link.supersedes) for link in chain(house)[5:]] == [(6, lost.digest())]


def _named(link: Publication, release: str) -> dict[str, object]:
    entry = link.files["manifest.json"].model_copy(update={"sha256": release})
    return {**link.files, "manifest.json": entry}


def test_a_publication_whose_release_is_there_still_is_added_as_it_is(house: House, member: Person) -> None:
    links = publish(house, 3)
    house.home.chain.write_bytes(b"".join(link.encode() + b"\n" for link in links[:2]))
    assert give(house, member, "publication", links[2].encode()).status == 200
    assert chain(house) == links
    assert give(house, member, "publication", links[0].encode()).status == 200  # which it has
    assert chain(house) == links


def test_a_publication_of_another_operator_is_refused_and_changes_nothing(house: House, member: Person) -> None:
    links = publish(house, 2)
    house.home.chain.write_bytes(links[0].encode() + b"\n")
    before = house.home.chain.read_bytes()
    for body in (links[1].sign(Ed25519PrivateKey.generate()).encode(), links[1].encode()[:-1], b"", b"{}"):
        refused = give(house, member, "publication", body)
        assert refused.status == 400
        assert said(refused)
    assert house.home.chain.read_bytes() == before


def test_a_list_of_revocations_is_taken_back_and_its_devices_are_revoked_again(house: House, member: Person) -> None:
    revoked, path = house.joined(), "/v1/revocations"
    stranger = b"\x07" * 16  # joined and was revoked after the copy was made
    held = sign_revocations(house.home.registry_key(), 2, [revoked.identity.device, stranger])
    answer = Revocations.decode(give(house, member, "revocations", held.encode()).body)
    assert answer == held == Revocations.decode(ask(house.app, "GET", path, [member.signed("GET", path)]).body)
    row = house.registry.device(revoked.device)
    assert row is not None
    assert row.revoked_seconds is not None
    assert ask(house.app, "GET", path, [revoked.signed("GET", path)]).status == 403

    older = sign_revocations(house.home.registry_key(), 1, [stranger])
    assert Revocations.decode(give(house, member, "revocations", older.encode()).body) == held
    forged = sign_revocations(Ed25519PrivateKey.generate(), 3, [member.identity.device, *held.devices])
    assert give(house, member, "revocations", forged.encode()).status == 400
    assert ask(house.app, "GET", path, [member.signed("GET", path)]).status == 200


def test_a_receipt_is_taken_back_for_whom_it_was_signed_and_nothing_becomes_less(house: House, member: Person) -> None:
    device, key = member.identity.device, house.home.operator_key()
    house.registry.count_answers("update", 4, [member.device])
    held = sign_receipt(key, device, {"update": (3, 9), "statistics": (1, 0)}, 5)
    answer = Receipt.decode(give(house, member, "receipt", held.encode()).body)
    assert answer.answers == {"update": (3, 9), "statistics": (1, 0)}
    assert house.registry.last_answered("update") == 9
    smaller = sign_receipt(key, device, {"update": (1, 2)}, 5)
    assert Receipt.decode(give(house, member, "receipt", smaller.encode()).body).answers == answer.answers
    for other in (
        sign_receipt(key, house.joined().identity.device, {"update": (99, 99)}, 5),
        sign_receipt(Ed25519PrivateKey.generate(), device, {"update": (99, 99)}, 5),
    ):
        assert give(house, member, "receipt", other.encode()).status == 400
    assert house.registry.last_answered("update") == 9
    assert house.registry.answers(member.device) == answer.answers


@pytest.mark.parametrize("what", ["publication", "revocations", "receipt"])
def test_strangers_give_nothing_back(house: House, what: str) -> None:
    refused = give(house, Person(), what, b"{}")
    assert refused.status == 403
    assert said(refused)


def test_what_is_given_back_may_be_longer_than_other_requests_and_no_longer_than_a_list(
    house: House, member: Person
) -> None:
    path = "/v1/held/revocations"
    devices = [bytes([number % 256, number // 256]) * 8 for number in range(1000)]
    held = sign_revocations(house.home.registry_key(), 1000, devices).encode()
    assert len(held) > 8192
    assert give(house, member, "revocations", held).status == 200
    for what, largest in (("revocations", 8 * 2**20), ("publication", 32_768), ("receipt", 1024)):
        path = f"/v1/held/{what}"
        declared = (b"content-length", str(largest + 1).encode())
        assert ask(house.app, "POST", path, [member.signed("POST", path), declared], b"").status == 413
        assert give(house, member, what, b" " * largest).status == (413 if what == "revocations" else 400)


def test_a_list_may_be_longer_than_the_own_one_by_what_may_have_been_lost(house: House, member: Person) -> None:
    lost = [number.to_bytes(16, "big") for number in range(30_000)]  # of 35 bytes each: more than a mebibyte
    held = [sign_revocations(house.home.registry_key(), len(lost[:n]), lost[:n]).encode() for n in (20_000, 30_000)]
    assert [give(house, member, "revocations", each).status for each in reversed(held)] == [413, 200]
    assert give(house, member, "revocations", held[1]).status == 200  # as its beginning is known now


def test_a_publication_that_the_chain_knows_is_not_looked_for_under_its_lock(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    *kept, lost = publish(house, 3)
    house.home.chain.write_bytes(b"".join(link.encode() + b"\n" for link in kept))
    (house.home.releases / "newest.json").unlink(missing_ok=True)
    lost = lost.model_copy(update={"release": "ab" * 32, "files": _named(lost, "ab" * 32)}).sign(
        house.home.operator_key()
    )
    assert give(house, member, "publication", lost.encode()).status == 200
    monkeypatch.setattr(release_files, "Releases", None)
    for known in (*kept, lost, chain(house)[-1]):
        assert give(house, member, "publication", known.encode()).status == 200


def test_a_device_gives_back_ten_times_a_minute_and_others_are_not_kept_from_it(house: House, member: Person) -> None:
    other = house.joined()
    assert [give(house, member, "receipt", b"{}").status for _ in range(11)] == [400] * 10 + [429]
    assert give(house, other, "receipt", b"{}").status == 400


class Watched:
    """Takes receipts, and sees how many at once."""

    def __init__(self) -> None:
        self.lock, self.both = threading.Lock(), False

    def take_back_receipt(self, member: Person, body: bytes) -> bytes:
        self.both = self.both or not self.lock.acquire(blocking=False)
        time.sleep(0)
        self.lock.release()
        return body


def test_few_are_read_at_once_and_one_is_decided_on() -> None:
    watched = Watched()
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}

    async def work() -> tuple[list[bytes], int]:
        turns = GivenBack(None, watched, wait_seconds=0.0)  # type: ignore[arg-type]
        sent = asyncio.Event()

        async def receive() -> dict[str, object]:
            await sent.wait()
            return {"type": "http.request", "body": b"x", "more_body": False}

        slow = [asyncio.ensure_future(turns.take("receipt", Person(), scope, receive)) for _ in range(16)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        with pytest.raises(HttpError) as refused:
            await turns.take("receipt", Person(), scope, receive)  # type: ignore[arg-type]
        sent.set()
        answers = await asyncio.gather(*slow)
        answers.append(await turns.take("receipt", Person(), scope, receive))  # type: ignore[arg-type]
        return answers, refused.value.status

    assert asyncio.run(work()) == ([b"x"] * 17, 503)
    assert not watched.both


def rejoin(house: House, person: Person, shown: bytes, **changed: object) -> Answer:
    request = RejoinRequest.make(shown, person.identity, person.node_key).model_copy(update=changed)
    return ask(house.app, "POST", "/v1/rejoin", body=request.encode())


def certificate_of(house: House, person: Person, expiry_seconds: float = 2e9) -> bytes:
    return house.home.certify(person.identity.public_key, int(expiry_seconds)).encode()


def test_a_device_that_the_registry_certified_and_has_lost_is_a_member_again(house: House) -> None:
    lost = Person()
    for expiry_seconds in (2e9, 5):  # an expired certificate is renewed
        answer = rejoin(house, lost, certificate_of(house, lost, expiry_seconds))
        assert answer.status == 200
    certificate = Certificate.decode(JoinAnswer.decode(answer.body).certificate)
    key = house.home.registry_key().public_key().public_bytes_raw()
    verify_certificate(key, lost.identity.public_key, certificate, int(time.time()))
    assert house.control.registered == [lost.request(bytes(16)).node_key]
    path = "/v1/revocations"
    assert ask(house.app, "GET", path, [lost.signed("GET", path)]).status == 200
    held = sign_receipt(house.home.operator_key(), lost.identity.device, {"update": (3, 9)}, 5)
    assert give(house, lost, "receipt", held.encode()).status == 200
    assert house.registry.answers(lost.device) == {"update": (3, 9)}


def test_nobody_else_is_taken_for_a_member(house: House, member: Person) -> None:
    stranger, revoked, listed, other = Person(), house.joined(), Person(), Person()
    house.registry.revoke(revoked.device, time.time())
    held = sign_revocations(house.home.registry_key(), 1, [listed.identity.device])
    assert give(house, member, "revocations", held.encode()).status == 200
    forged = issue_certificate(Ed25519PrivateKey.generate(), stranger.identity.public_key, 2_000_000_000).encode()
    assert rejoin(house, stranger, forged).status == 403
    assert rejoin(house, stranger, certificate_of(house, member)).status == 403  # of another device
    assert rejoin(house, revoked, certificate_of(house, revoked)).status == 403
    assert rejoin(house, listed, certificate_of(house, listed)).status == 403  # whom the registry never knew
    other.node_key = member.node_key
    assert rejoin(house, other, certificate_of(house, other)).status == 403
    good = certificate_of(house, stranger)
    for changed in ({"device_signature": bytes(64)}, {"node_signature": bytes(70)}, {"certificate": forged}):
        assert rejoin(house, stranger, good, **changed).status == 400
    assert {row.device for row in house.registry.devices()} == {member.device, revoked.device}
    body = Person().request(bytes(16)).encode()
    assert ask(house.app, "POST", "/v1/rejoin", body=body).status == 400


def test_a_revoked_device_that_the_registry_never_knew_joins_with_no_invitation(house: House, member: Person) -> None:
    listed, code = Person(), house.code()
    held = sign_revocations(house.home.registry_key(), 1, [listed.identity.device])
    assert give(house, member, "revocations", held.encode()).status == 200
    assert ask(house.app, "POST", "/v1/join", body=listed.request(code).encode()).status == 403
    assert house.registry.device(listed.device) is None
    assert len(house.control.registered) == 1
    assert ask(house.app, "POST", "/v1/join", body=Person().request(code).encode()).status == 200


@pytest.mark.parametrize("way", ["join", "rejoin"])
def test_a_list_that_comes_while_a_device_joins_ends_its_part(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    listed, code = Person(), house.code()
    shown = certificate_of(house, listed)
    held = sign_revocations(house.home.registry_key(), 1, [listed.identity.device])
    joining = getattr(Registry, way)

    def meanwhile(registry: Registry, *given: object) -> Certificate:
        assert give(house, member, "revocations", held.encode()).status == 200
        return joining(registry, *given)

    monkeypatch.setattr(Registry, way, meanwhile)
    body = listed.request(code).encode()
    answer = rejoin(house, listed, shown) if way == "rejoin" else ask(house.app, "POST", "/v1/join", body=body)
    assert answer.status == 403
    row = house.registry.device(listed.device)
    assert row is not None
    assert (row.revoked_seconds is not None, row.node_id) == (True, None)
    assert house.registry.revocations()[1] == {listed.identity.device}

"""Members fetch the chain and the files it names; nobody fetches anything else."""

import hashlib
import time

import pytest

from shared.release.publication import FileEntry, Publication
from tests.support.asking_gateway import Person, ask, said
from tests.support.house import House

FILES = {"manifest.json": b"{}", "model.safetensors": bytes(200_000), "card.md": b"# A model"}


def publish(house: House, count: int = 1) -> list[Publication]:
    """A chain of so many links, all of one release, written as the server writes it."""
    files = {name: FileEntry.of(content) for name, content in FILES.items()}
    release = hashlib.sha256(FILES["manifest.json"]).hexdigest()
    folder = house.home.releases / release
    folder.mkdir(exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    links: list[Publication] = []
    for number in range(count):
        previous = links[-1] if links else None
        link = Publication.after(previous, release, "f" * 64, files, 1_700_000_000, f"link {number}")
        links.append(link.sign(house.home.operator_key()))
    house.home.chain.write_bytes(b"".join(link.encode() + b"\n" for link in links))
    return links


def get(house: House, person: Person, path: str, query: bytes = b"", at: float | None = None):
    target = path + (f"?{query.decode()}" if query else "")
    return ask(house.app, "GET", path, [person.signed("GET", target, at)], query=query)


def test_a_member_reads_the_chain_link_by_link(house: House, member: Person) -> None:
    assert get(house, member, "/v1/releases/chain").body == b""
    links = publish(house, 70)
    lines = get(house, member, "/v1/releases/chain", b"after=0").body.splitlines()
    assert [Publication.decode(line) for line in lines] == links[:64]
    lines = get(house, member, "/v1/releases/chain", b"after=64").body.splitlines()
    assert [Publication.decode(line) for line in lines] == links[64:]
    assert get(house, member, "/v1/releases/chain", b"after=70").body == b""
    for after in (b"after=71", b"after=999999999"):  # whoever asks so holds what is lost here
        refused = get(house, member, "/v1/releases/chain", after)
        assert refused.status == 409
        assert said(refused)


def test_a_line_that_is_being_written_is_not_shown_yet(house: House, member: Person) -> None:
    links = publish(house, 2)
    whole = house.home.chain.read_bytes()
    house.home.chain.write_bytes(whole[:-20])
    assert get(house, member, "/v1/releases/chain").body == links[0].encode() + b"\n"


@pytest.mark.parametrize("query", [b"after=-1", b"after=x", b"after=1&x=2", b"before=1", b"after=1234567890", b"a"])
def test_another_question_has_no_answer(house: House, member: Person, query: bytes) -> None:
    publish(house)
    assert get(house, member, "/v1/releases/chain", query).status == 404


def test_a_member_fetches_each_published_file_whole(house: House, member: Person) -> None:
    (link,) = publish(house)
    for name, content in FILES.items():
        answer = get(house, member, f"/v1/releases/{link.release}/{name}")
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers[b"content-length"] == str(len(content)).encode()


@pytest.mark.parametrize(
    "name", ["chain.jsonl", "registry.key", "..", "manifest.json.", "secret.txt", "MANIFEST.json", "%2e%2e", "a/b"]
)
def test_no_other_file_exists(house: House, member: Person, name: str) -> None:
    (link,) = publish(house)
    (house.home.releases / link.release / "secret.txt").write_text("not published")
    for release in (link.release, "0" * 64, "..", "keys"):
        answer = get(house, member, f"/v1/releases/{release}/{name}")
        assert answer.status == 404
        assert said(answer)


def test_a_file_that_is_not_whole_is_not_sent(house: House, member: Person) -> None:
    (link,) = publish(house)
    (house.home.releases / link.release / "card.md").write_bytes(b"# A")
    assert get(house, member, f"/v1/releases/{link.release}/card.md").status == 503


def test_strangers_learn_nothing_about_releases_or_each_other(house: House, member: Person) -> None:
    (link,) = publish(house)
    revoked = house.joined()
    house.registry.revoke(revoked.device, time.time())
    for path in ("/v1/releases/chain", f"/v1/releases/{link.release}/card.md", f"/v1/releases/{'0' * 64}/card.md"):
        answers = {
            "nobody": ask(house.app, "GET", path),
            "unknown": get(house, Person(), path),
            "revoked": get(house, revoked, path),
            "revoked, late": get(house, revoked, path, at=time.time() - 999),
            "garbage": ask(house.app, "GET", path, [(b"authorization", b"Hushrec x.y.z")]),
            "bearer": ask(house.app, "GET", path, [(b"authorization", b"Bearer \xff\xfe")]),
            "signed for another path": ask(house.app, "GET", path, [member.signed("GET", "/v1/revocations")]),
            "signed for another method": ask(house.app, "GET", path, [member.signed("POST", path)]),
            "signed for another query": ask(house.app, "GET", path, [member.signed("GET", path + "?after=1")]),
            "another's name": ask(house.app, "GET", path, [named(member, Person(), path)]),
        }
        assert {who: answer.status for who, answer in answers.items()} == dict.fromkeys(answers, 403)
        assert all(answer.told == answers["nobody"].told for answer in answers.values())


def named(member: Person, thief: Person, path: str) -> tuple[bytes, bytes]:
    """The thief's signature under the member's name."""
    name, value = thief.signed("GET", path)
    return name, value.replace(thief.device.encode(), member.device.encode())


def test_a_member_whose_clock_is_wrong_is_told_so(house: House, member: Person) -> None:
    for late in (-999, 999):
        answer = get(house, member, "/v1/releases/chain", at=time.time() + late)
        assert answer.status == 401
        assert said(answer)

"""The page on which a release is tried: what it answers, whom it answers, and that it has words for all it says."""

import asyncio
import json
import re
from importlib import resources
from typing import Any

import httpx
import pytest

from client import Recommender
from shared.errors import Misconfigured
from simulations.tryout import Visitor, make_page

HOST = "127.0.0.1:8780"


@pytest.fixture(scope="module")
def visitor(tiny) -> Visitor:
    release, model = tiny.release()
    return Visitor(release, Recommender(release, model))


def deeds(*done: dict[str, Any]) -> bytes:
    return json.dumps({"deeds": list(done)}).encode()


def click(item: str) -> dict[str, Any]:
    return {"kind": "click", "item": item}


def ids(answer: dict[str, Any]) -> list[str]:
    return [offer["id"] for offer in answer["offers"]]


def test_who_has_done_nothing_gets_what_anybody_gets(visitor):
    answer = visitor.offers(deeds())
    assert len(answer["offers"]) == 10
    assert answer["interests"] == []
    assert {offer["was"] for offer in answer["offers"]} == {None}


def test_a_deed_changes_the_list_and_says_what_was_before(visitor):
    first = ids(visitor.offers(deeds()))
    liked = visitor.offers(deeds(click("garden-3")))
    assert ids(liked) != first
    assert "garden-3" not in ids(liked)
    assert [offer["was"] for offer in liked["offers"]] == [
        first.index(item) + 1 if item in first else None for item in ids(liked)
    ]
    assert any("you chose" in words for offer in liked["offers"] for words, _ in offer["reasons"])
    assert liked["interests"]


def test_own_words_count_and_reasons_that_read_alike_are_one(visitor):
    answer = visitor.offers(
        deeds({"kind": "search", "text": "rose garden"}, {"kind": "search", "text": "garden soil", "item": None})
    )
    for offer in answer["offers"]:
        said = [words for words, _ in offer["reasons"]]
        assert len(said) == len(set(said)) <= 4
    assert any("your own words" in words for offer in answer["offers"] for words, _ in offer["reasons"])


def test_items_are_found_by_all_the_words_of_their_titles(visitor):
    assert visitor.find("ROSE") == [{"id": "garden-0", "title": "rose"}]
    assert {one["title"] for one in visitor.find("se")} >= {"rose", "seed"}
    assert visitor.find("rose tulip") == visitor.find("no such words") == []
    assert len(visitor.find("")) == 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "deeds"),
        (b'{"deeds": 3}', "deeds"),
        (deeds({"kind": "click", "item": "nowhere"}), r"deeds\.0\.item: expected an item of the catalogue"),
        (deeds({"kind": "search", "text": "  "}), r"deeds\.0: expected an item or words"),
        (deeds({"kind": "buy", "item": "garden-1"}), r"deeds\.0\.kind"),
        (deeds(*[click("garden-1")] * 201), "deeds"),
        (deeds(click("garden-1") | {"more": 1}), r"deeds\.0\.more"),
    ],
)
def test_what_cannot_be_read_is_named(visitor, content, said):
    with pytest.raises(Misconfigured, match=said):
        visitor.offers(content)


def ask(visitor: Visitor, method: str, path: str, host: str = HOST, **given: Any) -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app=make_page(visitor, "one", {HOST}), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.request(method, path, headers={"host": host}, **given)

    return asyncio.run(asking())


def test_the_page_is_answered_under_its_own_name_alone(visitor):
    assert ask(visitor, "GET", "/").status_code == 200
    assert ask(visitor, "GET", "/", host="evil.example").status_code == 421
    assert ask(visitor, "POST", "/v1/offers", host="evil.example", content=deeds()).status_code == 421


def test_the_page_gets_its_answers(visitor):
    assert ask(visitor, "GET", "/v1/about").json() == {"name": "one"}
    assert ask(visitor, "GET", "/v1/items?words=rose").json()["items"]
    assert len(ask(visitor, "POST", "/v1/offers", content=deeds()).json()["offers"]) == 10
    refused = ask(visitor, "POST", "/v1/offers", content=b"{")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "misconfigured")
    assert ask(visitor, "POST", "/v1/offers", content=b" " * 2**20).status_code == 413


def template(name: str, package: str = "simulations.tryout") -> str:
    return resources.files(package).joinpath("templates", name).read_text(encoding="utf-8")


def test_the_page_has_words_for_all_it_says_in_each_language():
    words, page, script = (
        json.loads(template("words.json")),
        template("try.html"),
        template("try.js") + template("page.js", "shared"),
    )
    asked = set(re.findall(r'data-word="(\w+)"', page)) | set(re.findall(r'\bsay\("(\w+)"', script))
    asked |= {"click", "search", "dismissal", "up", "down"}
    for texts in words.values():
        assert asked <= texts.keys()
        assert texts.keys() == words["en"].keys()
    assert set(re.findall(r'element\("(\w+)"\)', script)) <= set(re.findall(r'id="(\w+)"', page))

"""The local API: what it answers, and that what was told, muted or deleted counts at once."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from client.facade import DeviceFacade
from client.http_api import make_api
from client.store import Store
from shared.behaviour import EventKind
from shared.errors import StorageFailed
from tests.support.asking_device import HOST, TOKEN, Asking
from tests.support.fakes import FakeRanking


def items(api, query=""):
    answer = api.ask("GET", f"/v1/recommendations{query}")
    assert answer.status == 200
    return [one["item"] for one in answer.json()["recommendations"]]


def write(api, *events):
    answer = api.ask("POST", "/v1/events", {"events": list(events)})
    assert answer.status == 200
    return answer.json()["ids"]


def test_health_needs_no_token_and_says_nothing_else(api):
    answer = api.ask("GET", "/v1/health", headers=[(b"host", HOST.encode())])
    assert (answer.status, answer.json()) == (200, {"ok": True})


def test_events_are_written_and_their_row_ids_answered(api, store):
    event = {
        "kind": "rating",
        "item": "music-0",
        "text": "fine strings",
        "time_seconds": 1_700_000_000,
        "value": 4,
        "shown": ["music-1"],
        "propensity": 0.5,
        "context": {"hour": "08"},
    }
    assert write(api, event, {"kind": "search", "text": "drums"}) == [1, 2]
    kept = store.kept[1]
    assert (kept.kind, kept.item, kept.text, kept.value) == (EventKind.RATING, "music-0", "fine strings", 4.0)
    assert (kept.time_seconds, kept.shown, kept.propensity) == (1_700_000_000.0, ("music-1",), 0.5)
    assert kept.context == (("hour", "08"),)


def test_a_retry_with_the_same_key_is_written_once(api, store):
    event = {"kind": "click", "item": "music-0", "key": "8f14e45f"}
    assert write(api, event) == write(api, event) == [1]
    assert len(store.kept) == 1


def test_one_bad_event_keeps_its_whole_batch_out(api, store):
    answer = api.ask("POST", "/v1/events", {"events": [{"kind": "click", "item": "a"}, {"kind": "stare", "item": "b"}]})
    assert answer.status == 422
    assert answer.json()["fields"] == [{"field": "events.1.kind", "rule": "enum"}]
    assert store.kept == {}


def test_a_time_ahead_of_the_devices_clock_is_named_as_any_other_field(api, store):
    click, late = {"kind": "click", "item": "music-0"}, {"time_seconds": 100_000_000_000}
    answer = api.ask("POST", "/v1/events", {"events": [click, {**click, **late}]})
    assert (answer.status, answer.json()["error"]) == (422, "invalid")
    assert answer.json()["fields"] == [{"field": "events.1.time_seconds", "rule": "ahead_of_clock"}]
    clicked = {"action": "clicked", "item": "music-0", **late}
    answer = api.ask("POST", "/v1/feedback", {"feedback": [clicked]})
    assert answer.json()["fields"] == [{"field": "feedback.0.time_seconds", "rule": "ahead_of_clock"}]
    assert store.kept == {}


def test_unknown_items_are_named_in_the_answer_and_their_events_kept(api, store, ranking):
    answer = api.ask("POST", "/v1/events", {"events": [{"kind": "click", "item": "nothing/such"}]}).json()
    assert answer == {"ids": [1], "new": 1, "unknown": ["nothing/such"]}
    ranking.has_release = False
    answer = api.ask("POST", "/v1/events", {"events": [{"kind": "click", "item": "nothing/such"}]}).json()
    assert answer == {"ids": [2], "new": 1, "unknown": None}


def test_recommendations_say_why_and_with_what_chance(api):
    write(api, {"kind": "click", "item": "kitchen-0"})
    answer = api.ask("GET", "/v1/recommendations?n=2").json()["recommendations"]
    assert [one["item"] for one in answer] == ["kitchen-1", "kitchen-2"]
    assert (answer[0]["propensity"], answer[0]["because"]) == (0.5, "your interest in kitchen")


def test_wishes_come_from_the_query(api, ranking):
    items(
        api,
        "?n=3&categories=a&categories=b%20c&blocked=war&diversity=0.2&freshness=0.3&exploration=0.1"
        "&strategy=content&include_met=true&context=hour:08&context=place:home",
    )
    count, wishes, context, _ = ranking.asked[0]
    assert (count, context) == (3, (("hour", "08"), ("place", "home")))
    assert (wishes.categories, wishes.blocked_words) == ({"a", "b c"}, {"war"})
    assert (wishes.diversity, wishes.freshness, wishes.exploration) == (0.2, 0.3, 0.1)
    assert (wishes.strategy, wishes.include_met) == ("content", True)


@pytest.mark.parametrize(
    "query",
    [
        "n=0",
        "n=101",
        "n=ten",
        "diversity=2",
        "freshness=nan",
        "exploration=1",
        "strategy=magic",
        "m=3",
        "diversity=0.6&calibration=0.6",
    ],
)
def test_wishes_out_of_bounds_or_unknown_are_refused(api, query):
    assert api.ask("GET", f"/v1/recommendations?{query}").status == 422


def test_the_next_recommendation_reflects_feedback_which_keeps_the_chance_of_the_offer(api, store):
    offer = api.ask("GET", "/v1/recommendations?n=1").json()["recommendations"][0]
    shown = {"action": "shown", "item": offer["item"], "propensity": offer["propensity"], "beside": ["music-3"]}
    assert api.ask("POST", "/v1/feedback", {"feedback": [shown]}).json() == {"ids": [None]}
    clicked = {"action": "clicked", "item": offer["item"]}
    assert api.ask("POST", "/v1/feedback", {"feedback": [clicked]}).json() == {"ids": [1]}
    assert (store.kept[1].propensity, store.kept[1].shown) == (0.5, ("music-3",))
    assert offer["item"] not in items(api)


def test_a_deletion_acts_at_once(api):
    one, other = write(api, {"kind": "click", "item": "kitchen-0"}, {"kind": "click", "item": "kitchen-1"})
    assert items(api, "?n=1") == ["kitchen-2"]
    assert api.ask("DELETE", f"/v1/events?ids={one}&ids={other}&ids=77").json() == {"deleted": 2}
    assert items(api, "?n=1") == ["garden-0"]


def test_all_events_are_deleted_without_ids_but_not_by_a_misspelt_one(api, store):
    write(api, {"kind": "click", "item": "kitchen-0"}, {"kind": "click", "item": "kitchen-1"})
    for query in ("?id=1", "?ids=", "?ids=one", "?ids=0"):
        assert api.ask("DELETE", f"/v1/events{query}").status == 422
    assert len(store.kept) == 2
    assert api.ask("DELETE", "/v1/events").json() == {"deleted": 2}
    assert store.kept == {}


def test_a_mute_acts_at_once_and_can_be_taken_back(api):
    write(api, {"kind": "click", "item": "kitchen-0"})
    answer = api.ask("POST", "/v1/interests/kitchen", {"action": "mute"})
    assert [one["name"] for one in answer.json()["concepts"] if one["muted"]] == ["kitchen"]
    assert items(api, "?n=1") == ["garden-0"]
    api.ask("POST", "/v1/interests/kitchen", {"action": "clear"})
    assert items(api, "?n=1") == ["kitchen-1"]


@pytest.mark.parametrize(
    ("method", "target", "content"),
    [
        ("GET", "/v1/items/nothing%2Flike%20it/explanation", b""),
        ("POST", "/v1/interests/nothing%2Flike%20it", {"action": "mute"}),
        ("GET", "/v1/nothing", b""),
        ("GET", "/v1/health/", b""),
    ],
)
def test_what_is_not_there_is_not_found_without_being_named(api, method, target, content):
    answer = api.ask(method, target, content)
    assert answer.status == 404
    assert answer.json() == {"error": "not-found", "meaning": "there is no such place, item or concept"}


def test_an_explanation_names_reasons_events_and_what_would_be_without_them(api):
    row = write(api, {"kind": "click", "item": "kitchen-0"})[0]
    answer = api.ask("GET", "/v1/items/kitchen-1/explanation").json()
    assert answer["rank"] == 1
    assert answer["without"] == {"events": [row], "rank": 9}


def test_an_item_id_may_hold_a_slash(api, ranking):
    asked = []
    ranking.explain = lambda item: asked.append(item) or {}
    assert api.ask("GET", "/v1/items/a%2Fb%20c/explanation").status == 200
    assert asked == ["a/b c"]


def test_a_search_ranks_for_a_sentence_and_leaves_nothing_behind(api, store):
    write(api, {"kind": "click", "item": "kitchen-0"})
    answer = api.ask("POST", "/v1/search", {"text": "a guitar for the music", "n": 2}).json()["recommendations"]
    assert [one["item"] for one in answer] == ["music-0", "music-1"]
    kitchen = api.ask("POST", "/v1/search", {"text": "a kitchen"}).json()["recommendations"]
    assert kitchen[0]["item"] == "kitchen-0"  # met, and found all the same
    assert len(store.rows()) == 1


@pytest.mark.parametrize(
    ("content", "field"),
    [({"text": ""}, "text"), ({"text": " \n"}, "text"), ({"n": 3}, "text"), ({"text": "x", "n": 0}, "n"),
     ({"text": "x" * 1001}, "text"), ({"text": "x", "n": 101}, "n")],
)  # fmt: skip
def test_a_search_for_nothing_or_too_much_names_the_field(api, content, field):
    answer = api.ask("POST", "/v1/search", content)
    assert answer.status == 422
    assert [one["field"] for one in answer.json()["fields"]] == [field]


def test_privacy_and_export_answer(api):
    write(api, {"kind": "search", "text": "old trains", "time_seconds": 5})
    assert api.ask("GET", "/v1/privacy").json() == {"user": {"epsilon": 1.5}}
    exported = api.ask("GET", "/v1/export").json()
    assert exported["events"] == [{"id": 1, "time_seconds": 5.0, "kind": "search", "text": "old trains"}]


def test_without_a_release_everything_but_ranking_works(api, ranking):
    ranking.has_release = False
    assert write(api, {"kind": "click", "item": "kitchen-0"}) == [1]
    for method, target, content in [
        ("GET", "/v1/recommendations", b""),
        ("POST", "/v1/search", {"text": "a rose"}),
        ("GET", "/v1/interests", b""),
        ("GET", "/v1/items/a/explanation", b""),
        ("POST", "/v1/interests/a", {"action": "mute"}),
    ]:
        answer = api.ask(method, target, content)
        assert (answer.status, answer.json()["error"]) == (409, "not-yet")


def test_answers_are_as_the_openapi_document_says(api):
    from client.http_api import schemas

    write(api, {"kind": "click", "item": "kitchen-0"})
    documented = {
        "/v1/recommendations": schemas.Recommendations,
        "/v1/items/kitchen-1/explanation": schemas.Explanation,
        "/v1/interests": schemas.InterestsResponse,
        "/v1/health": schemas.HealthResponse,
    }
    for target, model in documented.items():
        answer = api.ask("GET", target).json()
        assert model.model_validate(answer, strict=True).model_dump(exclude_unset=True) == answer


def test_the_openapi_document_lists_the_contract_and_is_public(api):
    document = api.ask("GET", "/openapi.json", headers=[(b"host", HOST.encode())]).json()
    places = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert places == {
        ("GET", "/v1/health"),
        ("POST", "/v1/events"),
        ("DELETE", "/v1/events"),
        ("GET", "/v1/recommendations"),
        ("POST", "/v1/search"),
        ("POST", "/v1/feedback"),
        ("GET", "/v1/items/{item}/explanation"),
        ("GET", "/v1/interests"),
        ("POST", "/v1/interests/{name}"),
        ("GET", "/v1/privacy"),
        ("GET", "/v1/export"),
    }


def test_pages_that_fetch_scripts_from_elsewhere_are_not_served(api):
    assert [api.ask("GET", path).status for path in ("/docs", "/redoc")] == [404, 404]


def test_a_fault_of_ours_is_one_word_and_its_log_line_names_no_text(api, ranking, caplog):
    def broken(*_):
        raise RuntimeError("the secret words of a person")

    ranking.interests = broken
    answer = api.ask("GET", "/v1/interests")
    assert (answer.status, answer.json()) == (500, {"error": "fault", "meaning": "a fault of ours"})
    assert "secret" not in caplog.text
    assert "RuntimeError at test_api.py:" in caplog.text


def test_a_full_disk_asks_to_keep_the_event_and_call_again_which_then_works(tmp_path, caplog):
    with Store.open(tmp_path / "store.sqlite", b"k" * 32) as store:
        api = Asking(make_api(DeviceFacade(store, FakeRanking(store), dict, lambda: 1_800_000_000.0), TOKEN, {HOST}))
        write(api, {"kind": "click", "item": "music-0"})
        connection = store._database._file._connection
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        large = {"kind": "search", "text": "the words of a person" * 400, "key": "a"}
        with caplog.at_level(logging.ERROR):
            answer = api.ask("POST", "/v1/events", {"events": [large]})
        assert (answer.status, answer.json()["error"]) == (507, "storage")
        assert "call again" in answer.json()["meaning"]
        assert "SQLITE_FULL" in caplog.text
        assert "the words" not in caplog.text + answer.body.decode()
        assert [event.item for _, event in store.rows()] == ["music-0"]
        connection.execute(f"PRAGMA max_page_count = {pages + 100}")
        assert write(api, large) == write(api, large) == [2]
        api.close()


@pytest.mark.parametrize(
    ("method", "target", "content", "broken"),
    [
        ("DELETE", "/v1/events", b"", "store.delete_all"),
        ("POST", "/v1/feedback", {"feedback": [{"action": "clicked", "item": "a"}]}, "store.append"),
        ("POST", "/v1/interests/music", {"action": "mute"}, "ranking.control"),
    ],
)
def test_whatever_cannot_be_written_is_told_from_a_wrong_request(api, store, ranking, method, target, content, broken):
    def full(*_):
        raise StorageFailed("no room in /home/of/a/person")

    part, name = broken.split(".")
    setattr({"store": store, "ranking": ranking}[part], name, full)
    answer = api.ask(method, target, content)
    assert (answer.status, answer.json()["error"]) == (507, "storage")
    assert b"/home" not in answer.body


def test_two_clients_at_once_lose_nothing_and_get_ids_of_their_own(store):
    facade = DeviceFacade(store, FakeRanking(store), dict, lambda: 1_800_000_000.0)

    def one(client):
        asking = Asking(make_api(facade, TOKEN, {HOST}))
        ids = []
        for number in range(40):
            ids += write(asking, {"kind": "click", "item": f"{client}-{number}"})
            items(asking)
        asking.close()
        return ids

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(one, ("garden", "music"))
    assert sorted(first + second) == list(range(1, 81))
    assert {event.item for event in store.kept.values()} == {f"{c}-{n}" for c in ("garden", "music") for n in range(40)}


def test_bodies_have_bounds(api, store):
    click = {"kind": "click", "item": "a"}
    refused = [
        {"events": []},
        {"events": [click] * 1_001},
        {"events": [{**click, "item": ""}]},
        {"events": [{**click, "item": "a" * 257}]},
        {"events": [{**click, "text": "a" * 10_001}]},
        {"events": [{**click, "shown": ["a"] * 101}]},
        {"events": [{**click, "value": 1e7}]},
        {"events": [{**click, "propensity": 0}]},
        {"events": [{**click, "propensity": 1.5}]},
        {"events": [{**click, "time_seconds": -1}]},
        {"events": [{**click, "time_seconds": 1e13}]},
        {"events": [{**click, "time_seconds": 1_800_000_000 + 2 * 86_400}]},
        {"events": [{**click, "time_seconds": "5"}]},
        {"events": [{**click, "context": {str(number): "a" for number in range(17)}}]},
        {"events": [{**click, "context": {"hour": "a" * 65}}]},
        {"events": [{**click, "key": "a b"}]},
        {"events": [{"kind": "click"}]},
        {"events": [{**click, "person": "p1"}]},
        {"events": [click], "more": 1},
    ]
    for body in refused:
        assert api.ask("POST", "/v1/events", body).status == 422, body
    assert store.kept == {}
    json_type = (b"content-type", b"application/json")
    for text in (
        b'{"events":[{"kind":"click","item":"a","value":NaN}]}',
        b'{"events":[{"kind":"click","item":"\\ud800"}]}',
    ):
        answer = api.ask("POST", "/v1/events", text, [*_needed(), json_type])
        assert answer.status == 422
    assert json.loads(answer.body)["error"] == "invalid"


def _needed():
    return [(b"host", HOST.encode()), (b"authorization", f"Bearer {TOKEN}".encode())]

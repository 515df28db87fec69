"""The local API over a sealed store and the real ranking of a small release: what counts at once, and what fits."""

import pytest

from client.facade import open_facade
from client.http_api import make_api, schemas
from client.store import Store
from tests.support.asking_device import HOST, TOKEN, Asking
from tests.support.places import make_place
from tests.support.tiny import TOPICS


@pytest.fixture(scope="module")
def api(tmp_path_factory, tiny):
    """With three clicks on garden items; tests add to them, and only one deletes, as ranking then starts anew."""
    place = make_place(tmp_path_factory.mktemp("devices") / "device")
    place.install(tiny.moved()[0])
    with open_facade(place.home) as facade:
        asking = Asking(make_api(facade, TOKEN, {HOST}))
        asking.place = place
        clicks = [{"kind": "click", "item": f"garden-{n}", "time_seconds": 1_700_000_000 + n} for n in range(3)]
        assert asking.ask("POST", "/v1/events", {"events": clicks}).status == 200
        yield asking
        asking.close()


def recommended(api, query=""):
    answer = api.ask("GET", f"/v1/recommendations?n=24{query}")
    assert answer.status == 200
    return [one["item"] for one in answer.json()["recommendations"]]


def scores(api):
    answer = api.ask("GET", "/v1/recommendations?n=24&include_met=true").json()["recommendations"]
    return {one["item"]: one["score"] for one in answer}


def test_feedback_moves_the_next_recommendation_and_keeps_its_chance(api):
    offers = api.ask("GET", "/v1/recommendations?n=5&exploration=0.4").json()["recommendations"]
    taken, *others = offers
    feedback = {
        "action": "clicked",
        "item": taken["item"],
        "propensity": taken["propensity"],
        "beside": [other["item"] for other in others],
        "context": {"hour": "08"},
    }
    before = scores(api)
    assert api.ask("POST", "/v1/feedback", {"feedback": [feedback]}).status == 200
    assert taken["item"] not in recommended(api)
    assert scores(api) != before
    with Store.open(api.place.home.store, api.place.data_key, read_only=True) as store:
        event = store.rows()[-1][1]
    assert (event.item, event.propensity) == (taken["item"], taken["propensity"])
    assert event.shown == tuple(other["item"] for other in others)


def test_a_dismissed_item_is_not_offered_again(api):
    first = recommended(api)[0]
    api.ask("POST", "/v1/feedback", {"feedback": [{"action": "dismissed", "item": first}]})
    assert first not in recommended(api)


def test_a_mute_sinks_its_items_at_once_and_can_be_taken_back(api):
    concepts = api.ask("GET", "/v1/interests").json()["concepts"]
    name, before = concepts[0]["name"], recommended(api)
    muted = api.ask("POST", f"/v1/interests/{name}", {"action": "mute"})
    assert [one["name"] for one in muted.json()["concepts"] if one["muted"]] == [name]
    assert recommended(api) != before
    assert name in api.ask("GET", "/v1/export").json()["decisions"]["interests"]
    assert api.ask("POST", f"/v1/interests/{name}", {"action": "clear"}).status == 200
    assert recommended(api) == before
    assert api.ask("GET", "/v1/export").json()["decisions"]["interests"] == "[]"


def test_a_deletion_gives_back_what_was_recommended_before_the_event(api):
    before, scored = recommended(api), scores(api)
    row = api.ask("POST", "/v1/events", {"events": [{"kind": "purchase", "item": "music-3"}]}).json()["ids"][0]
    assert "music-3" not in recommended(api)
    assert api.ask("DELETE", f"/v1/events?ids={row}").json() == {"deleted": 1}
    assert recommended(api) == before
    assert scores(api) == pytest.approx(scored, abs=1e-4)


def test_wishes_hold_for_the_real_ranking(api):
    assert {item.split("-")[0] for item in recommended(api, "&categories=music")} == {"music"}
    assert "kitchen-0" not in recommended(api, f"&blocked={TOPICS['kitchen'].split()[0]}")
    assert set(recommended(api, "&include_met=true")) > {"garden-0", "garden-1"}


def test_every_answer_is_as_documented(api):
    item = recommended(api)[0]
    documented = {
        "/v1/recommendations": schemas.Recommendations,
        f"/v1/items/{item}/explanation": schemas.Explanation,
        "/v1/interests": schemas.InterestsResponse,
        "/v1/privacy": schemas.PrivacyResponse,
        "/v1/export": schemas.Everything,
    }
    for target, model in documented.items():
        answer = api.ask("GET", target).json()
        assert model.model_validate(answer, strict=True).model_dump(exclude_unset=True) == answer


def test_an_explanation_adds_up_and_names_events_by_their_rows(api):
    item = recommended(api)[0]
    answer = api.ask("GET", f"/v1/items/{item}/explanation").json()
    assert sum(reason["part"] for reason in answer["reasons"]) == pytest.approx(answer["score"], abs=1e-4)
    rows = {event["id"] for event in api.ask("GET", "/v1/export").json()["events"]}
    assert {event["id"] for event in answer["events"]} == rows
    assert 0 < len(answer["without"]["events"]) <= 3
    assert set(answer["without"]["events"]) <= rows
    assert api.ask("GET", "/v1/items/nothing/explanation").status == 404
    assert api.ask("POST", "/v1/interests/nothing", {"action": "boost"}).status == 404

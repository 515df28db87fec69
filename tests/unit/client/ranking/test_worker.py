"""The side that ranks: from the first second, event by event, under the release that counts now."""

import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest

from client import Recommender, RecommendOptions
from client.ranking.catalogue_ids import CatalogueIds
from client.ranking.protocol import DECISIONS
from client.ranking.worker import RankingWorker
from shared.behaviour import Event, EventKind
from shared.errors import Corrupt, Misconfigured, NotYet
from tests.support.places import make_place
from tests.support.tiny import person


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path / "device")


@pytest.fixture
def store(place):
    with place.store() as store:
        yield store


@pytest.fixture(scope="module")
def moved(tiny):
    return tiny.moved()


@pytest.fixture
def ranking(place, store, moved):
    place.install(moved[0])
    return RankingWorker(place.home, place.data_key)


PLAIN = RecommendOptions()


def scores(ranking, count=24, wishes=PLAIN):
    return {offer["item"]: offer["score"] for offer in ranking.recommend(count, wishes, (), None)}


def rebuilt(moved, events):
    """Item and score of all that a fresh recommender offers after these events."""
    ranker = Recommender(*moved)
    profile = ranker.profile(events, ranker.levels_for(events))
    return {offer.item: offer.score for offer in ranker.recommend(profile, 24)}


def test_release_zero_ranks_before_any_round_and_any_event(place, store, tiny):
    release, model = tiny.release()
    place.install(release)
    offers = RankingWorker(place.home, place.data_key).recommend(5, PLAIN, (), None)
    expected = Recommender(release, model).recommend([], 5)
    assert [offer["item"] for offer in offers] == [offer.item for offer in expected]
    assert [offer["title"] for offer in offers] == [release.catalogue[offer.row].title for offer in expected]


def test_answers_are_plain_data_that_json_can_hold(ranking, store):
    store.append(person(0, 6))
    answers = [
        ranking.recommend(3, RecommendOptions(exploration=0.5), (("hour", "08"),), 0.0),
        ranking.rank_text("a rose for the garden", 3),
        ranking.explain("garden-0"),
        ranking.interests(),
    ]
    assert json.loads(json.dumps(answers, allow_nan=False)) == answers
    assert answers[0][0].keys() == {"item", "title", "score", "propensity", "reasons", "because"}
    assert answers[0][0]["reasons"][0].keys() == {"kind", "name", "part"}
    assert all(0 < offer["propensity"] <= 1 for offer in answers[0])


def test_items_are_told_from_unknown_ones_as_far_as_a_release_can_tell(place, moved, tiny):
    ids = CatalogueIds(place.home)
    assert ids.unknown(["garden-0"]) is None
    place.install(moved[0])
    assert ids.unknown(iter(["gone", "garden-0", "gone", "new"])) == ["gone", "new"]
    place.name("0" * 64)  # a release that is not there
    assert ids.unknown(["gone"]) is None
    place.home.current.write_bytes(b"[]")
    assert ids.unknown(["gone"]) is None
    place.install(tiny.release()[0])
    assert ids.unknown(["gone", "garden-0"]) == ["gone"]


def test_nothing_is_said_of_a_person_whose_events_are_gone(ranking, store):
    store.append(person(0, 6))
    assert "you chose" in " ".join(offer["because"] for offer in ranking.recommend(9, PLAIN, (), None))
    store.delete_all()
    for offer in ranking.recommend(24, PLAIN, (), None):
        assert not {"event", "companion", "course", "concept"} & {reason["kind"] for reason in offer["reasons"]}
        assert "you" not in offer["because"]
    known = ranking.interests()
    assert known["events"] == known["drift"] == 0
    assert {concept["share"] for concept in known["concepts"]} == {0.0}


def test_every_event_counts_from_the_next_question_on(ranking, store, moved):
    assert scores(ranking) == pytest.approx(rebuilt(moved, []), abs=1e-4)
    log = []
    for number, event in enumerate(person(1, 6)):
        event = replace(event, text="a loud drum" if number == 3 else "")
        log.append(event)
        store.append([event])
        assert scores(ranking) == pytest.approx(
            {offer.item: offer.score for offer in Recommender(*moved).recommend(log, 24)}, abs=1e-4
        )


def test_events_told_out_of_order_and_deleted_ones_leave_what_a_rebuild_would(ranking, store, moved):
    log = person(2, 8)
    ids = store.append([*log[:3], *log[4:]])
    scores(ranking)
    store.append([log[3]])
    assert scores(ranking) == pytest.approx(rebuilt(moved, log), abs=1e-4)
    store.delete([ids[0]])
    assert scores(ranking) == pytest.approx(rebuilt(moved, log[1:]), abs=1e-4)
    store.delete_all()
    assert scores(ranking) == pytest.approx(rebuilt(moved, []), abs=1e-4)


def test_a_deletion_is_noticed_even_when_as_many_events_came_since(ranking, store, moved):
    log = person(3, 8)
    ids = store.append(log[:5])
    scores(ranking)
    store.delete(ids[:2])
    store.append(log[5:7])
    assert scores(ranking) == pytest.approx(rebuilt(moved, [*log[2:5], *log[5:7]]), abs=1e-4)


def test_a_new_release_counts_from_the_next_question_on(ranking, place, store, tiny):
    store.append(person(4, 5))
    before = scores(ranking)
    later = tiny.moved(seed=7)
    place.install(later[0])
    after = scores(ranking)
    assert after != before
    assert after == pytest.approx(rebuilt(later, person(4, 5)), abs=1e-4)


def test_a_federation_with_another_shape_needs_no_restart(ranking, place, store, tiny):
    scores(ranking)
    other = tiny.moved("model.views=['dense']", "model.lora_rank=3")
    place.install(other[0])
    store.append(person(5, 4))
    assert scores(ranking) == pytest.approx(rebuilt(other, person(5, 4)), abs=1e-4)
    assert ranking.interests()["concepts"] == []
    with pytest.raises(Misconfigured, match="ranks without them"):
        ranking.decided("garden", "mute")


@pytest.mark.parametrize("damage", ["missing", "torn", "another's name", "no publication"])
def test_a_release_that_is_not_what_it_is_called_leaves_the_one_before_in_use(
    ranking, place, store, tiny, damage, caplog
):
    store.append(person(6, 4))
    before = scores(ranking)
    release, _ = tiny.moved(seed=9)
    digest = release.digest()
    folder = place.home.releases / digest
    if damage != "missing":
        release.save(folder)
    if damage == "torn":
        (folder / "index.safetensors").write_bytes(b"torn")
    if damage == "another's name":
        shutil.move(folder, place.home.releases / ("0" * 64))
        digest = "0" * 64
    place.name("../../etc" if damage == "no publication" else digest)
    with caplog.at_level(logging.WARNING):
        assert scores(ranking) == before
        assert scores(ranking) == before
    assert len(caplog.records) == (damage != "no publication")
    with pytest.raises((Corrupt, Misconfigured)):
        scores(RankingWorker(place.home, place.data_key))


def test_without_a_release_there_is_nothing_to_rank_by_yet(place, store):
    ranking = RankingWorker(place.home, place.data_key)
    with pytest.raises(NotYet, match="no release is installed yet"):
        ranking.recommend(3, PLAIN, (), None)


def test_an_explanation_adds_up_and_names_events_by_their_rows(ranking, store, moved):
    log = person(7, 6)
    ids = store.append(log)
    offer = ranking.recommend(1, PLAIN, (), None)[0]
    told = ranking.explain(offer["item"])
    assert told["rank"] == 1
    assert told["score"] == pytest.approx(offer["score"], abs=1e-4)
    assert sum(reason["part"] for reason in told["reasons"]) == pytest.approx(told["score"], abs=1e-4)
    by_reasons = sum(reason["part"] for reason in told["reasons"] if reason["kind"] in ("event", "companion"))
    assert sum(event["part"] for event in told["events"]) == pytest.approx(by_reasons, abs=1e-5)
    assert {event["id"]: event["item"] for event in told["events"]} == {
        row: event.item for row, event in zip(ids, log, strict=True)
    }
    # What is said of fewer events is what a device without them ranks by.
    gone = told["without"]
    assert set(gone["events"]) <= set(ids)
    left = [event for row, event in zip(ids, log, strict=True) if row not in gone["events"]]
    ranker = Recommender(*moved)
    profile = ranker.profile(left, ranker.levels_for(log))
    met = {event.item for event in log}
    order = [o.item for o in ranker.recommend(profile, 24, RecommendOptions(include_met=True)) if o.item not in met]
    assert gone["rank"] == order.index(offer["item"]) + 1


def test_an_item_met_before_is_explained_too_and_an_unknown_one_refused(ranking, store):
    store.append(person(8, 3))
    assert ranking.explain(person(8, 3)[0].item)["rank"] >= 1
    with pytest.raises(Misconfigured, match="not in the catalogue"):
        ranking.explain("nothing")


def test_interests_are_shares_with_how_sure_they_are_and_what_was_decided(ranking, store, moved):
    store.append(person(9, 7))
    told = ranking.interests()
    assert [concept["name"] for concept in told["concepts"]] != []
    assert {concept["name"] for concept in told["concepts"]} == set(moved[0].concept_names)
    assert sum(concept["share"] for concept in told["concepts"]) == pytest.approx(1.0, abs=1e-5)
    assert all(concept["uncertainty"] >= 0 for concept in told["concepts"])
    assert told["events"] == 7
    assert told["levels"].keys() == {"word", "sentence", "history", "hour"}


def test_a_decision_is_text_for_the_store_and_holds_once_it_is_there(ranking, store):
    store.append(person(9, 7))
    first, second = (concept["name"] for concept in ranking.interests()["concepts"][:2])
    before = scores(ranking)
    text = ranking.decided(first, "mute")
    assert scores(ranking) == before
    store.controls[DECISIONS] = text
    store.controls[DECISIONS] = ranking.decided(second, "boost")
    assert scores(ranking) != before
    told = {concept["name"]: (concept["muted"], concept["boost"]) for concept in ranking.interests()["concepts"]}
    assert told.pop(first) == (True, False)
    assert told.pop(second) == (False, True)
    assert set(told.values()) == {(False, False)}
    for name in (first, second):
        store.controls[DECISIONS] = ranking.decided(name, "clear")
    assert scores(ranking) == before
    with pytest.raises(Misconfigured, match="expected one of"):
        ranking.decided("no such concept", "mute")


def test_what_was_turned_away_from_and_dismissed_is_not_offered(ranking, store):
    store.append([Event(1.0, EventKind.DISMISSAL, "music-0"), Event(2.0, EventKind.SKIP, "music-1")])
    assert not {"music-0", "music-1"} & set(scores(ranking))


def test_words_of_the_person_stand_in_no_print(ranking, store):
    store.append([Event(1.0, EventKind.SEARCH, text="a loud drum")])
    scores(ranking)
    assert "drum" not in repr(ranking) + repr(ranking._known)
    assert np.isfinite(list(scores(ranking).values())).all()

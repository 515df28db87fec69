"""What a person can do at the facade, over a store in memory."""

import pytest
from pydantic import ValidationError

from client.facade import DeviceFacade, EventRecord, FeedbackRecord, RecommendRequest
from client.recommender import Strategy
from shared.behaviour import EventKind
from shared.errors import Misconfigured
from tests.support.fakes import FakeRanking, FakeStore

NOW = 1_800_000_000.0


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def ranking(store):
    return FakeRanking(store)


@pytest.fixture
def facade(store, ranking):
    return DeviceFacade(store, ranking, lambda: {"spent": 1.0}, lambda: NOW)


def click(item, **rest):
    return EventRecord(kind=EventKind.CLICK, item=item, **rest)


def test_an_event_without_a_time_is_of_now(facade, store):
    assert facade.log([click("garden-0"), click("garden-1", time_seconds=5.0)]) == {
        "ids": [1, 2],
        "new": 2,
        "unknown": [],
    }
    assert [event.time_seconds for event in store.kept.values()] == [NOW, 5.0]


def test_a_key_is_written_once(facade, store):
    first = facade.log([click("garden-0", key="a")])
    again = facade.log([click("garden-0", key="a"), click("garden-0")])
    assert again == {"ids": [*first["ids"], 2], "new": 1, "unknown": []}
    assert len(store.kept) == 2


def test_a_time_far_ahead_is_refused_and_nothing_of_the_batch_written(facade, store):
    with pytest.raises(Misconfigured, match=r"^events\.1\.time_seconds: .* a day ahead; set the clock$"):
        facade.log([click("garden-0"), click("garden-1", time_seconds=NOW + 2 * 86_400)])
    late = FeedbackRecord(action="clicked", item="music-1", time_seconds=NOW + 2 * 86_400)
    with pytest.raises(Misconfigured, match=r"^feedback\.1\.time_seconds: "):
        facade.feedback([FeedbackRecord(action="shown", item="music-1"), late])
    assert store.kept == {}


def test_events_of_unknown_items_are_kept_and_the_items_named_once_a_release_can_tell(facade, store, ranking):
    strange = [click("gone", text="a lamp"), click("music-1"), click("new"), click("gone")]
    assert facade.log(strange)["unknown"] == ["gone", "new"]
    assert len(store.kept) == 4
    assert facade.log([EventRecord(kind=EventKind.SEARCH, text="lamp")])["unknown"] == []
    ranking.has_release = False
    assert facade.log(strange)["unknown"] is None


def test_a_click_on_what_was_shown_carries_the_chance_and_the_neighbours_it_was_shown_with(facade, store):
    shown = FeedbackRecord(action="shown", item="music-1", propensity=0.25, beside=["music-2", "garden-3"])
    assert facade.feedback([shown]) == {"ids": [None]}
    assert store.kept == {}
    assert facade.feedback([FeedbackRecord(action="clicked", item="music-1", context={"hour": "08"})]) == {"ids": [1]}
    event = store.kept[1]
    assert (event.kind, event.propensity, event.shown) == (EventKind.CLICK, 0.25, ("music-2", "garden-3"))
    assert event.context == (("hour", "08"),)


def test_what_feedback_says_itself_goes_before_what_is_remembered(facade, store):
    facade.feedback([FeedbackRecord(action="shown", item="music-1", propensity=0.25, beside=["music-2"])])
    facade.feedback([FeedbackRecord(action="dismissed", item="music-1", propensity=0.75, beside=["garden-0"])])
    assert (store.kept[1].kind, store.kept[1].propensity) == (EventKind.DISMISSAL, 0.75)
    assert store.kept[1].shown == ("garden-0",)


def test_each_action_becomes_its_kind_of_event(facade, store):
    actions = {"clicked": EventKind.CLICK, "skipped": EventKind.SKIP, "dismissed": EventKind.DISMISSAL}
    facade.feedback([FeedbackRecord(action=action, item="music-1") for action in actions])
    facade.feedback([FeedbackRecord(action="rated", item="music-1", value=4.0)])
    assert [event.kind for event in store.kept.values()] == [*actions.values(), EventKind.RATING]
    assert store.kept[4].value == 4.0


def test_mixed_feedback_keeps_ids_in_their_places(facade):
    batch = [
        FeedbackRecord(action="clicked", item="music-0"),
        FeedbackRecord(action="shown", item="music-1"),
        FeedbackRecord(action="skipped", item="music-2"),
    ]
    assert facade.feedback(batch) == {"ids": [1, None, 2]}


@pytest.mark.parametrize("record", [{"action": "rated"}, {"action": "clicked", "value": 3.0}])
def test_a_value_goes_with_a_rating_only(record):
    with pytest.raises(ValidationError):
        FeedbackRecord(item="a", **record)


def test_wishes_reach_the_ranking_whole(facade, ranking):
    facade.recommend(
        RecommendRequest(
            n=3,
            categories=["drama"],
            blocked=["war"],
            diversity=0.2,
            freshness=0.3,
            calibration=0.5,
            exploration=0.4,
            strategy=Strategy.CONTENT,
            include_met=True,
            context=["hour:08", "place:home"],
        )
    )
    count, wishes, context, now = ranking.asked[0]
    assert (count, context, now) == (3, (("hour", "08"), ("place", "home")), NOW)
    assert wishes.categories == {"drama"}
    assert wishes.blocked_words == {"war"}
    assert (wishes.diversity, wishes.calibration) == (0.2, 0.5)
    assert (wishes.freshness, wishes.exploration) == (0.3, 0.4)
    assert (wishes.strategy, wishes.include_met) == (Strategy.CONTENT, True)


def test_a_deletion_acts_on_the_next_recommendation(facade, ranking):
    row = facade.log([click("kitchen-0")])["ids"][0]
    assert facade.recommend(RecommendRequest(n=1))["recommendations"][0]["item"] == "kitchen-1"
    assert facade.forget([row, 99]) == {"deleted": 1}
    assert facade.recommend(RecommendRequest(n=1))["recommendations"][0]["item"] == "garden-0"
    assert ranking.forgotten == 1


def test_forgetting_everything_forgets_what_was_shown_too(facade, store):
    facade.feedback([FeedbackRecord(action="shown", item="music-1", propensity=0.25)])
    facade.log([click("music-0")])
    assert facade.forget() == {"deleted": 1}
    row = facade.feedback([FeedbackRecord(action="clicked", item="music-1")])["ids"][0]
    assert store.kept[row].propensity is None


def test_a_mute_acts_on_the_next_recommendation(facade):
    facade.log([click("kitchen-0")])
    answer = facade.decide("kitchen", "mute")
    assert [one["name"] for one in answer["concepts"] if one["muted"]] == ["kitchen"]
    assert not facade.recommend(RecommendRequest(n=1))["recommendations"][0]["item"].startswith("kitchen")


def test_an_export_can_be_handed_in_again(facade, store):
    facade.log([click("music-0", value=0.0, shown=["music-1"], propensity=0.5, context={"hour": "08"})])
    facade.log([EventRecord(kind=EventKind.SEARCH, text="old trains", time_seconds=1.0)])
    before = list(store.kept.values())
    answer = facade.export()
    assert (answer["decisions"], answer["privacy"]) == ({"interests": "[]"}, {"spent": 1.0})
    facade.forget()
    facade.log([EventRecord.model_validate({k: v for k, v in one.items() if k != "id"}) for one in answer["events"]])
    assert list(store.kept.values()) == before


def test_records_print_nothing_of_the_person():
    record = EventRecord(kind=EventKind.SEARCH, text="a secret")
    assert "secret" not in f"{record!r} {record}"
    with pytest.raises(ValidationError) as error:
        EventRecord.model_validate({"kind": "a secret", "text": 7, "secret word": 1})
    assert "a secret" not in str(error.value)

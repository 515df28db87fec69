"""One behaviour event."""

import dataclasses
import datetime
from dataclasses import replace

import pytest

from shared.behaviour import Event, EventKind, new_places, positive_events, seconds_between
from shared.errors import Misconfigured


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -float("inf")])
def test_a_time_that_is_not_finite_is_refused(time):
    with pytest.raises(Misconfigured, match="finite number of seconds"):
        Event(time, EventKind.CLICK, "a")


def test_an_event_needs_an_item_or_a_text():
    with pytest.raises(Misconfigured, match="item id or a text"):
        Event(0.0, EventKind.SEARCH)
    assert Event(0.0, EventKind.SEARCH, text="knee pain").item is None


def test_an_event_prints_none_of_what_its_person_did():
    event = Event(
        1234567.0, EventKind.SEARCH, "secret-item", "knee pain", 4.5, ("shown-item",), (("place", "hospital"),)
    )
    for private in ("1234567", "secret-item", "knee", "4.5", "shown-item", "hospital"):
        assert private not in f"{event!r} {event} {[event]}"
    assert repr(event) == "Event(search, 9 characters)"


def test_an_event_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Event(0.0, EventKind.CLICK, "a").item = "b"


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, float("nan")])
def test_a_propensity_is_a_chance(wrong):
    with pytest.raises(Misconfigured, match="propensity"):
        Event(0.0, EventKind.CLICK, "a", propensity=wrong)
    assert Event(0.0, EventKind.CLICK, "a", propensity=1.0).propensity == 1.0


@pytest.mark.parametrize("kind", ["buy", "Click", None, 3, ["click"]])
def test_a_kind_that_is_none_is_named(kind):
    with pytest.raises(Misconfigured, match="event kind: expected an EventKind, one of view, click") as refused:
        Event(1.0, kind, "i1")
    assert str(refused.value).endswith(f"got {type(kind).__name__}; write one of them, such as EventKind.CLICK")


@pytest.mark.parametrize("kind", EventKind)
def test_a_kind_as_text_is_answered_with_the_kind_to_write(kind):
    with pytest.raises(Misconfigured, match=f"got str; write EventKind.{kind.name}$"):
        Event(1.0, str(kind.value), "i1")


def test_times_items_and_contexts_of_other_types_are_named():
    with pytest.raises(Misconfigured, match=r"event time: .* got datetime; of a datetime, give its timestamp\(\)"):
        Event(datetime.datetime(2026, 1, 1), EventKind.CLICK, "i1")
    with pytest.raises(Misconfigured, match=r"event time: .* got str;"):
        Event("knee pain", EventKind.CLICK, "i1")
    with pytest.raises(Misconfigured, match=r"event item: expected the item's id as text, got int; give Item\.id"):
        Event(1.0, EventKind.CLICK, 1)
    for wrong in ({"hour": "08"}, {}):
        with pytest.raises(Misconfigured, match=r"context: .* got dict; write tuple\(context\.items\(\)\)"):
            Event(1.0, EventKind.CLICK, "i1", context=wrong)


def test_seconds_are_counted_between_dates_alone():
    dated, position = Event(1.7e9, EventKind.CLICK, "a"), Event(7.0, EventKind.CLICK, "b")
    assert seconds_between(dated, replace(dated, time_seconds=1.7e9 + 5)) == 5.0
    assert seconds_between(position, dated) is seconds_between(position, position) is None


def test_only_choices_of_what_no_event_was_about_before_are_new():
    kinds = {"s": EventKind.SEARCH, "d": EventKind.DISMISSAL, "c": EventKind.CLICK}
    log = [Event(float(n), kinds[kind], item, "words") for n, (kind, item) in enumerate(
        [("c", "a"), ("d", "b"), ("c", "b"), ("s", None), ("c", "a"), ("c", "x"), ("c", "c")]
    )]  # fmt: skip
    assert new_places(log) == [0, 5, 6]
    assert new_places(log, {"a", "b", "c"}) == [0, 6]
    assert [event.kind for event in positive_events(log)].count(EventKind.DISMISSAL) == 0

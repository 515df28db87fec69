"""What one event weighs: numbers below are worked out by hand from the rules in evidence.py."""

from itertools import pairwise

import numpy as np
import pytest

from client.interest.coherence import Coherence
from client.interest.evidence import KIND_WEIGHTS, EventWeigher, bounced
from shared.behaviour import TURNED_AWAY, Event, EventKind

HOUR = 3600.0
NOW = 1.7e9  # a date; smaller times are positions


def click(place, item=None, kind=EventKind.CLICK, **rest):
    return Event(NOW + place * HOUR, kind, item or f"i{place}", **rest)


def test_every_kind_has_a_weight_and_only_turning_away_is_negative():
    assert set(KIND_WEIGHTS) == set(EventKind)
    assert {kind for kind, weight in KIND_WEIGHTS.items() if weight < 0} == TURNED_AWAY
    assert KIND_WEIGHTS[EventKind.PURCHASE] > KIND_WEIGHTS[EventKind.CLICK] > KIND_WEIGHTS[EventKind.VIEW]


def test_the_nth_event_about_one_thing_counts_one_nth():
    watch = EventWeigher()
    assert [watch.weigh(click(place, "same")) for place in range(4)] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert watch.weigh(click(9, "other")) == 1.0


def test_the_same_search_in_other_letters_is_the_same_thing():
    watch = EventWeigher()
    first, second = (Event(hour * HOUR, EventKind.SEARCH, text=text) for hour, text in enumerate(["Drums", "DRUMS"]))
    assert (watch.weigh(first), watch.weigh(second)) == (1.0, 0.5)


def test_two_hundred_clicks_in_a_minute_weigh_like_a_few():
    watch = EventWeigher()
    burst = sum(watch.weigh(Event(NOW + 0.3 * n, EventKind.CLICK, f"i{n}")) for n in range(200))
    assert 5.0 <= burst < 30.0
    calm = EventWeigher()
    assert sum(calm.weigh(click(n)) for n in range(200)) == 200.0


def test_a_sitting_of_ratings_is_no_burst():
    watch = EventWeigher()
    assert sum(watch.weigh(Event(NOW + n, EventKind.RATING, f"i{n}")) for n in range(100)) == 100.0


def test_a_rating_counts_by_the_persons_own_mean_of_the_ratings_before():
    watch = EventWeigher()
    for place, value in enumerate([2.0, 4.0]):  # mean 3, deviation 1; too few to judge by until now
        assert watch.weigh(click(place, kind=EventKind.RATING, value=value)) == 1.0
    assert watch.weigh(click(3, kind=EventKind.RATING, value=4.0)) == pytest.approx(1.2)
    watch = EventWeigher()
    for place, value in enumerate([2.0, 4.0]):
        watch.weigh(click(place, kind=EventKind.RATING, value=value))
    assert watch.weigh(click(3, kind=EventKind.RATING, value=-50.0)) == pytest.approx(0.6)  # two deviations at most


def test_a_rating_that_is_no_number_changes_nothing():
    watch = EventWeigher()
    assert watch.weigh(click(0, kind=EventKind.RATING, value=float("nan"))) == 1.0
    assert watch.ratings == 0


def test_what_is_left_for_something_else_within_three_seconds_was_an_accident():
    one = Event(NOW, EventKind.CLICK, "a")
    assert bounced(one, Event(NOW + 2.0, EventKind.CLICK, "b")) < 0.5
    assert bounced(one, Event(NOW + 2.0, EventKind.PURCHASE, "a")) == 1.0
    assert bounced(one, Event(NOW + 3.0, EventKind.CLICK, "b")) == 1.0
    assert bounced(Event(NOW, EventKind.PURCHASE, "a"), Event(NOW + 1.0, EventKind.CLICK, "b")) == 1.0


def test_where_times_only_tell_an_order_nothing_is_a_burst_or_an_accident():
    watch = EventWeigher()
    clicks = [Event(float(n), EventKind.CLICK, f"i{n}") for n in range(50)]
    assert sum(map(watch.weigh, clicks)) == 50.0
    assert {bounced(one, other) for one, other in pairwise(clicks)} == {1.0}
    assert bounced(clicks[0], Event(NOW, EventKind.CLICK, "b")) == 1.0


def test_an_event_without_company_counts_less_than_one_with():
    axes = np.eye(8, dtype=np.float32)
    alone = Coherence(axes[0], 0.1, 0.6)
    company = [Coherence(axes[1], 0.1, 0.6) for _ in range(5)]
    for place, one in enumerate(company):
        one.compare_with(alone)
        for other in company[:place]:
            one.compare_with(other)
    assert alone.factor == pytest.approx(0.7)
    assert [one.factor for one in company] == [1.0] * 5
    few = Coherence(axes[0], 0.1, 0.6)
    few.compare_with(Coherence(axes[1], 0.1, 0.6))
    assert few.factor == 1.0  # too little to judge by

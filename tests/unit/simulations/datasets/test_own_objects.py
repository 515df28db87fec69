"""A data set of one's own objects: what is taken, what is sorted, and what is named when it does not fit."""

import pytest

from shared.behaviour import Event, EventKind
from shared.catalogue import Item
from shared.errors import Misconfigured
from simulations.datasets import Dataset, load, spec_of

ITEMS = [Item("a", "Roses", "Growing roses"), Item("b", "Tulips", "Growing tulips")]
CLICK = Event(1.0, EventKind.CLICK, "a")


def test_events_are_sorted_and_every_row_is_counted():
    own = Dataset.of("garden", ITEMS, {"ann": [Event(3.0, EventKind.VIEW, "b"), CLICK], "bob": [CLICK]})
    assert [event.item for event in own.people[0].events] == ["a", "b"]
    assert (own.report.rows_read, own.report.rows_kept, own.report.losses) == (5, 5, ())
    assert own.digests() == Dataset.of("other name", ITEMS, {"ann": own.people[0].events, "bob": [CLICK]}).digests()


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ({}, "expected at least one person, got none"),
        ({"ann": [CLICK, "a"]}, r"person 'ann', event 1: expected an Event, got str"),
        ({"ann": [Event(1.0, EventKind.CLICK, "c")]}, r"person 'ann', event 0: .* of the catalogue, got 'c'"),
    ],
)
def test_what_does_not_fit_is_named(people, message):
    with pytest.raises(Misconfigured, match=message):
        Dataset.of("garden", ITEMS, people)


@pytest.mark.parametrize("given", [7, None, b"demo"])
def test_what_is_no_data_is_named_by_its_type(given):
    with pytest.raises(Misconfigured, match=f"a path or a Dataset, got {type(given).__name__}"):
        spec_of(given)
    with pytest.raises(Misconfigured, match=f"got {type(given).__name__}"):
        load(given)

"""Tiny data sets for tests of the protocol."""

from collections.abc import Mapping, Sequence

from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue, Item
from simulations.datasets import Dataset, Impression, LoadReport
from simulations.people import Person


def dataset(
    sequences: Sequence[Sequence[str | None]],
    items: int,
    negatives: Mapping[str, tuple[str, ...]] | None = None,
    impressions: tuple[Impression, ...] = (),
    shown: Mapping[tuple[int, int], tuple[str, ...]] | None = None,
) -> Dataset:
    """People "p0", "p1", … who met the items named, in that order; None is a search. Item "3" lies at row 3.

    Args:
        shown: (person, place) to the ids offered beside that event's item.
    """
    catalogue = Catalogue(Item(str(row), f"title {row}", f"text {row}") for row in range(items))
    people = []
    for person, sequence in enumerate(sequences):
        events = [
            Event(
                float(place),
                EventKind.CLICK if item is not None else EventKind.SEARCH,
                item,
                "" if item is not None else "words",
                shown=(shown or {}).get((person, place), ()),
            )
            for place, item in enumerate(sequence)
        ]
        people.append(Person(f"p{person}", tuple(events)))
    return Dataset("small", catalogue, tuple(people), LoadReport(0, 0, ()), negatives or {}, impressions)

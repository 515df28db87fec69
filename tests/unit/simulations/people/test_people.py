"""People on disk are the people they were; their columns say what Python says of their events."""

import gc
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.behaviour import Event, EventKind, new_places, positive_events
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured
from simulations.evaluation import item_places
from simulations.evaluation.choices import choices_of
from simulations.people import PEOPLE_AT_ONCE, People, Person, RaggedRows, write_people, write_repeated

ITEMS = ["a", "b", "c"]
CATALOGUE = Catalogue(Item(name, name, f"about {name}") for name in ITEMS)
FULL = Event(9.5, EventKind.RATING, "a", "my words", 2.0, ("b", "x"), (("hour", "08"), ("place", "work")), 0.25)


def events(draw: st.DrawFn, most: int) -> tuple[Event, ...]:
    made = []
    for place in range(draw(st.integers(0, most))):
        item = draw(st.sampled_from([*ITEMS, "unknown", None]))
        text = draw(st.sampled_from(["", "words", "naïve café"])) or ("" if item else "search")
        shown = tuple(draw(st.lists(st.sampled_from([*ITEMS, "unknown"]), max_size=2)))
        context = draw(st.sampled_from([(), (("hour", "08"),)]))
        kind = draw(st.sampled_from([EventKind.CLICK, EventKind.SKIP, EventKind.SEARCH, EventKind.DISMISSAL]))
        value, propensity = draw(st.sampled_from([(None, None), (3.5, 0.1)]))
        made.append(Event(float(place), kind, item, text, value, shown, context, propensity))
    return tuple(made)


@st.composite
def populations(draw: st.DrawFn) -> list[Person]:
    return [Person(f"p{number}", events(draw, 6)) for number in range(draw(st.integers(1, 6)))]


@settings(deadline=None, max_examples=60)
@given(populations())
def test_people_are_read_as_they_were_written(people: list[Person]) -> None:
    kept = People.of(people)
    assert list(kept) == people
    assert kept == people
    assert (len(kept), kept.events) == (len(people), sum(len(person.events) for person in people))
    assert kept.lengths().tolist() == [len(person.events) for person in people]


@settings(deadline=None, max_examples=60)
@given(populations())
def test_columns_say_what_python_says_of_the_events(people: list[Person]) -> None:
    kept = People.of(people)
    batch = next(kept.batches(CATALOGUE))
    flat = [event for person in people for event in person.events]
    assert batch.ids == [person.id for person in people]
    assert batch.owners.tolist() == [place for place, person in enumerate(people) for _ in person.events]
    assert batch.rows.tolist() == [CATALOGUE.row(e.item) if e.item in CATALOGUE else -1 for e in flat]
    assert batch.has_item.tolist() == [event.item is not None for event in flat]
    assert batch.positive.tolist() == [event in positive_events([event]) for event in flat]
    assert [batch.texts.texts[n] if n >= 0 else "" for n in batch.texts.numbers] == [event.text for event in flat]
    rows, starts = batch.shown
    beside = [rows[begin:end].tolist() for begin, end in pairwise(starts)]
    assert beside == [[CATALOGUE.row(one) if one in CATALOGUE else -1 for one in event.shown] for event in flat]
    told = [None if np.isnan(chance) else chance for chance in batch.propensities]
    assert told == [event.propensity for event in flat]
    texts = [event.text for event in positive_events(flat) if event.text]
    assert list(kept.own_texts().items()) == [(text, n) for n, text in enumerate(dict.fromkeys(texts))]


@settings(deadline=None, max_examples=60)
@given(populations())
def test_choices_are_those_that_the_rules_of_behaviour_name(people: list[Person]) -> None:
    choices = choices_of(People.of(people), CATALOGUE)
    for place, person in enumerate(people):
        chosen, new = item_places(person.events, CATALOGUE), new_places(person.events, CATALOGUE)
        assert choices.rows[place].tolist() == [CATALOGUE.row(person.events[at].item) for at in chosen]
        assert choices.new[place] == len(new)
        last = [*new[::-1], -1, -1][:2]
        assert choices.places[place].tolist() == last
        assert choices.numbers[place].tolist() == [chosen.index(at) if at >= 0 else -1 for at in last]
        known = [e for e in person.events if e.item in CATALOGUE]
        away = [CATALOGUE.row(e.item) for e in known if e not in positive_events([e]) and e.time_seconds < 3]
        assert choices.turned_away(place, 3).tolist() == away


def test_more_people_than_a_group_are_found_by_their_place() -> None:
    log = (FULL, replace(FULL, item="b"))
    kept = People.of(Person(f"p{number}", log[: number % 3]) for number in range(2 * PEOPLE_AT_ONCE + 5))
    assert [kept[place].id for place in (0, PEOPLE_AT_ONCE, -1)] == ["p0", f"p{PEOPLE_AT_ONCE}", f"p{len(kept) - 1}"]
    assert [len(person.events) for person in kept[PEOPLE_AT_ONCE - 1 : PEOPLE_AT_ONCE + 2]] == [0, 1, 2]
    with pytest.raises(IndexError):
        kept[len(kept)]
    assert [batch.first for batch in kept.batches()] == [0, PEOPLE_AT_ONCE, 2 * PEOPLE_AT_ONCE]


def test_a_digest_tells_people_apart_and_not_how_they_were_given() -> None:
    people = [Person("p", (FULL,)), Person("q", ())]
    told = People.of(people).digest()
    assert People.of(iter(people)).digest() == told
    changes = [
        {"time_seconds": 9.0}, {"kind": EventKind.CLICK}, {"item": "b"}, {"text": "others"}, {"value": None},
        {"shown": ("b",)}, {"context": ()}, {"propensity": 0.5},
    ]  # fmt: skip
    others = [[Person("p", (replace(FULL, **change),)), people[1]] for change in changes]
    others += [[people[0]], people[::-1], [Person("p", ()), Person("q", (FULL,))]]
    assert len({told, *(People.of(other).digest() for other in others)}) == 1 + len(others)


def test_a_repr_shows_nobody() -> None:
    kept = People.of([Person("ann", (FULL,))])
    assert (repr(kept), repr(kept[0]), repr(next(kept.batches()))) == (
        "People(1, 1 events)",
        "Person(1 events)",
        "PeopleBatch(1 people)",
    )


def test_what_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def broken():
        yield Person("p", (FULL,))
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_people(tmp_path / "people.parquet", broken())
    with pytest.raises(Misconfigured, match="place of arrival"):
        write_people(tmp_path / "people.parquet", [Person("p", (replace(FULL, arrival=3),))])
    with pytest.raises(Misconfigured, match="an id of their own"):
        write_people(tmp_path / "people.parquet", [Person("p", ()), Person("p", (FULL,))])
    with pytest.raises(Misconfigured, match="half of one"):
        write_people(tmp_path / "people.parquet", [Person("p", (replace(FULL, text="half \ud800"),))])
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"could not be written"):
        write_people(tmp_path / "file" / "people.parquet", [])
    assert [place.name for place in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("damage", ["absent", "cut", "text", "foreign"])
def test_another_file_is_told_by_its_name(tmp_path: Path, damage: str) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "people.parquet"
    write_people(path, [Person("p", (FULL,))])
    if damage == "absent":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "text":
        path.write_text("person,item")
    else:
        pyarrow.parquet.write_table(pyarrow.table({"person": ["p"]}), path)
    with pytest.raises(Corrupt, match=r"people.parquet: expected people as"):
        People(path)


def test_people_repeated_have_other_names_and_the_same_events(tmp_path: Path) -> None:
    base = People.of(Person(f"p{number}", (FULL,) * (number % 2)) for number in range(PEOPLE_AT_ONCE))
    write_repeated(tmp_path / "people.parquet", base, PEOPLE_AT_ONCE + 3)
    kept = People(tmp_path / "people.parquet")
    assert len({person.id for person in kept}) == len(kept) == PEOPLE_AT_ONCE + 3
    assert [person.events for person in kept[-3:]] == [person.events for person in base[:3]]
    assert kept.events == base.events + 1


def test_ragged_rows_are_lists_of_their_own_length() -> None:
    lists = RaggedRows.of([np.asarray(one, np.int32) for one in ([1, 2, 3], [], [4, 5])])
    assert [one.tolist() for one in lists] == [[1, 2, 3], [], [4, 5]]
    assert [one.tolist() for one in lists[1:]] == [[], [4, 5]]
    assert [one.tolist() for one in lists.shortened(np.asarray([2, 0, 9]))] == [[1, 2], [], [4, 5]]
    assert lists[-1].tolist() == [4, 5]
    assert [one.tolist() for one in RaggedRows.of([])] == []


def test_a_file_of_ones_own_goes_with_the_people_and_a_copy_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    people = [Person("p", (FULL,))]
    kept = People.of(people)
    assert kept.path.parent.parent == tmp_path
    kept.copy_to(tmp_path / "copy.parquet")
    del kept
    gc.collect()
    with pytest.raises(Misconfigured):
        People.of([Person("p", (replace(FULL, arrival=3),))])
    assert [place.name for place in tmp_path.iterdir()] == ["copy.parquet"]
    assert People(tmp_path / "copy.parquet") == people

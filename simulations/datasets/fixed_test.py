"""Reads the published NCF test items and negatives of MovieLens 1M, so that numbers compare with the literature."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from shared.errors import Corrupt, Misconfigured
from simulations.datasets.rows import read_table
from simulations.datasets.tally import LoadCounter
from simulations.people import People, Person

TEST_FILE = "ml-1m.test.rating"
NEGATIVES_FILE = "ml-1m.test.negative"
IDS_FILE = "ncf_item_ids.tsv"


@dataclass(frozen=True)
class PublishedTests:
    """The published test item of each person, with the line it stands on, and the names of the items by NCF number."""

    path: Path
    items: Mapping[str, tuple[str, int]]
    names: Mapping[str, str]


def read_test_items(folder: Path, tally: LoadCounter) -> PublishedTests:
    """The test items, none where the files are absent. NCF numbers people from 0, MovieLens from 1.

    Raises:
        Misconfigured: test items without the file that translates their numbers.
        Corrupt: a row is damaged or names an unknown number.
    """
    path, ids = folder / TEST_FILE, folder / IDS_FILE
    if not path.exists():
        return PublishedTests(path, {}, {})
    if not ids.exists():
        raise Misconfigured(f"{path}: expected {IDS_FILE} beside it to translate its item numbers; add it")
    names = {}
    for _, (number, name) in read_table(ids, tally, separator="\t", columns=2, header="ncf_item\tMovieID"):
        names[number] = name
        tally.kept += 1
    items: dict[str, tuple[str, int]] = {}
    for line, (person, item, _, _) in read_table(path, tally, separator="\t", columns=4):
        person_id = _person(person, path, line)
        if person_id in items:
            raise Corrupt(f"{path}:{line}: expected one test item a person, got a second one")
        items[person_id] = (_name(item, names, path, line), line)
    return PublishedTests(path, items, names)


def moved_last(people: People, tests: PublishedTests, tally: LoadCounter) -> People:
    """The people with each published test item moved to the very end, one second after the last event if needed."""
    return People.of(_moved_last(people, tests, tally)) if tests.items else people


def _moved_last(people: People, tests: PublishedTests, tally: LoadCounter) -> Iterator[Person]:
    found = set()
    for person in people:
        item = tests.items.get(person.id, ("", 0))[0]
        places = [place for place, event in enumerate(person.events) if event.item == item]
        if places:
            found.add(person.id)
            tally.kept += 1
            if places[-1] != len(person.events) - 1:
                rest = person.events[: places[-1]] + person.events[places[-1] + 1 :]
                last = replace(person.events[places[-1]], time_seconds=rest[-1].time_seconds + 1)
                person = Person(person.id, (*rest, last))
        yield person
    for person_id, (_, line) in tests.items.items():
        if person_id not in found:
            tally.skip("fixed test item the person never rated", tests.path, line)


def read_negatives(
    folder: Path, tests: PublishedTests, known: Set[str], tally: LoadCounter
) -> dict[str, tuple[str, ...]]:
    """The published negatives by person, without the person's own test item; none where the file is absent.

    Raises:
        Corrupt: a row does not start with (person,item) or names an unknown number.
    """
    path = folder / NEGATIVES_FILE
    if not tests.items or not path.exists():
        return {}
    negatives: dict[str, tuple[str, ...]] = {}
    for line, (key, numbers) in read_table(path, tally, separator="\t", columns=2):
        person, comma, item = key.strip("()").partition(",")
        if not comma:
            raise Corrupt(f"{path}:{line}: expected (person,item) and its negatives, got another first field")
        listed = [_name(number, tests.names, path, line) for number in numbers.split("\t")]
        tally.read += len(listed)
        person_id = _person(person, path, line)
        test_item = _name(item, tests.names, path, line)
        if tests.items.get(person_id, ("", 0))[0] != test_item or person_id in negatives:
            tally.skip("negatives of another test item, or given twice", path, line, 1 + len(listed))
            continue
        offered = [name for name in listed if name in known]
        kept = tuple(name for name in offered if name != test_item)
        tally.skip("negative not in the catalogue", path, line, len(listed) - len(offered))
        tally.skip("negative is the person's own test item", path, line, len(offered) - len(kept))
        tally.kept += 1 + len(kept)
        negatives[person_id] = kept
    return negatives


def _person(number: str, path: Path, line: int) -> str:
    if not number.isdigit():
        raise Corrupt(f"{path}:{line}: expected a person number, got something else; the line is damaged")
    return str(int(number) + 1)


def _name(number: str, names: Mapping[str, str], path: Path, line: int) -> str:
    try:
        return names[number]
    except KeyError:
        raise Corrupt(f"{path}:{line}: expected an item number of {IDS_FILE}, got an unknown one") from None

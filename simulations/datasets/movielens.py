"""Reads MovieLens in its 100K, 1M, 10M and latest layouts. Every rating counts as a choice, with a value."""

from collections.abc import Iterator
from pathlib import Path

from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured
from shared.records import find_file, whole
from simulations.datasets.dataset import Dataset
from simulations.datasets.film_texts import films_1m, films_100k, films_latest
from simulations.datasets.fixed_test import moved_last, read_negatives, read_test_items
from simulations.datasets.logbook import EventCollector
from simulations.datasets.rows import csv_records, encoding_of, event_time, finite, read_table
from simulations.datasets.tally import LoadCounter

_LAYOUTS = (
    "u.data and u.item (100K); ratings.dat or ratings_time_ordered.tsv.gz, and movies.dat (1M, 10M); "
    "ratings.csv and movies.csv (latest)"
)
_Rating = tuple[int, str, str, float, float]  # line, person, item, value, time


def load_movielens(folder: Path) -> Dataset:
    """Load whichever MovieLens layout the files in `folder` show.

    Raises:
        Misconfigured: the files of no layout are there.
        Corrupt: a file is not what its name claims.
    """
    sources = {name: found for name in _READERS if (found := find_file(folder, name))}
    if not sources:
        raise Misconfigured(f"{folder}: expected the files of a MovieLens layout: {_LAYOUTS}; found none of them")
    name, source = next(iter(sources.items()))
    read_ratings, read_films = _READERS[name]
    tally = LoadCounter()
    catalogue = read_films(folder, tally)
    logbook = EventCollector(catalogue, tally)
    names = {item.id: item.id for item in catalogue}  # one string object per film, not one per rating
    for line, person, film, value, time_seconds in read_ratings(source, tally):
        event = Event(time_seconds, EventKind.RATING, names.get(film, film), value=value)
        logbook.add(person, event, source, line)
    people = logbook.people(source)
    tests = read_test_items(folder, tally)
    return Dataset(
        name=f"movielens {folder.name}",
        catalogue=catalogue,
        people=moved_last(people, tests, tally),
        negatives=read_negatives(folder, tests, names.keys(), tally),
        report=tally.report(),
        files={"items": folder, "events": source},
    )


def _ratings_100k(path: Path, tally: LoadCounter) -> Iterator[_Rating]:
    for line, (person, film, value, time) in read_table(path, tally, separator="\t", columns=4):
        yield from _rating(path, line, person, film, value, time, tally)


def _ratings_1m(path: Path, tally: LoadCounter) -> Iterator[_Rating]:
    for line, (person, film, value, time) in read_table(
        path, tally, separator="::", columns=4, encoding=encoding_of(path)
    ):
        yield from _rating(path, line, person, film, value, time, tally)


def _ratings_ordered(path: Path, tally: LoadCounter) -> Iterator[_Rating]:
    header = "UserID\tPosition\tMovieID\tRating\tFilePos"
    for line, (person, position, film, value, _) in read_table(path, tally, separator="\t", columns=5, header=header):
        yield from _rating(path, line, person, film, value, position, tally)


def _ratings_latest(path: Path, tally: LoadCounter) -> Iterator[_Rating]:
    for line, row in csv_records(path, tally, required=("userId", "movieId", "rating", "timestamp")):
        yield from _rating(path, line, row["userId"], row["movieId"], row["rating"], row["timestamp"], tally)


def _rating(
    path: Path, line: int, person: str, film: str, value: str, time: str, tally: LoadCounter
) -> Iterator[_Rating]:
    if person and film and value and time:
        yield (
            line,
            whole(person),
            whole(film),
            finite(value, path, line, "rating"),
            event_time(time, path, line, "time"),
        )
    else:
        tally.skip("missing value", path, line)


_READERS = {
    "u.data": (_ratings_100k, films_100k),
    "ratings.dat": (_ratings_1m, films_1m),
    "ratings_time_ordered.tsv": (_ratings_ordered, films_1m),
    "ratings.csv": (_ratings_latest, films_latest),
}

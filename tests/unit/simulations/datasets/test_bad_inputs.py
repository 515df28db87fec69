"""Whole data sets as people hand them in: what is read, what is refused, what is too little to ask anybody anything."""

import gzip
import json
from dataclasses import replace

import pytest

from shared.behaviour import TURNED_AWAY
from shared.errors import Corrupt, Misconfigured, NotYet
from simulations.datasets import Dataset, load, spec_of
from simulations.evaluation import split
from simulations.evaluation.world import World

ITEMS = [{"id": f"i{n}", "title": f"part {n}", "text": f"a book about part {n}"} for n in range(40)]
NOW = 1_700_000_000


def events(people=30, each=8, apart=3600, **changed):
    """Everybody meets other items, an hour apart."""
    return [
        {"person": f"p{p}", "time_seconds": NOW + apart * n, "kind": "click", "item": f"i{(7 * p + 11 * n) % 40}"}
        | changed
        for p in range(people)
        for n in range(each)
    ]


def lines(records, start=""):
    return start + "".join(json.dumps(record) + "\n" for record in records)


def table(records, separator=",", header="person,time_seconds,kind,item", end=""):
    rows = [
        separator.join(str(record[name]) for name in ("person", "time_seconds", "kind", "item")) for record in records
    ]
    return "".join(f"{row}{end}\n" for row in [header, *rows])


@pytest.fixture
def read(tmp_path):
    """The data set of a text of events, JSON lines or a table, and one of items."""

    def loaded(content, items=None) -> Dataset:
        name = "events.jsonl" if content.lstrip("\ufeff").startswith("{") else "events.csv"
        (tmp_path / name).write_bytes(content.encode())
        (tmp_path / "items.jsonl").write_bytes((items or lines(ITEMS)).encode())
        return load(f"events:{tmp_path}")

    return loaded


@pytest.fixture
def usual(tmp_path_factory):
    """What every way of writing it down should come to."""
    folder = tmp_path_factory.mktemp("usual")
    (folder / "events.jsonl").write_text(lines(events()))
    (folder / "items.jsonl").write_text(lines(ITEMS))
    return load(f"events:{folder}").people


def spaced(records):
    return [record | {"person": record["person"] + " " * (n % 3)} for n, record in enumerate(records)]


@pytest.mark.parametrize(
    ("content", "items"),
    [
        (lines(events(), start="\ufeff"), lines(ITEMS, start="\ufeff")),
        ("\ufeff" + table(events()), None),
        (table(events(), separator=";", header="person;time_seconds;kind;item"), None),
        (table(events(), header="Person,Time_Seconds,Kind,Item"), None),
        (table(events(), header="person, time_seconds, kind, item"), None),
        (table(events(), separator=", "), None),
        (table(events(), end=","), None),
        (lines(spaced(events())), None),
        (lines(events()), lines(item | {"id": f"{item['id']} "} for item in ITEMS)),
        (
            table(events(), header="person,time_seconds,kind,item,text").replace("i0\n", f"i0,{'x ' * 90_000}\n", 1),
            None,
        ),
    ],
)
def test_what_editors_and_spreadsheets_write_is_the_same_data(read, usual, content, items):
    if content.count(",text"):
        content = "\n".join(row if row.count(",") == 4 else f"{row}," for row in content.split("\n")[:-1]) + "\n"
    people = read(content, items).people
    assert [replace(event, text="") for person in people for event in person.events] == [
        event for person in usual for event in person.events
    ]
    assert [person.id for person in people] == [person.id for person in usual]


def test_ids_that_are_numbers_are_read_and_noted(read):
    dataset = read(
        lines(record | {"item": int(record["item"][1:])} for record in events()),
        lines(item | {"id": number} for number, item in enumerate(ITEMS)),
    )
    assert sum(len(person.events) for person in dataset.people) == 240
    assert [note.partition(" (")[2] for note in dataset.report.notes] == ["40 times)", "240 times)"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(events(), header="person,time_seconds,kind,item,user_agent", end=",x"), r"events\.csv:1: user_agent: "),
        (table(events()).partition("\n")[2], r"events\.csv:1: expected a first line that names the columns"),
        (lines(events(propensity=0)), r"events\.jsonl:1: propensity: .* zero or less"),
        (lines(events(propensity=50)), r"events\.jsonl:1: propensity: .* write 50 % as 0\.5"),
        (lines(events(time_seconds=NOW * 1000)), r"events\.jsonl:1: time_seconds: .* milliseconds"),
        (
            lines([*events(1, 1), *events(1, 2, time_seconds=NOW * 1000)]),
            r"events\.jsonl:2: time_seconds: .* milliseconds",
        ),
        (lines(events(time_seconds=True)), r"events\.jsonl:1: time_seconds: expected a number"),
        (lines(events(time_seconds=-5)), r"events\.jsonl:1: time_seconds: .* below zero"),
        (table(events(time_seconds="1_700_000_000")), r"events\.csv:2: time_seconds: .* underscores"),
        (lines([*events(1, 3), *events(1, 3, time_seconds=19_000)]), r"events\.jsonl:4: time_seconds: expected dates"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(read, content, message):
    with pytest.raises(Corrupt, match=message):
        read(content)


def test_a_further_key_of_an_item_is_named(read):
    with pytest.raises(Corrupt, match=r"items\.jsonl:1: price: expected only id, title"):
        read(lines(events()), lines(item | {"price": 3} for item in ITEMS))


def test_a_loader_says_whether_times_are_dates(read):
    assert read(lines(events())).dated
    assert not read(lines(events(time_seconds=0))).dated
    assert load("demo").dated


@pytest.mark.parametrize(
    ("records", "most"),
    [
        (events(each=1), 1),
        (events(each=2), 2),
        (events(each=8, item="i0"), 1),
        ([*events(each=2), *events(each=4, kind="dismissal", item="i39")], 2),
    ],
)
def test_nobody_to_ask_is_said_with_what_is_missing(read, records, most):
    with pytest.raises(
        NotYet,
        match=rf"at least 3 different items .* the most that anybody has is {most}; add at least {3 - most} more",
    ):
        World.of(read(lines(records)), seed=0)


def test_texts_that_do_not_differ_are_too_little(read):
    items = lines(item | {"title": "Thing", "text": "thing " if n % 2 else "Thing"} for n, item in enumerate(ITEMS))
    with pytest.raises(NotYet, match="texts differ, got 40 items with the same text"):
        World.of(read(lines(events()), items), seed=0)


def test_what_was_turned_away_from_is_no_target_and_no_count(read):
    """Everybody dismisses one item in the middle and another in the end: nothing is asked or learnt of either."""
    usual = split(read(lines(events())), seed=0)
    away = [
        {"person": f"p{p}", "time_seconds": NOW + after, "kind": kind, "item": f"i{(7 * p + 5) % 40}"}
        for p in range(30)
        for after, kind in ((3 * 3600 + 60, "dismissal"), (90 * 3600, "skip"))
    ]
    dataset = read(lines([*events(), *away]))
    parts = split(dataset, seed=0)
    assert parts.test.targets.tolist() == usual.test.targets.tolist()
    assert parts.validation.targets.tolist() == usual.validation.targets.tolist()
    assert parts.counts().tolist() == usual.counts().tolist()
    assert [rows.tolist() for rows in parts.test.histories] == [rows.tolist() for rows in usual.test.histories]
    for person in range(30):
        item = (7 * person + 5) % 40
        assert parts.test.turned_away[person].tolist() == [item]
        assert item not in parts.test.negatives[person]
    world = World.of(dataset, seed=0)
    held = [event for person in range(30) for event in world.held_out(person)]
    assert len(held) == 30
    assert not {event.kind for event in held} & TURNED_AWAY


def test_an_item_that_was_turned_away_from_is_not_asked_for_later(read):
    records = [
        *events(people=1),
        {"person": "p0", "time_seconds": NOW + 1, "kind": "dismissal", "item": "i39"},
        {"person": "p0", "time_seconds": NOW + 99 * 3600, "kind": "click", "item": "i39"},
    ]
    assert split(read(lines(records)), seed=0).test.targets.tolist() == [(11 * 7) % 40]


def test_what_is_met_again_is_not_asked_for_and_its_share_is_told(read):
    repeated = [record | {"time_seconds": record["time_seconds"] + 99 * 3600} for record in events()]
    usual, again = split(read(lines(events())), seed=0), split(read(lines([*events(), *repeated])), seed=0)
    assert again.test.targets.tolist() == usual.test.targets.tolist()
    assert [rows.tolist() for rows in again.training] == [rows.tolist() for rows in usual.training]
    assert (usual.repeats, again.repeats) == (0.0, 0.5)
    for questions in (again.validation, again.test):
        assert not any(
            target in history for target, history in zip(questions.targets, questions.histories, strict=True)
        )


def test_near_doubles_are_merged_and_counted(read, usual):
    tripled = [record | {"time_seconds": record["time_seconds"] + 0.001 * n} for record in events() for n in range(3)]
    dataset = read(lines(tripled))
    assert dataset.people == usual
    (loss,) = dataset.report.losses
    assert (loss.reason.partition(":")[0], loss.count, loss.examples[0]) == ("near double", 480, "events.jsonl:2")


def test_the_same_again_is_a_double_within_a_minute_and_for_the_same_act_alone(read):
    def click(after, item="i1", **rest):
        return {"person": "p", "time_seconds": NOW + after, "kind": "click", "item": item} | rest

    kept = [click(0), click(70), click(75, "i2"), click(80, kind="view"), click(140), click(150, value=2)]
    doubles = [click(59.9), click(100, shown=["i7"]), click(150)]
    people = read(lines([*kept, *doubles])).people
    assert [event.time_seconds - NOW for event in people[0].events] == [0, 70, 75, 80, 140, 150]
    assert people[0].events[1].shown == ("i7",)


def test_where_times_only_tell_an_order_a_double_stands_directly_after_itself(read):
    items = ["i1", "i1", "i2", "i1", "i1", "i1", "i3"]
    records = [{"person": "p", "time_seconds": n, "kind": "view", "item": item} for n, item in enumerate(items)]
    dataset = read(lines(records))
    assert [event.item for event in dataset.people[0].events] == ["i1", "i2", "i1", "i3"]
    assert dataset.report.losses[0].count == 3


def test_an_event_with_a_key_that_was_read_already_stands_twice(read):
    dataset = read(lines([record | {"key": "k"} for record in events(people=2, each=3)]))
    assert [len(person.events) for person in dataset.people] == [1, 1]


def test_the_digest_knows_the_content_and_not_the_form(read):
    written = read(lines(events())).digests()
    assert read(lines(spaced(events()))).digests() == written
    other = read(lines([*events()[:-1], events()[-1] | {"item": "i39"}])).digests()
    assert other["items"] == written["items"]
    assert other["events"] != written["events"]
    retold = read(lines(events()), lines(item | {"title": "other"} for item in ITEMS)).digests()
    assert (retold["events"] == written["events"], retold["items"] == written["items"]) == (True, False)


def movielens(folder, ratings, movies, encoding="utf-8"):
    for name, content in (ratings, movies):
        (folder / name).write_bytes(content.encode(encoding))
    return load(f"movielens:{folder}")


FILMS = "1::Cité des enfants perdus, La (1995)::Drama|Comedy\n2::Amélie (2001)::Drama\n"
RATINGS = "1::1::3.5::838985057\n1::2::4.5::838985058\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_films_are_read_in_the_encoding_they_are_written_in(tmp_path, encoding):
    dataset = movielens(tmp_path, ("ratings.dat", RATINGS), ("movies.dat", FILMS), encoding)
    assert [item.title for item in dataset.catalogue] == ["La Cité des enfants perdus (1995)", "Amélie (2001)"]


@pytest.mark.parametrize(
    ("ratings", "movies"),
    [
        (
            "userId;movieId;rating;timestamp\n1;1;4.0;1001\n1;2;3.5;1002\n",
            "movieId;title;genres\n1;A (1999);Drama\n2;B;War\n",
        ),
        (
            "userId,movieId,rating,timestamp\n1.0,1.0,4.0,1001\n1.0,2.0,3.5,1002\n",
            "movieId,title,genres\n1,A,Drama\n2,B,War\n",
        ),
    ],
)
def test_tables_of_films_are_read_as_spreadsheets_write_them(tmp_path, ratings, movies):
    dataset = movielens(tmp_path, ("ratings.csv", ratings), ("movies.csv", movies))
    assert [(person.id, [event.item for event in person.events]) for person in dataset.people] == [("1", ["1", "2"])]


def test_titles_of_metadata_beside_reviews_are_used(tmp_path):
    reviews = [
        {
            "overall": 5.0,
            "reviewerID": "A",
            "asin": f"B{n}",
            "reviewText": "good",
            "summary": "Stars",
            "unixReviewTime": NOW + n,
        }
        for n in range(3)
    ]
    told = [
        {
            "asin": "B1",
            "title": "Chess &amp; Go",
            "category": ["Games", "Boards"],
            "description": ["Two boards", "in one."],
        },
        {"asin": "B1", "title": "Again"},
        {"asin": "B9", "title": "Nobody's"},
        {"asin": "B2", "title": ""},
    ]
    for name, records in (("Games_5.json.gz", reviews), ("meta_Games.json.gz", told)):
        (tmp_path / name).write_bytes(gzip.compress(lines(records).encode()))
    dataset = load(f"amazon:{tmp_path}")
    items = {item.id: item for item in dataset.catalogue}
    assert (items["B1"].title, items["B1"].text) == ("Chess & Go", "Chess & Go. Games, Boards. Two boards in one.")
    assert items["B0"].title.startswith("Games product")
    assert {loss.reason: loss.count for loss in dataset.report.losses} == {
        "metadata stands twice": 1,
        "metadata of an item without reviews": 1,
        "metadata without item or title": 1,
    }
    assert dataset.report.rows_read == dataset.report.rows_kept + 3


def test_a_path_is_read_by_the_layout_its_files_show(tmp_path, read):
    read(lines(events()))
    assert spec_of(tmp_path) == f"events:{tmp_path}"
    assert load(tmp_path).people == load(f"events:{tmp_path}").people
    (tmp_path / "behaviors.tsv").touch()
    with pytest.raises(Misconfigured, match="files of one layout, found those of events, mind"):
        load(tmp_path)
    with pytest.raises(Misconfigured, match="existing folder"):
        load(tmp_path / "nowhere")

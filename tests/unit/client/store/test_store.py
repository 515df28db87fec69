"""The store: what it acknowledges is there once, what it deletes is gone, and what is not whole stays as it lies."""

import os
import random
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest

from client.store import Store, opening
from client.store.database import StoreFile
from shared.behaviour import Event, EventKind
from shared.errors import Corrupt, Misconfigured, NotYet, StorageFailed
from tests.support.tiny import events

KEY, OTHER = b"k" * 32, b"o" * 32
THREE = events(["garden-0", "garden-1", "music-2"], words={1: "knee pain"})


@pytest.fixture
def path(tmp_path):
    """A store of three events, closed."""
    path = tmp_path / "device" / "store.sqlite"
    path.parent.mkdir()
    with Store.open(path, KEY) as store:
        assert store.append(THREE, ["a", None, "c"]) == [1, 2, 3]
        store.controls["concepts"] = "no knees"
    return path


def bytes_of(path):
    """Every file of the store that holds content."""
    return {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent) if name.startswith("store.")}


def edit(path, *statements):
    """Change the file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_events_are_there_after_closing_oldest_first_whatever_the_order_they_came_in(path):
    early = Event(-5.0, EventKind.SEARCH, text="lamp")
    with Store.open(path, KEY) as store:
        assert store.append([early, THREE[0]]) == [4, 5]
    with Store.open(path, KEY) as store:
        assert store.rows() == [(4, early), (1, THREE[0]), (5, THREE[0]), (2, THREE[1]), (3, THREE[2])]
        assert store.rows(after=3) == [(4, early), (5, THREE[0])]
        assert len(store) == 5


def test_a_key_that_is_known_writes_nothing_again(path):
    with Store.open(path, KEY) as store:
        assert store.append([THREE[2], THREE[0]], ["c", "a"]) == [3, 1]
        assert store.append([THREE[0], THREE[0], THREE[1]], ["new", "new", None]) == [4, 4, 5]
        assert store.append([], []) == []
        assert len(store) == 5


def test_of_a_batch_that_fails_nothing_is_written(path):
    class Unwritable:
        def __getattr__(self, name):
            raise OSError("torn out of our hands")

    with Store.open(path, KEY) as store:
        with pytest.raises(OSError, match="torn"):
            store.append([THREE[0], Unwritable()])
        with pytest.raises(ValueError, match="shorter"):
            store.append([THREE[0], THREE[1]], ["one"])
        assert len(store) == 3
        assert store.append([THREE[0]]) == [4]


def test_the_newest_item_is_kept_out_of_training_once_there_are_three(path):
    skip = Event(50.0, EventKind.SKIP, "garden-5")
    search = Event(60.0, EventKind.SEARCH, text="lamp")
    with Store.open(path, KEY) as store:
        store.append([skip, search])
        assert store.events() == THREE[:2]
        assert store.held_out() == [THREE[2]]
        store.append([Event(70.0, EventKind.CLICK, "garden-6")])
        assert store.events() == [*THREE, skip, search]
        store.delete([1, 2])
        assert store.events() == [THREE[2], skip, search, Event(70.0, EventKind.CLICK, "garden-6")]
        assert store.held_out() == []


def test_nothing_of_an_event_a_key_or_a_decision_can_be_read_on_disk(path):
    with Store.open(path, KEY) as store:
        store.append([Event(1.0, EventKind.SEARCH, text="a marked search")], ["marked-key"])
        store.controls["marked decision"] = "marked text"
        content = b"".join(bytes_of(path).values())
    assert b"garden" not in content
    assert b"marked" not in content
    assert b"knee" not in content
    assert KEY not in content


def ciphertexts(path):
    """Pieces of every sealed row, small enough to lie within one page."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, sealed FROM events").fetchall()
    return {
        row: [sealed[place : place + 24] for place in range(0, len(sealed) - 24, max(24, len(sealed) // 40))]
        for row, sealed in rows
    }


def written(path):
    return b"".join((path.parent / name).read_bytes() for name in os.listdir(path.parent) if name != "run")


def found(path, pieces):
    return [piece for content in [written(path)] for piece in pieces if piece in content]


@pytest.mark.parametrize("everything", [True, False])
def test_what_is_deleted_is_gone_from_the_bytes_of_every_file(path, everything):
    """Rows of all sizes, some over many pages; half of them still in the log when they are deleted."""
    with Store.open(path, KEY) as store:
        sizes = random.Random(1)
        for _ in range(2):
            store.append([Event(1.0, EventKind.SEARCH, text="x" * sizes.randrange(1, 20_000)) for _ in range(60)])
        pieces = ciphertexts(path)
        doomed = set(pieces) if everything else set(list(pieces)[::3])
        content = written(path)
        assert all(any(piece in content for piece in pieces[row]) for row in pieces)
        assert (store.delete_all() if everything else store.delete([*doomed, 10_000])) == len(doomed)
        content = written(path)
        for row in pieces:
            assert any(piece in content for piece in pieces[row]) == (row not in doomed)
        assert {row for row, _ in store.rows()} == set(pieces) - doomed
    assert not found(path, [piece for row in doomed for piece in pieces[row]])


def test_a_process_that_dies_while_it_deletes_leaves_nothing_once_the_store_is_opened_again(
    path, tmp_path, monkeypatch
):
    """As after a kill between the deletion and the building anew: the files are taken away as they lie."""
    sizes = random.Random(4)
    with Store.open(path, KEY) as store:
        ids = store.append([Event(1.0, EventKind.SEARCH, text="x" * sizes.randrange(1, 9_000)) for _ in range(80)])
        monkeypatch.setattr(StoreFile, "erase", lambda self: None)
        pieces = ciphertexts(path)
        assert store.delete(ids[::2]) == 40
        left = tmp_path / "left" / "store.sqlite"
        shutil.copytree(path.parent, left.parent)
    assert found(left, [piece for row in ids[::2] for piece in pieces[row]])
    with Store.open(left, KEY) as store:
        assert not found(left, [piece for row in ids[::2] for piece in pieces[row]])
        assert {row for row, _ in store.rows()} == {1, 2, 3, *ids[1::2]}


def test_row_ids_are_never_given_again(path):
    with Store.open(path, KEY) as store:
        store.delete_all()
        assert len(store) == 0
        assert store.append([THREE[0]], ["a"]) == [4]
    with Store.open(path, KEY) as store:
        store.delete([4])
        assert store.append([THREE[0]]) == [5]


def test_a_deletion_behind_a_slow_reader_says_so_and_is_made_good_at_the_next_start(path, monkeypatch):
    monkeypatch.setattr(opening, "_BUSY_SECONDS", 0.2)
    pieces = ciphertexts(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader, Store.open(path, KEY) as store:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchone()
        with pytest.raises(NotYet, match="a reader keeps older bytes"):
            store.delete([2])
        assert [row for row, _ in store.rows()] == [1, 3]
        assert found(path, pieces[2])
        reader.execute("COMMIT")
    with Store.open(path, KEY) as store:
        assert not found(path, pieces[2])
        assert len(store) == 2


def test_decisions_are_kept_by_name_and_their_old_texts_are_gone(path):
    with Store.open(path, KEY) as store:
        with closing(sqlite3.connect(path)) as connection:
            ((old,),) = connection.execute("SELECT sealed FROM controls").fetchall()
        store.controls["concepts"] = "lamps"
        store.controls["other"] = "\ud800 \u00e9"
        assert dict(store.controls) == {"concepts": "lamps", "other": "\ud800 \u00e9"}
        assert not found(path, [old[:24], old[-24:]])
        store.delete_all()
        del store.controls["other"]
        for call in (lambda: store.controls["other"], lambda: store.controls.pop("other")):
            with pytest.raises(KeyError):
                call()
    with Store.open(path, KEY, read_only=True) as store:
        assert dict(store.controls) == {"concepts": "lamps"}


def test_readers_see_what_is_acknowledged_beside_the_writer_and_write_nothing(path):
    with Store.open(path, KEY) as writer, Store.open(path, KEY, read_only=True) as reader:
        with Store.open(path, KEY, read_only=True) as second:
            for number in range(3):
                writer.append([THREE[0]])
                assert len(reader.rows()) == len(second.rows()) == 4 + number
        for write in (lambda: reader.append([THREE[0]]), lambda: reader.delete([1]), reader.delete_all):
            with pytest.raises(Misconfigured, match="opened to read"):
                write()
        writer.delete_all()
        assert reader.rows() == []


def test_a_reader_without_a_store_is_told_to_wait_and_makes_none(tmp_path):
    with pytest.raises(NotYet, match="no store yet"):
        Store.open(tmp_path / "store.sqlite", KEY, read_only=True)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_another_key_is_noticed_and_changes_no_byte(path, read_only):
    before = bytes_of(path)
    with pytest.raises(Corrupt, match="expected the key it was sealed with"):
        Store.open(path, OTHER, read_only=read_only)
    assert bytes_of(path)["store.sqlite"] == before["store.sqlite"]
    with Store.open(path, KEY) as store:
        assert [event for _, event in store.rows()] == THREE


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_schema_is_left_alone(path, read_only):
    edit(path, "PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="expected schema 1 or older, got 2; nothing was changed"):
        Store.open(path, KEY, read_only=read_only)
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_left_alone(path):
    for content in (b"", b"x" * 4096, b"SQLite format 3\0" + bytes(4080)):
        path.write_bytes(content)
        for read_only in (True, False):
            with pytest.raises(Corrupt, match="expected a whole store"):
                Store.open(path, KEY, read_only=read_only)
        assert path.read_bytes() == content
    path.unlink()
    edit(path, "CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="no store of Hushrec"):
        Store.open(path, KEY)
    assert path.read_bytes() == before


@pytest.fixture
def larger(path):
    with Store.open(path, KEY) as store:
        store.append([Event(float(k), EventKind.SEARCH, text="word " * (k % 40 + 1)) for k in range(200)])
    return path


def test_a_file_cut_anywhere_is_corrupt_and_stays_as_it_lies(larger):
    whole = larger.read_bytes()
    cuts = random.Random(2)
    for size in {0, 1, 15, 16, 100, 4095, 4096, 4097, len(whole) - 4096, len(whole) - 1} | {
        cuts.randrange(len(whole)) for _ in range(30)
    }:
        larger.write_bytes(whole[:size])
        for read_only in (False, True):
            with pytest.raises(Corrupt), Store.open(larger, KEY, read_only=read_only) as store:
                store.rows()
        assert larger.read_bytes() == whole[:size]
    larger.write_bytes(whole)
    with Store.open(larger, KEY) as store:
        assert len(store) == 203


def test_bytes_that_were_changed_anywhere_never_give_other_events(larger):
    """Most are noticed on opening, the others when the row is read; what lies in no row may change without harm."""
    whole = larger.read_bytes()
    with Store.open(larger, KEY, read_only=True) as store:
        right = store.rows()
    places, noticed = random.Random(3), 0
    for _ in range(150):
        place, length = places.randrange(len(whole)), places.choice([1, 1, 64, 4096])
        torn = whole[:place] + places.randbytes(length) + whole[place + length :]
        torn = torn[: len(whole)]
        larger.write_bytes(torn)
        try:
            with Store.open(larger, KEY) as store:
                assert store.rows() == right
        except Corrupt:
            noticed += 1
            assert larger.read_bytes() == torn
    assert noticed > 75


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE events SET sealed = (SELECT sealed FROM events WHERE id = 1) WHERE id = 2"],
        ["DELETE FROM events WHERE id = 2", "UPDATE events SET id = 2 WHERE id = 3"],
        ["UPDATE events SET tag = x'00112233445566778899aabbccddeeff' WHERE id = 1"],
        ["UPDATE events SET tag = NULL WHERE id = 1"],
        ["UPDATE events SET sealed = (SELECT sealed FROM controls) WHERE id = 2"],
        ["UPDATE events SET sealed = (SELECT sealed FROM proof) WHERE id = 2"],
        ["INSERT INTO events SELECT 9, NULL, sealed FROM events WHERE id = 2"],
        ["UPDATE events SET sealed = x'' WHERE id = 1"],
    ],
    ids=["copied", "renumbered", "tagged anew", "untagged", "of a decision", "of the proof", "twice", "emptied"],
)
def test_a_row_that_was_moved_or_changed_is_noticed_and_can_be_deleted(path, statements):
    edit(path, *statements)
    with Store.open(path, KEY) as store:
        with pytest.raises(Corrupt, match=r"event (1|2|9): expected what was sealed in this row") as caught:
            store.rows()
        with pytest.raises(Corrupt):
            store.events()
        row = int(str(caught.value).partition("event ")[2].partition(":")[0])
        assert store.delete([row]) == 1
        assert store.rows()


def test_a_decision_that_was_moved_is_noticed(path):
    with Store.open(path, KEY) as store:
        store.controls["other"] = "lamps"
    edit(
        path,
        "CREATE TEMP TABLE kept AS SELECT * FROM controls",
        "DELETE FROM controls",
        "INSERT INTO controls SELECT one.tag, other.sealed FROM kept one JOIN kept other ON one.tag != other.tag",
    )
    with Store.open(path, KEY) as store:
        for read in (lambda: store.controls["other"], lambda: list(store.controls)):
            with pytest.raises(Corrupt, match="a decision of the person"):
                read()


def test_threads_append_at_once_and_every_event_is_there_once(path):
    given = {}

    def write(store, name):
        for number in range(25):
            event = Event(float(number), EventKind.CLICK, f"{name}-{number}")
            (given[event],) = store.append([event], [f"{name} {number}"])
            store.rows(after=given[event] - 1)

    with Store.open(path, KEY) as store:
        threads = [threading.Thread(target=write, args=(store, name)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(given) == 200
        assert {row: event for row, event in store.rows() if row > 3} == {row: event for event, row in given.items()}


def test_threads_with_the_same_key_write_one_event(path):
    with Store.open(path, KEY) as store:
        ids = []
        threads = [threading.Thread(target=lambda: ids.extend(store.append([THREE[0]], ["same"]))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ids == [4] * 8
        assert len(store) == 4


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(path):
    with Store.open(path, KEY) as store:
        connection = store._database._file._connection
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(StorageFailed, match="free some space"):
            store.append([Event(1.0, EventKind.SEARCH, text="x" * 100_000)])
        assert [event for _, event in store.rows()] == THREE
        connection.execute(f"PRAGMA max_page_count = {pages + 400}")
        assert store.append([Event(1.0, EventKind.SEARCH, text="x" * 100_000)]) == [4]


def test_a_store_that_was_closed_says_so_and_not_that_it_is_torn(path):
    store = Store.open(path, KEY)
    store.close()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.rows()


def test_a_store_is_private_to_its_owner_and_prints_nothing_of_it(path):
    with Store.open(path, KEY) as store:
        store.append(THREE)
        for name in os.listdir(path.parent):
            if name.startswith("store."):
                assert (path.parent / name).stat().st_mode & 0o077 == 0
        assert repr(store) == "Store(StoreFile(writes))"
        assert repr(store.controls) == "SealedControls()"


def test_a_store_that_was_left_half_made_is_made_anew(tmp_path):
    (tmp_path / ".store.sqlite.new").write_bytes(b"half")
    with Store.open(tmp_path / "store.sqlite", KEY) as store:
        assert store.append(THREE) == [1, 2, 3]
    assert sorted(os.listdir(tmp_path)) == ["run", "store.sqlite"]


def test_only_a_new_item_is_kept_out_of_training(path):
    with Store.open(path, KEY) as store:
        store.append([Event(80.0 + n, EventKind.CLICK, THREE[0].item) for n in range(3)])
        assert store.held_out() == [THREE[2]]
        assert store.events() == THREE[:2]

"""Publishing, going back, and what a killed process or a changed file leaves behind."""

import pytest

from server.doctor import check_server
from server.releases import Releases
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.release.publication import Publication
from shared.release.release import Release


def operator(home):
    return home.operator_key().public_key().public_bytes_raw()


def kill_at(monkeypatch, at):
    """A process that is killed before its write of this number, counted from 1; the line of the chain is the last."""
    import server.releases.releases as module

    writes = []

    def killed_first(write):
        def writing(*given):
            writes.append(given[0])
            if len(writes) == at:
                raise KeyboardInterrupt
            return write(*given)

        return writing

    monkeypatch.setattr(module, "write_atomically", killed_first(module.write_atomically))
    monkeypatch.setattr(module.ChainFile, "append", killed_first(module.ChainFile.append))


def test_what_is_published_is_signed_chained_and_there_file_by_file(home, releases, three):
    assert releases.head() is None
    with pytest.raises(NotYet, match="hushrec-server catalogue"):
        releases.start()
    links = [releases.publish(release, f"after round {number}", number) for number, release in enumerate(three)]
    assert [link.sequence for link in links] == [1, 2, 3]
    assert links[0].published_seconds == 1_700_000_000
    previous = None
    for line, link, release in zip(home.chain.read_bytes().splitlines(), links, three, strict=True):
        read = Publication.decode(line)
        assert read == link
        read.verify(operator(home))
        read.follows(previous)
        previous = read
        assert read.release == release.digest()
        assert read.federation == release.federation.digest()
        folder = home.releases / read.release
        assert {path.name for path in folder.iterdir()} == set(read.files) >= {"manifest.json", "card.md"}
        assert {name: (folder / name).stat().st_size for name in read.files} == {
            name: entry.size_bytes for name, entry in read.files.items()
        }
        assert Release.load(folder).digest() == read.release
    assert releases.all() == tuple(links)
    assert releases.head() == links[2]
    assert releases.start() == links[0].release
    assert releases.load(links[1].release).vector.tobytes() == three[1].vector.tobytes()
    assert not [finding for finding in check_server(home.directory) if finding.what.startswith("releases")]


def test_publishing_twice_is_publishing_once(home, releases, three):
    first, second = (releases.publish(release, "why", number) for number, release in enumerate(three[:2]))
    chain = home.chain.read_bytes()
    assert releases.publish(three[1], "again", 2) == second
    assert releases.publish(three[0], "again", 2) == first  # and it does not go back by mistake
    assert home.chain.read_bytes() == chain


@pytest.mark.parametrize("at", range(1, 8))  # six files, and the line
def test_killed_before_any_write_the_head_stands_and_the_next_attempt_publishes_once(
    home, releases, three, monkeypatch, at
):
    first = releases.publish(three[0], "zero", 0)
    with monkeypatch.context() as patch:
        kill_at(patch, at)
        with pytest.raises(KeyboardInterrupt):
            releases.publish(three[1], "one", 1)
    again = Releases(home)
    assert again.all() == (first,)
    again.publish(three[1], "one", 1)
    assert [link.release for link in Releases(home).all()] == [release.digest() for release in three[:2]]


def test_a_torn_last_line_is_completed_byte_for_byte_wherever_it_was_cut(home, releases, three):
    """A device may have taken it, so that a chain without it would be refused for good."""
    for number, release in enumerate(three):
        releases.publish(release, "why", number)
    whole = home.chain.read_bytes()
    end = whole.rindex(b"\n", 0, -1) + 1
    for cut in (end, end + 1, end + 100, len(whole) - 100, len(whole) - 1):
        home.chain.write_bytes(whole[:cut])
        assert releases.head().sequence == 2  # as a reader beside a writer sees it
        assert home.chain.read_bytes() == whole[:cut]
        assert Releases(home).head().sequence == 3
        assert home.chain.read_bytes() == whole
        home.chain.write_bytes(whole[:cut])
        assert releases.rollback(three[0].digest()).sequence == 4  # whoever writes completes it first
        assert home.chain.read_bytes().startswith(whole)
        home.chain.write_bytes(whole)
        home.chain.with_name("newest.json").unlink()
        Releases(home)  # opening the chain makes its record again


def test_killed_between_the_record_and_the_line_the_publication_stands(home, releases, three, monkeypatch):
    import server.releases.chain_file as module

    def killed(path, content):
        write(path, content)
        raise KeyboardInterrupt

    write = module.write_atomically
    for number in (0, 1):  # release zero, whose chain is no file yet, and another
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_atomically", killed)
            with pytest.raises(KeyboardInterrupt):
                releases.publish(three[number], "first", number)
        again = Releases(home)
        assert again.publish(three[number], "again", number).why == "first"
        assert [link.sequence for link in again.all()] == list(range(1, number + 2))


@pytest.mark.parametrize("damage", ["no record", "another's record", "an older record", "two lines lost", "chain lost"])
def test_an_end_that_the_record_does_not_complete_is_corrupt_and_left_as_it_lies(home, releases, three, damage):
    record = home.chain.with_name("newest.json")
    for number, release in enumerate(three):
        older = record.read_bytes() if record.exists() else b""
        releases.publish(release, "why", number)
    whole = home.chain.read_bytes()
    lines = whole.splitlines(keepends=True)
    home.chain.write_bytes(lines[0] if damage == "two lines lost" else whole[:-100])
    if damage == "no record":
        record.unlink()
    elif damage == "another's record":
        record.write_bytes(Publication.decode(record.read_bytes()).model_copy(update={"signature": "ab" * 64}).encode())
        home.chain.write_bytes(b"".join(lines[:2]) + lines[2][:100])
    elif damage == "an older record":
        record.write_bytes(older)
    elif damage == "chain lost":
        home.chain.unlink()
    before = {path: path.read_bytes() for path in home.releases.iterdir() if path.is_file()}
    number = {"two lines lost": 2, "chain lost": 1}.get(damage, 3)
    for attempt in (lambda: Releases(home), lambda: releases.publish(three[2], "why", 2)):
        with pytest.raises(Corrupt, match=rf"chain\.jsonl:{number}: expected .* from one copy"):
            attempt()
    assert {path: path.read_bytes() for path in home.releases.iterdir() if path.is_file()} == before
    assert any(finding.what == f"releases/chain.jsonl: line {number}" for finding in check_server(home.directory))


@pytest.mark.parametrize("change", ["flipped", "dropped", "swapped", "signed by another"])
def test_a_changed_earlier_line_is_corrupt_and_nothing_is_written_behind_it(home, releases, three, change):
    for number, release in enumerate(three[:2]):
        releases.publish(release, "why", number)
    first, second = home.chain.read_bytes().splitlines()
    if change == "flipped":
        lines = [first.replace(b'"why":"why"', b'"why":"who"'), second]
    elif change == "dropped":
        lines = [second]
    elif change == "swapped":
        lines = [second, first]
    else:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        lines = [Publication.decode(first).sign(Ed25519PrivateKey.generate()).encode(), second]
    damaged = b"\n".join(lines) + b"\n"
    home.chain.write_bytes(damaged)
    for attempt in (releases.all, Releases(home).head, lambda: releases.publish(three[2], "why", 2)):
        with pytest.raises(Corrupt, match=r"chain\.jsonl:[12]: "):
            attempt()
    assert home.chain.read_bytes() == damaged


@pytest.mark.parametrize("how", ["rollback", "promote"])
def test_going_back_is_a_new_publication_that_devices_accept(home, releases, three, how):
    first, second = (releases.publish(release, f"round {number}", number) for number, release in enumerate(three[:2]))
    back = getattr(releases, how)(first.release[:8])
    back.verify(operator(home))
    back.follows(second)
    assert (back.sequence, back.release, back.files) == (3, first.release, first.files)
    assert back.why == {"rollback": "rolled back: round 0", "promote": "promoted: round 0"}[how]
    assert releases.head() == back
    assert releases.start() == first.release
    forward = releases.promote(second.release)
    assert (forward.sequence, forward.release) == (4, second.release)
    assert releases.rollback(first.release).why == "rolled back: round 0"


def test_there_is_no_going_back_to_what_counts_already_or_never_was(home, releases, three):
    first, second = (releases.publish(release, "why", number) for number, release in enumerate(three[:2]))
    chain = home.chain.read_bytes()
    for name, message in (
        (second.release, "the one that counts"),
        (three[2].digest(), "names 0"),
        (first.release[:7], "names 0"),
        ("", "names 0"),
        ("../" + first.release, "names 0"),
    ):
        with pytest.raises(Misconfigured, match=message):
            releases.rollback(name)
    assert home.chain.read_bytes() == chain


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_there_is_no_going_back_to_a_damaged_release(home, releases, three, damage):
    first = releases.publish(three[0], "why", 0)
    releases.publish(three[1], "why", 1)
    path = home.releases / first.release / "model.safetensors"
    path.unlink() if damage == "missing" else path.write_bytes(b"other")
    with pytest.raises(Corrupt, match="restore it from a copy"):
        releases.rollback(first.release)
    assert releases.head().sequence == 2


def test_what_was_made_from_a_release_that_no_longer_counts_is_not_published(releases, three):
    releases.publish(three[0], "zero", 0)
    releases.publish(three[1], "one", 1)
    with pytest.raises(NotYet, match="published meanwhile"):
        releases.publish(three[2], "items for release zero", 1)
    assert [link.why for link in releases.all()] == ["zero", "one"]
    assert releases.newest().why == "one"
    back = releases.rollback(three[0].digest())
    assert releases.head() == back
    assert releases.newest().release == three[1].digest()

"""The ledger's file: crashes at every byte, tampering at every byte, and two processes at once."""

import json
import os
import stat

import pytest

from shared.errors import Corrupt, Misconfigured, Refused
from shared.privacy import LedgerBudget, LedgerFile, LocalWindow, SummedGaussian, read_charges

BUDGET = LedgerBudget(100.0, local_epsilon=100.0)
EVENTS = [LocalWindow("update", 0.125), SummedGaussian("update", 0.25), SummedGaussian("statistics", 0.5)]


@pytest.fixture
def path(tmp_path):
    """A ledger of three charges, in rounds 1 to 3."""
    path = tmp_path / "device" / "ledger"
    with LedgerFile(path, BUDGET) as ledger:
        for number, event in enumerate(EVENTS, start=1):
            ledger.charge(event, round_number=number)
    return path


def test_entries_say_when_what_and_at_which_level(path):
    with LedgerFile(path, BUDGET) as ledger:
        added = ledger.charge(EVENTS[0], EVENTS[1], round_number=9)
        assert [charge.sequence for charge in ledger.charges] == [1, 2, 3, 4, 5]
        assert [charge.round_number for charge in ledger.charges] == [1, 2, 3, 9, 9]
        assert [charge.event for charge in ledger.charges] == [*EVENTS, *EVENTS[:2]]
        assert [(charge.level, charge.task) for charge in ledger.charges[:3]] == [
            ("local", "update"),
            ("user", "update"),
            ("user", "statistics"),
        ]
        assert added == ledger.charges[3:]


def test_a_charge_is_on_disk_when_it_returns(path, monkeypatch):
    flushed = []
    with LedgerFile(path, BUDGET) as ledger:
        monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_size))
        ledger.charge(EVENTS[0], round_number=4)
        assert flushed == [path.stat().st_size]
        assert json.loads(path.read_bytes().splitlines()[-1])["sequence"] == 4


def test_a_refused_charge_writes_nothing(path):
    before = path.read_bytes()
    with LedgerFile(path, LedgerBudget(1.0, local_epsilon=1.0)) as ledger:
        with pytest.raises(Refused):
            ledger.charge(EVENTS[1], round_number=4)
        assert len(ledger.charges) == 3
    assert path.read_bytes() == before


def test_a_crash_at_any_byte_of_the_last_line_drops_that_charge_or_keeps_it_whole(path):
    whole = path.read_bytes()
    end_of_second = whole[:-1].rindex(b"\n") + 1
    for length in range(end_of_second, len(whole) + 1):
        path.write_bytes(whole[:length])
        kept = 3 if length >= len(whole) - 1 else 2
        with LedgerFile(path, BUDGET) as ledger:
            assert [charge.event for charge in ledger.charges] == EVENTS[:kept]
            assert path.read_bytes() == (whole if kept == 3 else whole[:end_of_second])
            ledger.charge(*EVENTS[kept:], round_number=3)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("tail", [b"\0" * 50, b'{"sequence":4', b"\xff", b"[" * 100_000])
def test_a_tail_that_is_no_line_is_dropped(path, tail):
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    with LedgerFile(path, BUDGET) as ledger:
        assert len(ledger.charges) == 3
    assert path.read_bytes() == whole


def test_a_change_at_any_byte_but_the_last_is_noticed_and_destroys_nothing(path):
    whole = path.read_bytes()
    for place in range(len(whole) - 1):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        path.write_bytes(changed)
        with pytest.raises(Corrupt, match=r"line \d: expected the charge that follows"):
            LedgerFile(path, BUDGET)
        assert path.read_bytes() == changed


@pytest.mark.parametrize("order", [(1, 2), (0, 2), (0, 2, 1), (0, 0, 1, 2), (2,), (1, 0, 2)])
def test_lines_left_out_doubled_or_moved_are_noticed(path, order):
    lines = path.read_bytes().splitlines(keepends=True)
    changed = b"".join(lines[place] for place in order)
    path.write_bytes(changed)
    with pytest.raises(Corrupt):
        LedgerFile(path, BUDGET)
    assert path.read_bytes() == changed


@pytest.mark.parametrize("line", [b"", b"5", b"[]", b"{}", b'{"round":1}', b"null"])
def test_a_line_that_is_no_charge_is_corrupt(path, line):
    path.write_bytes(line + b"\n")
    with pytest.raises(Corrupt, match="line 1"):
        LedgerFile(path, BUDGET)


def test_a_full_disk_lets_nothing_leave_and_the_next_charge_mends_the_file(path, monkeypatch):
    whole, write = path.read_bytes(), os.pwrite
    with LedgerFile(path, BUDGET) as ledger:

        def half(handle, content, offset):
            write(handle, content[: len(content) // 2], offset)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", half)
        with pytest.raises(Misconfigured, match="No space left on device"):
            ledger.charge(EVENTS[0], round_number=4)
        assert len(ledger.charges) == 3
        monkeypatch.setattr(os, "pwrite", lambda handle, content, offset: write(handle, content[:10], offset))
        ledger.charge(EVENTS[0], round_number=5)
    assert path.read_bytes().startswith(whole)
    with LedgerFile(path, BUDGET) as ledger:
        assert [charge.round_number for charge in ledger.charges] == [1, 2, 3, 5]


def test_only_the_owner_reads_it(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    LedgerFile(path, BUDGET).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_closed_ledger_takes_no_charge(path):
    ledger = LedgerFile(path, BUDGET)
    ledger.close()
    ledger.close()
    with pytest.raises(Misconfigured, match="nothing may leave"):
        ledger.charge(EVENTS[0], round_number=4)


def test_a_folder_in_its_place_is_misconfigured(tmp_path):
    with pytest.raises(Misconfigured, match="could not be kept"):
        LedgerFile(tmp_path, BUDGET)


@pytest.mark.parametrize("number", [-1, 1.0, True, "1"])
def test_a_round_that_is_no_number_is_refused_before_anything_is_written(path, number):
    before = path.read_bytes()
    with LedgerFile(path, BUDGET) as ledger, pytest.raises(Misconfigured, match="round: expected a whole number"):
        ledger.charge(EVENTS[0], round_number=number)
    assert path.read_bytes() == before


def test_a_ledger_file_prints_how_many_charges_it_holds_and_no_more(path):
    with LedgerFile(path, BUDGET) as ledger:
        assert repr(ledger) == "LedgerFile(3 charges)"


def test_charges_are_read_beside_the_one_who_has_the_ledger_open(path):
    with LedgerFile(path, BUDGET) as ledger:
        ledger.charge(EVENTS[0], round_number=4)
        assert read_charges(path) == ledger.charges


def test_reading_charges_changes_no_byte_and_leaves_a_torn_last_line_out(path):
    whole = path.read_bytes()
    first_two = b"".join(whole.splitlines(keepends=True)[:2])
    for cut, expected in ((len(first_two) + 5, 2), (len(whole) - 1, 3), (len(whole), 3), (0, 0)):
        path.write_bytes(whole[:cut])
        assert [charge.event for charge in read_charges(path)] == EVENTS[:expected]
        assert path.read_bytes() == whole[:cut]
    path.write_bytes(whole.replace(b"0.25", b"0.24"))
    with pytest.raises(Corrupt, match="line 2"):
        read_charges(path)
    assert read_charges(path.parent / "none") == ()

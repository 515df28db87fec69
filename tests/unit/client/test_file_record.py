"""What a device writes down agrees, or it answers nothing: ledgers that are put back, and crashes at any moment."""

import shutil
from collections import Counter

import keyring
import pytest

from client.file_record import FileRecord, device_record
from client.home import create_home
from client.ledger_heads import KeyringHead, SealedHead
from client.privacy_report import spent_privacy
from shared.errors import Misconfigured, NotYet, Refused
from shared.privacy import LedgerBudget, LedgerFile, LedgerHead, SummedGaussian, SummedWindow, read_charges
from tests.support.records import file_record
from tests.unit.client.test_keys import MemoryKeyring

BUDGET = LedgerBudget(1e6, event_epsilon=1e6)
CHARGES = (SummedGaussian("update", 0.25), SummedWindow("update", 0.125))
FILES = ("ledger.jsonl", "ledger.head", "rounds.json")


def answer(record, number):
    record.check(BUDGET, CHARGES)
    record.reserve_round("update", number)
    record.charge(BUDGET, CHARGES, number)


@pytest.fixture
def folder(tmp_path):
    """Three answers, and in `older` what there was after the first."""
    record = file_record(tmp_path)
    answer(record, 1)
    (tmp_path / "older").mkdir()
    for name in FILES:
        shutil.copy(tmp_path / name, tmp_path / "older")
    answer(record, 2)
    answer(record, 3)
    return tmp_path


def delete(folder):
    (folder / "ledger.jsonl").unlink()


def cut(folder):
    lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "ledger.jsonl").write_bytes(b"".join(lines[:-2]))


def cut_one_line(folder):
    lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "ledger.jsonl").write_bytes(b"".join(lines[:-1]))


def tear(folder):
    (folder / "ledger.jsonl").write_bytes((folder / "ledger.jsonl").read_bytes()[:-9])


def empty(folder):
    (folder / "ledger.jsonl").write_bytes(b"")


def copy_back(folder):
    shutil.copy(folder / "older" / "ledger.jsonl", folder / "ledger.jsonl")


def another_history(folder):
    (folder / "ledger.jsonl").unlink()
    with LedgerFile(folder / "ledger.jsonl", BUDGET) as ledger:
        for number in range(1, 5):
            ledger.charge(*CHARGES, round_number=number + 10)


def lose_the_head(folder):
    (folder / "ledger.head").unlink()


def bend_the_head(folder):
    sealed = (folder / "ledger.head").read_bytes()
    (folder / "ledger.head").write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def anothers_head(folder):
    SealedHead(folder / "ledger.head", lambda: bytes(31) + b"1").keep(LedgerHead())


ATTACKS = (
    delete, cut, cut_one_line, tear, empty, copy_back, another_history, lose_the_head, bend_the_head, anothers_head,
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_ledger_that_was_put_back_or_cannot_be_compared_gives_no_answer(folder, attack):
    attack(folder)
    before = {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}
    record = file_record_without_making(folder)
    for call in (lambda: record.check(BUDGET, CHARGES), lambda: record.charge(BUDGET, CHARGES, 9)):
        with pytest.raises(Refused, match=r"hushrec-device check .* --mend") as refused:
            call()
        assert refused.value.code == "ledger-behind"
    after = {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}
    assert after | {"ledger.jsonl": b""} == before | {"ledger.jsonl": b""}
    assert len(read_charges(folder / "ledger.jsonl")) <= 8


@pytest.mark.parametrize("attack", [one for one in ATTACKS if one is not delete])
def test_without_the_comparison_the_same_attacks_are_answered(folder, attack, monkeypatch):
    monkeypatch.setattr(FileRecord, "_check_whole", lambda *_: None)
    attack(folder)
    answer(file_record_without_making(folder), 30)


def file_record_without_making(folder):
    return FileRecord(
        folder / "ledger.jsonl", folder / "rounds.json", (SealedHead(folder / "ledger.head", lambda: bytes(32)),)
    )


def test_older_files_that_agree_are_told_by_the_server_alone(folder):
    for name in FILES:
        shutil.copy(folder / "older" / name, folder / name)
    file_record(folder).check(BUDGET, CHARGES)
    for known in ({"update": (2, 1)}, {"update": (3, 3)}, {"statistics": (1, 0)}):
        with pytest.raises(Refused, match="as the server has had"):
            file_record(folder, lambda known=known: known).check(BUDGET, CHARGES)
    answer(file_record(folder, lambda: {"update": (1, 1)}), 2)


def test_a_second_folder_of_the_same_device_is_told_as_soon_as_the_first_has_answered(folder):
    answered = {"update": (3, 3)}
    copy = folder / "copy"
    copy.mkdir()
    for name in FILES:
        shutil.copy(folder / name, copy / name)
    answer(file_record(folder, lambda: answered), 4)
    answered["update"] = (4, 4)
    answer(file_record(folder, lambda: answered), 5)
    with pytest.raises(Refused, match="expected 4 answers of update as the server has had, got 3"):
        file_record(copy, lambda: answered).check(BUDGET, CHARGES)


def test_the_latest_round_of_ledger_rounds_and_server_counts(folder):
    (folder / "rounds.json").unlink()
    record = file_record(folder, lambda: {"evaluation": (0, 7)})
    for task, last in (("update", 3), ("evaluation", 7)):
        with pytest.raises(Refused, match=f"has answered round {last} already"):
            record.reserve_round(task, last)
        record.reserve_round(task, last + 1)


def test_after_a_crash_at_any_moment_the_device_answers_on_and_nothing_charged_is_forgotten(folder, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    before = {name: (folder / name).read_bytes() for name in FILES}
    answer(file_record(folder), 4)
    after = {name: (folder / name).read_bytes() for name in FILES}
    added = after["ledger.jsonl"][len(before["ledger.jsonl"]) :]
    states = [before, before | {"rounds.json": after["rounds.json"]}]
    end = added.index(b"\n")
    for length in {*range(1, len(added), 7), end - 1, end, end + 1, len(added) - 1, len(added)}:
        states.append(states[1] | {"ledger.jsonl": before["ledger.jsonl"] + added[:length]})
    states.append(after)
    for state in states:
        for name, content in state.items():
            (folder / name).write_bytes(content)
        held = Counter(charge.event for charge in read_charges(folder / "ledger.jsonl"))
        answer(file_record(folder), 5)
        assert Counter(charge.event for charge in read_charges(folder / "ledger.jsonl")) == held + Counter(CHARGES)


def test_a_crash_in_the_first_round_ever_locks_nothing(tmp_path):
    record = file_record(tmp_path)
    record.check(BUDGET, CHARGES)
    record.reserve_round("update", 1)
    answer(file_record(tmp_path), 2)


@pytest.fixture
def system():
    """The system has a keyring."""
    before, system = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(system)
    yield system
    keyring.set_keyring(before)


@pytest.fixture
def home(tmp_path, system):
    return create_home(tmp_path / "device", keyring=True)


def test_a_folder_that_is_put_back_is_told_by_the_keyring_alone(home, system, tmp_path):
    assert len(system.kept) == 2
    answer(device_record(home), 1)
    shutil.copytree(home.directory, tmp_path / "older")
    answer(device_record(home), 2)
    shutil.rmtree(home.directory)
    shutil.copytree(tmp_path / "older", home.directory)
    with pytest.raises(Refused, match="expected 4 charges as in the system's keyring, got 2"):
        device_record(home).check(BUDGET, CHARGES)


def test_a_keyring_that_lost_the_head_or_is_locked_gives_no_answer_and_charges_nothing(home, system):
    answer(device_record(home), 1)
    kept = dict(system.kept)
    (entry,) = (name for name in system.kept if name[1].endswith(" ledger"))
    for bent in (None, "", "{}", "5"):
        system.kept = dict(kept)
        if bent is None:
            del system.kept[entry]
        else:
            system.kept[entry] = bent
        with pytest.raises(Refused, match="head in the system's keyring, found none"):
            device_record(home).check(BUDGET, CHARGES)
    system.kept, system.locked = kept, True
    with pytest.raises(NotYet, match="unlock it"):
        device_record(home).charge(BUDGET, CHARGES, 2)
    system.locked = False
    assert len(read_charges(home.ledger)) == 2
    answer(device_record(home), 2)


def test_what_is_spent_is_told_while_the_keyring_is_locked(home, system):
    answer(device_record(home), 1)
    system.locked = True
    told = spent_privacy(home)
    assert told["answers"]["update"] == 1
    assert "unlock it" in told["faults"][0]
    system.locked = False
    home.ledger.unlink()
    assert any("found none" in fault for fault in spent_privacy(home)["faults"])


def test_a_crash_between_file_and_keyring_leaves_the_keyring_behind_which_is_no_fault(home, system):
    answer(device_record(home), 1)
    kept = dict(system.kept)
    answer(device_record(home), 2)
    system.kept = kept
    answer(device_record(home), 3)
    assert KeyringHead(home.keys).read().count == 6


def test_no_key_no_head_and_no_charge_is_printed(folder, home):
    record = device_record(home)
    assert repr(record) == "FileRecord()"
    assert repr(KeyringHead(home.keys)) == "KeyringHead()"
    assert repr(SealedHead(home.head, home.keys.data_key)) == "SealedHead()"
    assert b"update" not in (folder / "ledger.head").read_bytes()


def test_without_the_key_of_the_store_nothing_is_answered(home, system):
    system.kept.clear()
    with pytest.raises(Misconfigured, match="keyring"):
        device_record(home).check(BUDGET, CHARGES)

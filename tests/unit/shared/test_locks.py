"""File locks: one holder at a time across processes, and none that outlives its holder."""

import math
import os
import threading
from pathlib import Path

import pytest

from shared.errors import Misconfigured, NotYet
from shared.locks import acquire, exclusive, is_locked, try_lock


def test_a_second_holder_is_told_what_was_agreed_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "made" / "lock"
    assert not is_locked(path)
    with exclusive(path, "busy"):
        assert is_locked(path)
        with pytest.raises(NotYet, match="taken; wait"), exclusive(path, "taken; wait"):
            pass
        assert is_locked(path)
    assert not is_locked(path)
    assert path.exists()
    assert path.stat().st_mode & 0o777 == 0o600


def test_waiting_takes_the_lock_when_its_holder_lets_go(tmp_path: Path) -> None:
    held = acquire(tmp_path / "lock", "busy")
    waiting = threading.Thread(target=lambda: os.close(acquire(tmp_path / "lock", "busy", math.inf)))
    waiting.start()
    os.close(held)
    waiting.join(30)
    assert not waiting.is_alive()


def test_looking_neither_takes_the_lock_nor_makes_the_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
    with exclusive(tmp_path / "lock", "busy"):
        descriptor = os.open(tmp_path / "lock", os.O_RDWR)
        assert not try_lock(descriptor)
        os.close(descriptor)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"file/lock: expected to make a lock there"):
        acquire(tmp_path / "file" / "lock", "busy")

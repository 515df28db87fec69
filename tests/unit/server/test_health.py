"""Waiting for a server: as long as it takes, no longer than was asked, and with a word on what is missing."""

from pathlib import Path

import pytest

from server.health import wait_until_up
from server.home import Home, create_server
from server.instance_lock import instance_lock
from shared.errors import NotYet


class Clock:
    """Time that passes in sleep alone."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.seconds += seconds


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


def test_it_returns_at_the_first_answer(home: Home) -> None:
    clock, asked = Clock(), []

    def answers() -> bool:
        asked.append(clock.seconds)
        return len(asked) == 4

    with instance_lock(home):
        wait_until_up(home, 60.0, answers, clock.now, clock.sleep)
    assert len(asked) == 4
    assert clock.seconds == asked[-1] < 2.0


def test_a_server_that_comes_up_while_it_is_waited_for_is_found(home: Home) -> None:
    """The lock is taken while the caller sleeps; an answer before that is another server's."""
    clock, lock = Clock(), instance_lock(home)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if 3.0 <= clock.seconds < 3.0 + seconds:
            lock.__enter__()

    wait_until_up(home, 60.0, lambda: True, clock.now, sleep)
    assert 3.0 <= clock.seconds < 4.0
    lock.__exit__(None, None, None)


def test_what_does_not_answer_in_time_is_told_with_what_to_do(home: Home) -> None:
    clock = Clock()
    with pytest.raises(NotYet, match=r"within 5 seconds, got none; start it with `hushrec-server up .*/server`"):
        wait_until_up(home, 5.0, lambda: False, clock.now, clock.sleep)
    assert clock.seconds == pytest.approx(5.0)
    with instance_lock(home), pytest.raises(NotYet, match=r"still starting; wait longer, or see .*logs"):
        wait_until_up(home, 5.0, lambda: False, clock.now, clock.sleep)
